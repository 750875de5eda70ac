"""A renewal failed, and then Stripe says nothing more: a worker left to itself ends the licence when its grace is over.

Nothing is called here but what a customer's machine calls. The clock is moved by making everything that was recorded
older, up to a few seconds before the deadline; those seconds pass for real.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.process import Process
from tests.api.beneath import as_owner
from tests.chaos.worker_process import new_worker, nothing_was_missed
from tests.concurrency.together import wait_until
from tests.subscriptions.stripe_time import card, own_time
from tests.subscriptions.test_dunning import Paying, audited, license_, mails

pytestmark = pytest.mark.usefixtures("db")

TABLES = ("subscriptions_subscription", "subscriptions_invoice", "licenses_license")
STARTS_WITHIN = timedelta(seconds=15)
SCHEDULER_COMES_EVERY = timedelta(minutes=1)
PATIENCE = timedelta(seconds=40)
"""For a machine that is busy with other things."""


@pytest.fixture
def worker(db: None) -> Iterator[Process]:
    """Return a worker process as a deployment runs it, not started yet."""
    nothing_was_missed()
    process = new_worker()
    yield process
    process.stop()


@pytest.fixture
def failed() -> Iterator[Paying]:
    """Return a customer whose renewal failed once, and whose card Stripe then leaves alone."""
    with own_time():
        paying = Paying()
        card(paying.stripe_customer, "none")
        paying.happens(months=1, hours=2)
        yield paying


def deadline() -> datetime:
    """Return until when the licence may be used unpaid."""
    ((found,),) = as_owner("select grace_period_ends_at from licenses_license")
    assert isinstance(found, datetime)
    return found


def clock_moves(span: timedelta) -> None:
    """Make every moment that was recorded about subscription, invoices and licence older by a span."""
    columns = "select table_name, column_name from information_schema.columns where table_name = any(%s) "
    columns += "and data_type = 'timestamp with time zone'"
    for table, column in as_owner(columns, list(TABLES)):
        as_owner(f"update {table} set {column} = {column} - %s", span)  # noqa: S608  (names from the catalogue)


def before_the_scheduler_comes() -> datetime:
    """Return a moment just before a minute is full, which is when the scheduler comes, and not too soon."""
    soon = datetime.now(UTC) + STARTS_WITHIN
    return soon.replace(second=0, microsecond=0) + SCHEDULER_COMES_EVERY - timedelta(seconds=2)


class TestGrace:
    def test_holds_to_its_deadline_and_ends_there_by_a_worker_left_to_itself(
        self, failed: Paying, worker: Process
    ) -> None:
        assert (license_(), failed.acquire()) == (("suspended", "billing", 1, True), 200)
        ends_at = before_the_scheduler_comes()
        clock_moves(deadline() - ends_at)
        assert deadline() == ends_at
        events = as_owner("select count(*) from subscriptions_webhookevent")
        worker.spawn()
        while datetime.now(UTC) < ends_at - timedelta(seconds=1.5):
            assert (failed.acquire(), license_()[0]) == (200, "suspended")
        wait_until(lambda: datetime.now(UTC) > ends_at, seconds=5)
        assert failed.acquire() == 403, "whoever asks is refused from the deadline on, whenever the scheduler comes"
        longest = SCHEDULER_COMES_EVERY + PATIENCE
        wait_until(lambda: license_()[0] == "inactive", seconds=longest.total_seconds())
        ((ended_at,),) = as_owner("select occurred_at from users_auditentry where action = 'LICENSE_DEACTIVATED'")
        print(f"\nended {(ended_at - ends_at).total_seconds():.1f} s after the deadline")  # noqa: T201
        assert timedelta(0) <= ended_at - ends_at < longest
        assert as_owner("select end_reason from licenses_licensesession") == [("license_ended",)]
        assert as_owner("select used from organizations_quota where name = 'licenses'") == [(0,)]
        wait_until(lambda: mails() == ["payment_failed_warning", "license_suspended"], seconds=PATIENCE.total_seconds())
        assert audited("LICENSE_DEACTIVATED") == 1
        assert as_owner("select count(*) from subscriptions_webhookevent") == events
