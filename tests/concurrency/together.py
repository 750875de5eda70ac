"""Runs calls at the same time, and stops the world of the database at a chosen point while they do."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from enum import IntEnum
from functools import partial
from typing import Any, TypeVar

import psycopg
from django.db import connections

from tests.concurrency.seated_license import Row, owner_connection

Answer = TypeVar("Answer")
PATIENCE_SECONDS = 10.0


class Point(IntEnum):
    """Where a grant can be held; the number is that of the advisory lock it waits for."""

    INSERT = 7001
    """The seats have been counted, the new lease is not written yet."""
    COMMIT = 7002
    """Everything is written; whether it is true is being decided."""
    UPDATE = 7003
    """A lease was found and is to be renewed, handed back or ended; the clock has been read."""


# Nobody holds the locks in ordinary operation, so that a grant that is not held notices nothing.
_TRIGGERS = f"""
create function hold_grant() returns trigger language plpgsql as
  $$ begin perform pg_advisory_xact_lock_shared(tg_argv[0]::bigint); return new; end $$;
create trigger hold_insert before insert on licenses_licensesession
  for each row execute function hold_grant('{Point.INSERT:d}');
create trigger hold_update before update of expires_at, ended_at on licenses_licensesession
  for each row when (session_user <> 'coditect_migrator') execute function hold_grant('{Point.UPDATE:d}');
create constraint trigger hold_commit after insert on licenses_licensesession
  deferrable initially deferred for each row execute function hold_grant('{Point.COMMIT:d}');
"""
_NO_TRIGGERS = """
drop trigger if exists hold_insert on licenses_licensesession;
drop trigger if exists hold_update on licenses_licensesession;
drop trigger if exists hold_commit on licenses_licensesession;
drop function if exists hold_grant();
"""
_WAITING = "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = %s"
_STUCK = "select count(distinct pid) from pg_locks where not granted"


@contextmanager
def holdable() -> Iterator[None]:
    """Fit the table of leases with the points at which `held` can hold a grant."""
    with owner_connection() as owner:
        owner.execute(_NO_TRIGGERS)
        owner.execute(_TRIGGERS)
    try:
        yield
    finally:
        with owner_connection() as owner:
            owner.execute(_NO_TRIGGERS)


def let_go(owner: psycopg.Connection[Row], point: Point) -> None:
    """Let everything that is held at the point go on, before the block of `held` is left."""
    owner.execute("select pg_advisory_unlock(%s)", [int(point)])


def wait_until_held(owner: psycopg.Connection[Row], point: Point) -> None:
    """Return when a grant waits at the point; raises AssertionError when none comes."""
    wait_until(lambda: _count(owner, _WAITING, int(point)) >= 1)


def wait_until_stuck(owner: psycopg.Connection[Row], *, count: int, seconds: float = PATIENCE_SECONDS) -> None:
    """Return when so many database sessions, or more, wait for a lock of any kind."""
    wait_until(lambda: _count(owner, _STUCK) >= count, seconds=seconds)


def wait_until(condition: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Return when the condition holds; raises AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.005)


def _count(owner: psycopg.Connection[Row], query: str, *values: int) -> int:
    row = owner.execute(query, values).fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def settle(owner: psycopg.Connection[Row], calls: Sequence[Future[Any]]) -> None:
    """Return when each call is over or waits for a lock."""
    wait_until(lambda: _count(owner, _STUCK) + sum(call.done() for call in calls) >= len(calls))


def on_its_own_connection(call: Callable[[], Answer]) -> Callable[[], Answer]:
    """Return the call for use in a thread: it leaves no database connection behind."""

    def run() -> Answer:
        try:
            return call()
        finally:
            connections.close_all()

    return run


@contextmanager
def held(
    point: Point, calls: Sequence[Callable[[], Answer]]
) -> Iterator[tuple[psycopg.Connection[Row], list[Future[Answer]]]]:
    """Start the calls, and hold the first grant among them at the point until the block is left.

    Not for longer than 5 s: then the role's lock timeout ends the wait. All calls are over when the block is left.
    """
    with ThreadPoolExecutor(len(calls)) as pool, owner_connection() as owner:
        # The connection's end frees the lock, also when the server dies inside the block.
        owner.execute("select pg_advisory_lock(%s)", [int(point)])
        futures = [pool.submit(on_its_own_connection(call)) for call in calls]
        wait_until_held(owner, point)
        yield owner, futures


def at_once(calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Make the calls in the same moment and return their answers in order; raises what the first failing one did."""
    start = threading.Barrier(len(calls))

    def after_start(call: Callable[[], Answer]) -> Answer:
        start.wait(PATIENCE_SECONDS)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(on_its_own_connection(partial(after_start, call))) for call in calls]
        return [future.result() for future in futures]
