"""The worker stopped or killed while work arrives: it is all done when a worker is back, and done once."""

from collections.abc import Iterator

import pytest
from rest_framework.test import APIClient

from deploy.local.process import Process
from tests import journey, stripe_account
from tests.chaos.worker_process import look, new_worker, nothing_was_missed, two_minutes_pass
from tests.concurrency.seated_license import owner_connection
from tests.concurrency.together import wait_until, wait_until_stuck

pytestmark = pytest.mark.usefixtures("db")

DONE_WITHIN_SECONDS = 60.0
"""Usually five; events that lost their job are found by a sweep that runs twice a minute."""


@pytest.fixture
def worker(db: None) -> Iterator[Process]:
    """Return a worker process as a deployment runs it, not started yet."""
    nothing_was_missed()
    process = new_worker()
    yield process
    process.stop()


def paid() -> None:
    """Let a customer pay, and Stripe tell us everything about it twice."""
    customer = journey.sign_up()
    stripe_account.new_events()
    opened = customer.api.post("/api/v1/checkout/session", {"plan_id": "starter"})
    stripe_account.act(opened.json()["checkout_url"], "pay")
    events = stripe_account.new_events()
    assert len(events) > 2
    for event in [*events, *events]:
        assert stripe_account.deliver(APIClient(), event).status_code == 200


def events_by_status() -> dict[object, object]:
    """Return how many of Stripe's events have come how far."""
    return dict(look("select status, count(*) from subscriptions_webhookevent group by 1"))  # type: ignore[arg-type]


def is_done() -> bool:
    """Return whether every event is applied and the licence is on its way to its owner's mailbox no longer."""
    return set(events_by_status()) == {"completed"} and look(_LICENSE_MAILS) == [("sent",)]


_LICENSE_MAILS = "select status from emails_emaillog where kind = 'license_issued'"


def assert_done_once() -> None:
    """Check that one licence came of it, and that its owner was told once."""
    assert look("select count(*) from licenses_license") == [(1,)]
    assert look("select count(*) from users_auditentry where action = 'LICENSE_ISSUED'") == [(1,)]
    assert look("select count(*) from emails_mailboxmessage where kind = 'license_issued'") == [(1,)]


class TestStoppedWorker:
    def test_finds_everything_that_arrived_meanwhile_and_does_it_once(self, worker: Process) -> None:
        paid()
        arrived = sum(events_by_status().values())  # type: ignore[arg-type]
        assert events_by_status() == {"pending": arrived}
        assert look("select id from licenses_license") == []
        worker.spawn()
        wait_until(is_done, seconds=DONE_WITHIN_SECONDS)
        assert events_by_status() == {"completed": arrived}
        assert_done_once()


class TestKilledWorker:
    def test_in_the_middle_of_a_job_leaves_it_to_the_next_worker(self, worker: Process) -> None:
        paid()
        with owner_connection() as owner, owner.transaction():
            owner.execute("lock table licenses_license in exclusive mode")
            worker.spawn()
            with owner_connection() as onlooker:
                wait_until_stuck(onlooker, count=1, seconds=DONE_WITHIN_SECONDS)
            worker.kill_group()
        assert look("select id from licenses_license") == []
        assert look("select from procrastinate_jobs where status = 'doing'") != []
        two_minutes_pass()
        worker.spawn()
        wait_until(is_done, seconds=DONE_WITHIN_SECONDS)
        assert_done_once()
