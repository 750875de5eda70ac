"""The seat gate in Redis: four scripts over one sorted set a licence. It may turn a newcomer away; it grants nothing.

A wrong gate (empty, stale, cut off) can refuse a newcomer for at most one lease. It can never give a seat too many, nor
cost a holder its seat: PostgreSQL decides both (`licenses.seats.record`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from redis.commands.core import Script

from config.kernel.redis import RedisUnavailable, breaker, client, run_many
from licenses import metrics

Answered = TypeVar("Answered")

_LUA = Path(__file__).parent / "lua"


class Verdict(StrEnum):
    """What the gate says to a machine that asks for a seat."""

    OWN = "own"
    RESERVED = "reserved"
    FULL = "full"
    UNKNOWN = "unknown"
    """Redis does not answer: everybody passes, PostgreSQL decides, answers say `degraded`."""


@dataclass(frozen=True)
class Lease:
    """A live lease as the record has it."""

    session_id: UUID
    lease_no: int
    hardware_hash: bytes
    expires_at: datetime

    @property
    def owner(self) -> str:
        """The name under which the gate keeps it: a release of another session or lease number does not fit."""
        return f"{self.session_id}:{self.lease_no}"

    @property
    def expires_ms(self) -> int:
        """When it runs out, in Unix milliseconds."""
        return int(self.expires_at.timestamp() * 1000)


@dataclass(frozen=True)
class Answer:
    """The gate's verdict, how many machines it knows, and, when full, when the first of their leases runs out."""

    verdict: Verdict
    held: int = 0
    retry_after_ms: int = 0


def reserve(*, license_id: UUID, hardware_hash: bytes, limit: int, reservation: str, denies: bool = True) -> Answer:
    """Ask for a seat, atomically; a reservation lapses by itself after one lease.

    A FULL is counted as a denial (`licenses.seats.denials`) if it `denies`: if PostgreSQL is not asked all the same.
    """
    arguments = [hardware_hash.hex(), limit, reservation, lease_milliseconds(), int(denies)]
    try:
        word, held, retry_after_ms = _run("acquire_seat", license_id, arguments)
    except RedisUnavailable:
        return Answer(Verdict.UNKNOWN)
    return Answer(Verdict(word.decode()), int(held), int(retry_after_ms))


def confirm(*, license_id: UUID, lease: Lease) -> bool:
    """Tell the gate what PostgreSQL granted or renewed; return False when Redis does not answer."""
    return _tell("refresh_heartbeat", license_id, _confirmation(lease))


def confirm_all(leases: Sequence[tuple[UUID, Lease]]) -> bool:
    """Tell the gate of leases, each with its licence's id, in one trip; return False when Redis does not answer."""
    if not leases:
        return True
    calls = [(_keys(license_id), _confirmation(lease)) for license_id, lease in leases]
    try:
        _timed("refresh_heartbeat", lambda: run_many(_script("refresh_heartbeat"), calls))
    except RedisUnavailable:
        return False
    return True


def forget(*, license_id: UUID, hardware_hash: bytes, owner: str) -> bool:
    """Free a machine's place if `owner` still holds it; return False when Redis does not answer."""
    return _tell("release_seat", license_id, [hardware_hash.hex(), owner])


def load(*, license_id: UUID, leases: Sequence[Lease], denied: str = "") -> bool:
    """Teach the gate the live leases it does not know; return False when Redis does not answer.

    The refusal that showed what it does not know is counted under the reservation it `denied`.
    """
    arguments: list[Any] = [lease_milliseconds(), denied]
    for lease in leases:
        arguments += [lease.hardware_hash.hex(), lease.owner, lease.expires_ms]
    return _tell("load_leases", license_id, arguments)


def lease_milliseconds() -> int:
    """Return the length of a lease."""
    return int(settings.SEAT_LEASE_SECONDS) * 1000


def _tell(name: str, license_id: UUID, arguments: list[Any]) -> bool:
    try:
        _run(name, license_id, arguments)
    except RedisUnavailable:
        return False
    return True


def _confirmation(lease: Lease) -> list[Any]:
    return [lease.hardware_hash.hex(), lease.owner, lease.expires_ms, lease_milliseconds()]


def _run(name: str, license_id: UUID, arguments: list[Any]) -> Any:
    (answer,) = _timed(name, lambda: run_many(_script(name), [(_keys(license_id), arguments)]))
    return answer


def _timed(name: str, call: Callable[[], Answered]) -> Answered:
    began = time.perf_counter()
    answer = breaker.call(call)
    metrics.script_seconds.of(name).observe(time.perf_counter() - began)
    return answer


def _keys(license_id: UUID) -> list[str]:
    # The braces are a hash tag: on Redis Cluster all keys of a licence live on one node.
    return [f"seats:{{{license_id}}}:{name}" for name in ("leases", "owners", "denials")]


@lru_cache(maxsize=8)
def _script(name: str) -> Script:
    """Return a script, called by its hash; a restarted Redis that does not know it is sent it whole."""
    return client().register_script((_LUA / f"{name}.lua").read_text())
