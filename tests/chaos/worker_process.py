"""A worker as a deployment runs it, held at a chosen row's way into PostgreSQL and killed there."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deploy.local.process import Process
from tests.concurrency.seated_license import owner_connection
from tests.concurrency.together import wait_until
from tests.plugins import servers

STARTS_WITHIN_SECONDS = 60.0
_MAILS_ON_THEIR_WAY = "select count(*)::int from emails_emaillog where status in ('queued', 'sending')"
_FUNCTION = """
create function hold_worker() returns trigger language plpgsql as
  $$ begin perform pg_advisory_xact_lock_shared(tg_argv[0]::bigint); return new; end $$
"""


@dataclass(frozen=True)
class Point:
    """A row's way into PostgreSQL at which a process can be held; the number is the advisory lock's it waits for."""

    number: int
    table: str
    when: str
    condition: str = "true"

    @property
    def trigger(self) -> str:
        """The trigger that waits here while somebody holds the lock."""
        return f"""
            create {"constraint" if "deferrable" in self.when else ""} trigger hold_{self.number}
            {self.when.replace("TABLE", self.table)} for each row when ({self.condition})
            execute function hold_worker('{self.number}')
        """


def new_worker() -> Process:
    """Return a worker process, not started yet."""
    return Process(
        [sys.executable, "manage.py", "worker"],
        log=servers.current().folder / "worker.log",
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "DATABASE_URL": servers.current().postgres.url("worker"),
        },
        cwd=servers.ROOT,
    )


def nothing_was_missed() -> None:
    """Let no worker go and ask Stripe what it has missed: the stand-in knows every other test's customers.

    It would at any full hour and 23 minutes, or when it starts up to ten minutes later; but one such job at a time is
    queued, and this one's time does not come.
    """
    with owner_connection() as owner:
        owner.execute(
            "insert into procrastinate_jobs (queue_name, task_name, queueing_lock, scheduled_at) "
            "select 'default', name, name, now() + interval '1 year' "
            "from (values ('subscriptions.sweep_missed_events')) as one (name)"
        )


@contextmanager
def holdable(point: Point) -> Iterator[None]:
    """Fit a table with the point."""
    with owner_connection() as owner:
        owner.execute("drop function if exists hold_worker() cascade")
        owner.execute(_FUNCTION)
        owner.execute(point.trigger)
    try:
        yield
    finally:
        with owner_connection() as owner:
            owner.execute("drop function if exists hold_worker() cascade")


@contextmanager
def held_at(point: Point, worker: Process) -> Iterator[None]:
    """Start a worker, wait until it is held at the point, and kill it at the end of the block."""
    with owner_connection() as owner:
        owner.execute("select pg_advisory_lock(%s)", [point.number])
        worker.spawn()
        wait_until(lambda: is_held(point), seconds=STARTS_WITHIN_SECONDS)
        yield
        # Not while it hands another mail over: whether that one arrived is a question of its own (test_mail_killed).
        wait_until(lambda: look(_MAILS_ON_THEIR_WAY) == [(0,)], seconds=STARTS_WITHIN_SECONDS)
        worker.kill_group()


def is_held(point: Point) -> bool:
    """Return whether a process waits at the point."""
    waiting = "select objid::int from pg_locks where locktype = 'advisory' and not granted"
    return (point.number,) in look(waiting)


def look(query: str) -> list[tuple[object, ...]]:
    """Return rows as the tables' owner sees them."""
    with owner_connection() as owner:
        return owner.execute(query).fetchall()


def two_minutes_pass() -> None:
    """Age what a dead worker left behind, instead of waiting until it counts as dead."""
    with owner_connection() as owner:
        owner.execute("update procrastinate_workers set last_heartbeat = last_heartbeat - interval '2 minutes'")
        owner.execute("update procrastinate_jobs set scheduled_at = scheduled_at - interval '2 minutes'")
        owner.execute("update subscriptions_webhookevent set next_attempt_at = next_attempt_at - interval '2 minutes'")
        # A mail that was being sent counts as lost after five.
        owner.execute("update emails_emaillog set next_attempt_at = next_attempt_at - interval '6 minutes'")
