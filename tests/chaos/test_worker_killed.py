"""The worker killed (-9) at each step of applying a payment: nothing is lost, and nothing happens twice.

The first payment, which issues the licence, and a renewal, which lengthens it.
"""

from collections.abc import Iterator

import pytest

from deploy.local.process import Process
from tests import stripe_account
from tests.chaos.worker_process import (
    STARTS_WITHIN_SECONDS,
    Point,
    held_at,
    holdable,
    look,
    new_worker,
    nothing_was_missed,
    two_minutes_pass,
)
from tests.concurrency.together import wait_until
from tests.jobs import run_jobs
from tests.journey import sign_up
from tests.subscriptions.journeys import without_trial
from tests.subscriptions.stripe_side import anew, call, only, pay, subscription_of, tell
from tests.subscriptions.stripe_time import local, own_time, pass_time

DONE_WITHIN_SECONDS = 90.0

APPLYING = {
    "the event is claimed": Point(7101, "subscriptions_webhookevent", "after update on TABLE",
                                  "new.status = 'processing'"),
    "the licence's job is queued": Point(7105, "procrastinate_jobs", "after insert on TABLE",
                                         "new.task_name = 'licenses.apply_subscription'"),
    "the event is completed": Point(7106, "subscriptions_webhookevent", "after update on TABLE",
                                    "new.status = 'completed'"),
    "all of it is committed": Point(7107, "subscriptions_webhookevent",
                                    "after update on TABLE deferrable initially deferred", "new.status = 'completed'"),
    "the event's job is over": Point(7108, "procrastinate_jobs", "after delete on TABLE",
                                     "old.task_name = 'subscriptions.process_webhook_event'"),
    "the licence's job is over": Point(7111, "procrastinate_jobs", "after delete on TABLE",
                                       "old.task_name = 'licenses.apply_subscription'"),
}  # fmt: skip
RENEWING = APPLYING | {
    "the subscription is written": Point(7102, "subscriptions_subscription", "after update on TABLE"),
    "the invoice is written": Point(7103, "subscriptions_invoice", "after insert on TABLE"),
    "the mail is queued": Point(7104, "emails_emaillog", "after insert on TABLE", "new.kind = 'subscription_renewed'"),
    "the licence is written": Point(7109, "licenses_license", "after update on TABLE"),
    "the licence is committed": Point(7110, "licenses_license", "after update on TABLE deferrable initially deferred"),
}
BUYING = {
    "the subscription is written": Point(7112, "subscriptions_subscription", "after insert on TABLE"),
    "all of it is committed": APPLYING["all of it is committed"],
    "the licence is written": Point(7113, "licenses_license", "after insert on TABLE"),
    "the licence's mail is queued": Point(7114, "emails_emaillog", "after insert on TABLE",
                                          "new.kind = 'license_issued'"),
    "the licence is committed": Point(7115, "licenses_license", "after insert on TABLE deferrable initially deferred"),
    "the licence's job is over": APPLYING["the licence's job is over"],
}  # fmt: skip


@pytest.fixture
def worker(db: None) -> Iterator[Process]:
    """Return a worker process as a deployment runs it, not started yet."""
    nothing_was_missed()
    process = new_worker()
    yield process
    process.stop()


@pytest.fixture
def purchase(db: None) -> None:
    """Let a customer pay, and everything about it be told twice, but nothing be done about it."""
    with without_trial():
        _, told = pay(sign_up())
    run_jobs()
    tell(*told, *(anew(event) for event in told))


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


def is_done() -> bool:
    """Return whether every event is applied and every mail is sent."""
    return (
        look("select distinct status from subscriptions_webhookevent") == [("completed",)]
        and look("select 1 from procrastinate_jobs where status in ('todo', 'doing') "
                 "and task_name = 'licenses.apply_subscription'") == []
        and look("select distinct status from emails_emaillog") == [("sent",)]
    )  # fmt: skip


def die_and_go_on(point: Point, worker: Process) -> None:
    """Kill a worker at a point, and let another do what it left."""
    with holdable(point):
        with held_at(point, worker):
            pass
        two_minutes_pass()
        worker.spawn()
        wait_until(is_done, seconds=DONE_WITHIN_SECONDS)


def assert_once(audited: dict[str, int], mailed: tuple[str, ...]) -> None:
    """Check how often things were written down, that each mail came once, and that no job failed."""
    for action, number in audited.items():
        found = look(f"select count(*) from users_auditentry where action = '{action}'")  # noqa: S608
        assert found == [(number,)], action
    for kind in mailed:
        found = look(f"select count(*) from emails_mailboxmessage where kind = '{kind}'")  # noqa: S608
        assert found == [(1,)], kind
    assert look("select count(*) from procrastinate_jobs where status = 'failed'") == [(0,)]


def assert_issued_once() -> None:
    """Check that there is one licence, paid to the end of the period, and that its owner was told once."""
    assert look(
        "select l.status, l.expires_at = s.current_period_end from licenses_license l "
        "join subscriptions_subscription s on s.id = l.subscription_id"
    ) == [("active", True)]
    assert look("select status from subscriptions_checkoutsession") == [("completed",)]
    assert_once({"LICENSE_ISSUED": 1, "PAYMENT_RECEIVED": 1}, ("license_issued", "subscription_confirmed"))


def assert_renewed_once() -> None:
    """Check that there is one licence, renewed once to the end of the new period, and that its owner was told once."""
    assert look(
        "select l.status, l.expires_at = i.period_end, l.last_renewal_at = i.paid_at from licenses_license l "
        "join subscriptions_invoice i on i.billing_reason = 'subscription_cycle' and i.status = 'paid'"
    ) == [("active", True, True)]
    assert_once(
        {"LICENSE_ISSUED": 1, "LICENSE_RENEWED": 1, "PAYMENT_RECEIVED": 2},
        ("license_issued", "subscription_confirmed", "subscription_renewed"),
    )


@pytest.mark.usefixtures("purchase")
class TestKilledAtAPurchase:
    @pytest.mark.parametrize("name", list(BUYING))
    def test_issues_one_licence_all_the_same_when_it_dies_as(self, worker: Process, name: str) -> None:
        die_and_go_on(BUYING[name], worker)
        assert_issued_once()


@pytest.mark.usefixtures("renewal")
class TestKilledAtARenewal:
    @pytest.mark.parametrize("name", list(RENEWING))
    def test_renews_once_all_the_same_when_it_dies_as(self, worker: Process, name: str) -> None:
        die_and_go_on(RENEWING[name], worker)
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
