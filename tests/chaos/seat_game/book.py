"""One licence of a game: what its machines believe, what the record says, and the rules that must always hold."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from config.kernel.ids import new_id
from tests.chaos.gate_memory import GateMemory
from tests.chaos.seat_game.calls import Answer, Call, Grant, Verb
from tests.concurrency.seated_license import Row, SeatedLicense

LEASE = timedelta(seconds=360)
TOKENS_KEPT = 4
_LIVE = """
select id, expires_at, lease_no, sequence from licenses_licensesession
where license_id = %s and ended_at is null and expires_at > clock_timestamp()
"""
_HISTORY = """
select acquired_at, least(expires_at, coalesce(ended_at, 'infinity')) from licenses_licensesession where license_id = %s
"""
# The leases that are over are of no more use, once it is known that there were never too many at one time.
_FOLD = """
delete from licenses_licensesession where license_id = %s and not id = any(%s)
"""
_PASS = """
update licenses_licensesession set acquired_at = acquired_at - %(span)s, expires_at = expires_at - %(span)s,
  last_heartbeat_at = last_heartbeat_at - %(span)s, ended_at = ended_at - %(span)s where license_id = %(license)s
"""


class Violation(AssertionError):
    """A promise was broken."""


@dataclass
class Client:
    """A machine, which remembers the last grants it heard of, newest first, and the very first one."""

    hardware_id: str
    grants: deque[Grant] = field(default_factory=lambda: deque(maxlen=TOKENS_KEPT))
    first: Grant | None = None
    until: datetime | None = None
    """Until when it believes that it holds a seat; None when it does not."""

    def believes(self, at: datetime) -> bool:
        """Return whether it believes at that moment that it holds a seat."""
        return self.until is not None and self.until > at

    def hear(self, grant: Grant) -> None:
        """Take note of a grant, unless it is older news than what is known."""
        newest = self.grants[0] if self.grants else None
        if newest is not None and newest.session_id == grant.session_id:
            if (grant.lease_no, grant.sequence, grant.expires_at) < (
                newest.lease_no,
                newest.sequence,
                newest.expires_at,
            ):
                return
        else:
            self.grants.clear()
        self.grants.appendleft(grant)
        self.first = self.first or grant
        self.until = grant.expires_at


@dataclass(frozen=True)
class Lease:
    """A live lease as the record has it."""

    expires_at: datetime
    lease_no: int
    sequence: int


@dataclass(frozen=True)
class Act:
    """A call that a client makes, with what it shows; `heard`: the answer reaches it."""

    client: Client
    call: Call
    shown: Grant | None = None
    heard: bool = True
    taking: Client | None = None
    """Whose seat it takes over."""
    taken: UUID | None = None


class Book:
    """One licence, judged after each step by a query or two."""

    def __init__(
        self, license_: SeatedLicense, *, machines: int, owner: psycopg.Connection[Row], gate: GateMemory
    ) -> None:
        self.license, self.gate, self._owner = license_, gate, owner
        self.user_id = new_id()
        self.clients = [Client(f"machine-{number:04}") for number in range(machines)]
        self.limit = self.allowed = self.most_allowed = 2
        self.live: dict[UUID, Lease] = {}
        self.gate_may_be_wrong = False

    # What is looked at

    def look(self) -> None:
        """Read the record, and hold it against the limit and against what clients believe."""
        rows: Any = self._owner.execute(_LIVE, [self.license.id]).fetchall()
        now = datetime.now(UTC)
        self.live = {row[0]: Lease(*row[1:]) for row in rows}
        if len(self.live) > self.allowed:
            raise Violation(f"{len(self.live)} live leases on {self.allowed} seats")
        sessions = set()
        for client in self.clients:
            if not client.believes(now):
                continue
            assert client.until is not None
            session = client.grants[0].session_id
            if session not in self.live:
                raise Violation(f"{client.hardware_id} believes in a lease that the record does not have")
            if self.live[session].expires_at < client.until:
                raise Violation(f"{client.hardware_id} was told more than the record holds")
            sessions.add(session)
        if len(sessions) != sum(client.believes(now) for client in self.clients):
            raise Violation("two machines believe in one lease")
        self.allowed = max(self.limit, min(self.allowed, len(self.live)))

    def fold(self) -> None:
        """Look through the record of the past, in which every lease is a span: there were never too many at once."""
        changes: list[tuple[datetime, int]] = []
        rows: Any = self._owner.execute(_HISTORY, [self.license.id]).fetchall()
        for began, ended in rows:
            changes += [(began, 1), (ended, -1)]
        held = 0
        for _, change in sorted(changes):
            held += change
            if held > self.most_allowed:
                raise Violation(f"there was a moment with {held} leases on {self.most_allowed} seats")
        self.look()
        self._owner.execute(_FOLD, [self.license.id, list(self.live)])
        self.most_allowed = self.allowed
        for client in self.clients:
            if client.until is None and client.grants and client.grants[0].session_id not in self.live:
                client.grants.clear()
            if client.first is not None and client.first.session_id not in self.live:
                client.first = None

    def pass_time(self, span: timedelta, *, gate_ages: bool) -> None:
        """Let time pass: every timestamp moves into the past, which to code that only compares is the same."""
        self._owner.execute(_PASS, {"span": span, "license": self.license.id})
        if gate_ages:
            self.gate.age(span)
        else:
            self.gate.age_saved(span)
        for client in self.clients:
            if client.until is not None:
                client.until -= span
        if span > LEASE:
            # Whatever the gate believed wrongly has lapsed with all the rest.
            self.gate_may_be_wrong = False

    def change_limit(self, limit: int) -> None:
        """Take note of another number of seats; who holds one keeps it."""
        self.limit = limit
        self.allowed = self.most_allowed = max(limit, len(self.live))

    # What is judged

    def asked(self, act: Act) -> None:
        """Take note of what a client asks: who gives a seat back believes in it no more."""
        given_back = act.shown if act.call.verb is Verb.RELEASE else None
        if given_back is not None and act.client.grants and given_back.lease == act.client.grants[0].lease:
            act.client.until = None
        if act.taking is not None:
            act.taking.until = None

    def judge(self, outcomes: Sequence[tuple[Act, Answer | None]]) -> None:
        """Hold the answers to one step, given at once if there are several, against the record; None is no answer."""
        before, alone = self.live, len(outcomes) == 1
        believed = {id(act.client): act.client.until for act, _ in outcomes}
        newest = {id(act.client): act.client.grants[0] if act.client.grants else None for act, _ in outcomes}
        leaving = {act.shown.session_id for act, _ in outcomes if act.call.verb is Verb.RELEASE and act.shown}
        leaving |= {act.taken for act, _ in outcomes if act.taken}
        asking = sum(act.call.verb is Verb.ACQUIRE for act, _ in outcomes)
        for act, answer in outcomes:
            if answer is None:
                self.gate_may_be_wrong = True
                continue
            self.gate_may_be_wrong |= answer.redis_failed
            if answer.failed is not None:
                raise Violation(f"{act.call.verb} failed: {answer.failed}")
            holds = (until := believed[id(act.client)]) is not None and until > datetime.now(UTC)
            gone = act.taken is not None and act.taken not in before and answer.refusal == "SessionNotFound"
            if act.call.verb is Verb.ACQUIRE and answer.grant is None and not gone:
                self._judge_refusal(answer, holds=holds, live=len(before) + asking - 1)
            if act.call.verb is Verb.BEAT:
                is_newest = act.shown is newest[id(act.client)]
                untouched = act.shown is not None and act.shown.session_id not in leaving
                self._judge_beat(act, answer, before, must=holds and is_newest and untouched, alone=alone)
            if answer.grant is not None and act.heard and not _given_up(act, answer.grant, outcomes):
                act.client.hear(answer.grant)
        self.gate_may_be_wrong |= not alone
        self.look()
        for _, answer in outcomes:
            if answer is not None and answer.grant is not None and answer.grant.session_id not in leaving:
                self._judge_grant(answer.grant)
        [(act, answer), *_] = outcomes
        if alone and answer is not None and answer.grant is not None and act.taken in self.live:
            raise Violation("a seat was taken over, and its old holder has it still")

    def _judge_refusal(self, answer: Answer, *, holds: bool, live: int) -> None:
        if answer.refusal != "NoSeatsAvailable":
            raise Violation(f"refused with {answer.refusal}")
        if holds:
            raise Violation("a live holder was refused its own seat")
        if live < self.limit and not self.gate_may_be_wrong:
            raise Violation("a machine was refused although a seat was free")

    def _judge_beat(self, act: Act, answer: Answer, before: dict[UUID, Lease], *, must: bool, alone: bool) -> None:
        assert act.shown is not None
        if answer.grant is None:
            if must:
                raise Violation(f"a live holder's beat was refused: {answer.refusal}")
            return
        lease = before.get(act.shown.session_id)
        if lease is None:
            raise Violation("a lapsed lease was revived")
        if alone and lease.sequence - act.shown.sequence not in {0, 1}:
            raise Violation("an old token renewed a lease")

    def _judge_grant(self, grant: Grant) -> None:
        lease = self.live.get(grant.session_id)
        if lease is None:
            raise Violation("a lease was granted that is not in the record")
        if lease.expires_at < grant.expires_at or lease.lease_no < grant.lease_no:
            raise Violation("a lease was granted that is larger than the record's")


def _given_up(act: Act, grant: Grant, outcomes: Sequence[tuple[Act, Answer | None]]) -> bool:
    """Return whether the lease was given back or taken over in the same step: whichever came first, it may be over."""
    released = {one.shown.session_id for one, _ in outcomes if one.call.verb is Verb.RELEASE and one.shown}
    taken = {one.taken for one, _ in outcomes}
    return grant.session_id in taken or (act.call.verb is Verb.BEAT and grant.session_id in released)
