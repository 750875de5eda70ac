"""A process that does what one of our web processes does with seats, when the game tells it to.

It has connections to the stores of its own, and dies of SIGKILL wherever the game stopped it.
"""

import logging
import os
import signal
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any
from uuid import UUID

import django
import jwt

django.setup()

from django.db import connection as database

from config.kernel.errors import DomainError
from config.kernel.redis import breaker, client
from config.kernel.tenancy import organization_context
from deploy.local.ports import free_port
from licenses.lookup import KeyHolder
from licenses.models import License
from licenses.seats import tokens
from licenses.seats.seat import Seat
from licenses.services import acquiring, history, seats
from tests.chaos.seat_game.calls import Answer, Call, Grant, Hello, Stopped, Verb
from tests.chaos.seat_game.wire import Wire

MOST_THREADS = 4


def serve(pipe: Connection) -> None:
    """Do what is asked over the pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable(logging.WARNING)  # that Redis does not answer is no news here

    def stopped(place: str) -> None:
        pipe.send(Stopped(place))
        pipe.recv()

    wire = Wire(stopped)
    wire.tap()
    database.ensure_connection()
    pipe.send(Hello(tuple(wire.backends)))
    while True:
        try:
            call: Call = pipe.recv()
        except EOFError:
            os._exit(0)
        wire.begin(stop_after=call.stop_after)
        pipe.send(_answer(call, wire) if call.verb is not Verb.BEATS else _beats(call, wire))


def _answer(call: Call, wire: Wire) -> Answer:
    try:
        grant = _VERBS[call.verb](*call.values)
    except DomainError as refusal:
        return Answer(refusal=type(refusal).__name__, redis_failed=wire.redis_failed)
    except Exception:  # noqa: BLE001  what a caller would see as a 500
        return Answer(failed=traceback.format_exc(), redis_failed=wire.redis_failed)
    return Answer(grant=grant, redis_failed=wire.redis_failed)


def _acquire(license_key: str, hardware_id: str, user_id: UUID, taking: UUID | None) -> Grant:
    holder = KeyHolder(user_id)
    acquired = acquiring.acquire(
        license_key=license_key, hardware_id=hardware_id, holder=holder, takeover_session_id=taking
    )
    return _grant(acquired.seat)


def _beat(token: str, session_id: UUID) -> Grant:
    return _grant(seats.heartbeat(claims=tokens.read(token), session_id=session_id))


def _beats(call: Call, wire: Wire) -> list[Answer]:
    """Make several beats in as many threads, as a server's threads do, which is what they share a batch for."""
    calls = [Call(Verb.BEAT, values) for values in call.values]
    return list(_threads().map(lambda one: _answer(one, wire), calls))


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST_THREADS)


def _release(token: str, session_id: UUID) -> None:
    seats.release(claims=tokens.read(token), session_id=session_id)


def _grant(seat: Seat) -> Grant:
    # Our own token: verified when it is shown, which costs enough.
    claims = jwt.decode(seat.signed_token, options={"verify_signature": False})
    return Grant(seat.session_id, claims["lease"], claims["sequence"], seat.signed_token, seat.expires_at)


def _limit(organization_id: UUID, license_id: UUID, seats_: int) -> None:
    with organization_context(organization_id):
        License.objects.filter(id=license_id).update(max_seats=seats_)


def _tidy() -> None:
    history.record_lapsed()


@lru_cache(maxsize=1)
def _redis_port() -> int:
    port: int = client().connection_pool.connection_kwargs["port"]
    return port


def _cut() -> None:
    _redis_port()
    _reconnect(free_port())  # nobody listens there


def _mend() -> None:
    _reconnect(_redis_port())
    breaker.reset()


def _reconnect(port: int) -> None:
    pool = client().connection_pool
    pool.connection_kwargs["port"] = port
    pool.disconnect()


_VERBS: dict[Verb, Callable[..., Any]] = {
    Verb.ACQUIRE: _acquire,
    Verb.BEAT: _beat,
    Verb.RELEASE: _release,
    Verb.LIMIT: _limit,
    Verb.TIDY: _tidy,
    Verb.CUT: _cut,
    Verb.MEND: _mend,
    Verb.NOTICE: breaker.reset,
}
