"""The worker killed (-9) at each step of applying a payment: nothing is lost, and nothing happens twice."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from deploy.local.process import Process
from tests import stripe_account
from tests.concurrency.seated_license import owner_connection
from tests.concurrency.together import wait_until
from tests.jobs import run_jobs
from tests.journey import sign_up
from tests.plugins import servers
from tests.subscriptions.journeys import without_trial
from tests.subscriptions.stripe_side import call, only, pay, subscription_of, tell
from tests.subscriptions.stripe_time import local, own_time, pass_time

STARTS_WITHIN_SECONDS = 60.0
DONE_WITHIN_SECONDS = 90.0


@dataclass(frozen=True)
class Point:
    """A row's way into PostgreSQL at which a process can be held; the number is the advisory lock's it waits for."""

    number: int
    table: str
    when: str
    condition: str = "true"

    @property
    def triggers(self) -> str:
        """The trigger that waits here while somebody holds the lock."""
        return f"""
            create {"constraint" if "deferrable" in self.when else ""} trigger hold_{self.number}
            {self.when.replace("TABLE", self.table)} for each row when ({self.condition})
            execute function hold_worker('{self.number}')
        """


POINTS = {
    "the event is claimed": Point(7101, "subscriptions_webhookevent", "after update on TABLE",
                                  "new.status = 'processing'"),
    "the subscription is written": Point(7102, "subscriptions_subscription", "after update on TABLE"),
    "the invoice is written": Point(7103, "subscriptions_invoice", "after insert on TABLE"),
    "the mail is queued": Point(7104, "emails_emaillog", "after insert on TABLE", "new.kind = 'subscription_renewed'"),
    "the licence's job is queued": Point(7105, "procrastinate_jobs", "after insert on TABLE",
                                         "new.task_name = 'licenses.apply_subscription'"),
    "the event is completed": Point(7106, "subscriptions_webhookevent", "after update on TABLE",
                                    "new.status = 'completed'"),
    "all of it is committed": Point(7107, "subscriptions_webhookevent",
                                    "after update on TABLE deferrable initially deferred", "new.status = 'completed'"),
    "the event's job is over": Point(7108, "procrastinate_jobs", "after delete on TABLE",
                                     "old.task_name = 'subscriptions.process_webhook_event'"),
    "the licence is written": Point(7109, "licenses_license", "after update on TABLE"),
    "the licence is committed": Point(7110, "licenses_license", "after update on TABLE deferrable initially deferred"),
    "the licence's job is over": Point(7111, "procrastinate_jobs", "after delete on TABLE",
                                       "old.task_name = 'licenses.apply_subscription'"),
}  # fmt: skip
_FUNCTION = """
create function hold_worker() returns trigger language plpgsql as
  $$ begin perform pg_advisory_xact_lock_shared(tg_argv[0]::bigint); return new; end $$
"""


@contextmanager
def holdable(point: Point) -> Iterator[None]:
    """Fit a table with the point."""
    with owner_connection() as owner:
        owner.execute("drop function if exists hold_worker() cascade")
        owner.execute(_FUNCTION)
        owner.execute(point.triggers)
    try:
        yield
    finally:
        with owner_connection() as owner:
            owner.execute("drop function if exists hold_worker() cascade")


@pytest.fixture
def worker() -> Iterator[Process]:
    """Return a worker process as a deployment runs it, not started yet."""
    process = Process(
        [sys.executable, "manage.py", "worker"],
        log=servers.current().folder / "worker.log",
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "DATABASE_URL": servers.current().postgres.url("worker"),
        },
        cwd=servers.ROOT,
    )
    yield process
    process.stop()


@pytest.fixture
def renewal(db: None) -> Iterator[None]:
    """Let a customer's renewal be paid at Stripe, and everything about it be told, but nothing be done about it."""
    with own_time():
        with without_trial():
            _, told = pay(sign_up())
        tell(*told)
        run_jobs()
        customer = call("GET", f"subscriptions/{subscription_of(told)}")["customer"]
        pass_time(months=1, hours=2)
        news = [one for one in stripe_account.new_events() if one["data"]["object"].get("customer") == customer]
        tell(*only(news, "customer.subscription.updated", "invoice.paid", "invoice.payment_succeeded"))
        yield


def look(query: str) -> list[tuple[object, ...]]:
    """Return rows as the tables' owner sees them."""
    with owner_connection() as owner:
        return owner.execute(query).fetchall()


def is_held(point: Point) -> bool:
    """Return whether a process waits at the point."""
    waiting = "select objid::int from pg_locks where locktype = 'advisory' and not granted"
    return (point.number,) in look(waiting)


def two_minutes_pass() -> None:
    """Age what a dead worker left behind, instead of waiting until it counts as dead."""
    with owner_connection() as owner:
        owner.execute("update procrastinate_workers set last_heartbeat = last_heartbeat - interval '2 minutes'")
        owner.execute("update procrastinate_jobs set scheduled_at = scheduled_at - interval '2 minutes'")
        owner.execute("update subscriptions_webhookevent set next_attempt_at = next_attempt_at - interval '2 minutes'")
        # A mail that was being sent counts as lost after five.
        owner.execute("update emails_emaillog set next_attempt_at = next_attempt_at - interval '6 minutes'")


def is_done() -> bool:
    """Return whether every event is applied and every mail is sent."""
    return (
        look("select distinct status from subscriptions_webhookevent") == [("completed",)]
        and look("select 1 from procrastinate_jobs where status in ('todo', 'doing') "
                 "and task_name = 'licenses.apply_subscription'") == []
        and look("select distinct status from emails_emaillog") == [("sent",)]
    )  # fmt: skip


def assert_renewed_once() -> None:
    """Check that there is one licence, renewed once to the end of the new period, and that its owner was told once."""
    assert look(
        "select l.status, l.expires_at = i.period_end, l.last_renewal_at = i.paid_at from licenses_license l "
        "join subscriptions_invoice i on i.billing_reason = 'subscription_cycle' and i.status = 'paid'"
    ) == [("active", True, True)]
    for action, number in {"LICENSE_ISSUED": 1, "LICENSE_RENEWED": 1, "PAYMENT_RECEIVED": 2}.items():
        found = look(f"select count(*) from users_auditentry where action = '{action}'")  # noqa: S608
        assert found == [(number,)], action
    for kind in ("license_issued", "subscription_confirmed", "subscription_renewed"):
        found = look(f"select count(*) from emails_mailboxmessage where kind = '{kind}'")  # noqa: S608
        assert found == [(1,)], kind
    assert look("select count(*) from procrastinate_jobs where status = 'failed'") == [(0,)]


@pytest.mark.usefixtures("renewal")
class TestKilledWorker:
    @pytest.mark.parametrize("name", list(POINTS))
    def test_renews_once_all_the_same_when_it_dies_as(self, worker: Process, name: str) -> None:
        point = POINTS[name]
        with holdable(point):
            with owner_connection() as owner:
                owner.execute("select pg_advisory_lock(%s)", [point.number])
                worker.spawn()
                wait_until(lambda: is_held(point), seconds=STARTS_WITHIN_SECONDS)
                worker.kill_group()
            two_minutes_pass()
            worker.spawn()
            wait_until(is_done, seconds=DONE_WITHIN_SECONDS)
        assert_renewed_once()

    def test_renews_once_all_the_same_when_it_dies_as_stripe_is_asked(self, worker: Process) -> None:
        local("switches", {"api_delay_ms": 3000})
        try:
            worker.spawn()
            claimed = "select 1 from subscriptions_webhookevent where status = 'processing'"
            wait_until(lambda: look(claimed) != [], seconds=STARTS_WITHIN_SECONDS)
            worker.kill_group()
        finally:
            local("switches", {"api_delay_ms": 0})
        two_minutes_pass()
        worker.spawn()
        wait_until(is_done, seconds=DONE_WITHIN_SECONDS)
        assert_renewed_once()
