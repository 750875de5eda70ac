"""A renewal that is not paid: what the licence, its machines and its owner notice of it, and when."""

from collections.abc import Iterator
from typing import Any

import pytest

from licenses.services import grace, issuing
from tests.api.beneath import as_owner
from tests.jobs import as_role, run_jobs
from tests.journey import Customer, sign_up
from tests.stripe_account import new_events
from tests.subscriptions.journeys import without_trial
from tests.subscriptions.stripe_side import call, pay, subscription_of, tell
from tests.subscriptions.stripe_time import card, own_time, pass_time

pytestmark = pytest.mark.usefixtures("db")

LICENSE = (
    "select status, suspension_reason, failed_payment_count, grace_period_ends_at is not null from licenses_license"
)


class Paying:
    """A customer with a licence, a running machine, and a subscription whose time can be moved."""

    def __init__(self) -> None:
        self.customer: Customer = sign_up()
        with without_trial():
            _, told = pay(self.customer)
        self.subscription_id = subscription_of(told)
        self.stripe_customer = call("GET", f"subscriptions/{self.subscription_id}")["customer"]
        tell(*told)
        run_jobs()
        (license_,) = self.customer.api.get("/api/v1/licenses").json()["results"]
        self.body = {"license_key": license_["license_key"], "hardware_id": "machine-0001"}
        assert self.acquire() == 201

    def acquire(self) -> int:
        """Take a seat, or ask for it again; return the answer's status."""
        return int(self.customer.api.post("/api/v1/licenses/acquire", self.body).status_code)

    def happens(self, **span: int) -> None:
        """Let time pass at Stripe, and tell of everything that came of it."""
        pass_time(**span)
        self.told()

    def told(self) -> None:
        """Tell everything that has happened at Stripe to this customer."""
        tell(*(event for event in new_events() if self.stripe_customer in str(event["data"]["object"])))
        run_jobs()

    def fails(self, times: int = 1) -> None:
        """Let the renewal fail so many times, a day apart."""
        card(self.stripe_customer, "declined")
        self.happens(months=1, hours=2)
        for _ in range(times - 1):
            self.happens(days=1)


@pytest.fixture
def paying() -> Iterator[Paying]:
    """Return a customer who has paid for a month; Stripe retries each day."""
    with own_time(1, 1, 1, 1, 1, 1):
        yield Paying()


def license_() -> Any:
    """Return how the licence stands: status, by whom suspended, failures, and whether grace runs."""
    return as_owner(LICENSE)[0]


def mails() -> list[str]:
    """Return the kinds of mail that reached the sink because of a renewal, in order."""
    about = "('subscription_renewed', 'payment_failed_warning', 'payment_failed_urgent', 'license_suspended')"
    return [row[0] for row in as_owner(f"select kind from emails_mailboxmessage where kind in {about} order by id")]  # noqa: S608


def audited(action: str) -> int:
    """Return how often something was written into the audit log."""
    return int(as_owner("select count(*) from users_auditentry where action = %s", action)[0][0])


def deadline() -> Any:
    """Return how far the grace reaches beyond the failures, in days."""
    return as_owner(
        "select extract(epoch from l.grace_period_ends_at - i.first_failed_at) / 86400, "
        "extract(epoch from l.grace_period_ends_at - i.second_failed_at) / 86400 "
        "from licenses_license l join subscriptions_invoice i on i.billing_reason = 'subscription_cycle'"
    )[0]


def grace_passes() -> None:
    """Let the deadline pass by the clock alone: it is moved into the past, and the scheduler looks."""
    as_owner("update licenses_license set grace_period_ends_at = now() - interval '1 second'")
    as_owner("update subscriptions_subscription set grace_period_ends_at = now() - interval '1 second'")
    as_owner(
        "update subscriptions_invoice set stripe_created_at = now() - interval '8 days', "
        "finalized_at = now() - interval '8 days', first_failed_at = now() - interval '7 days 1 second', "
        "second_failed_at = null where status = 'open'"
    )
    with as_role("worker"):
        grace.find_over()
    run_jobs()


class TestFirstFailure:
    def test_suspends_with_seven_days_of_grace_in_which_everything_works(self, paying: Paying) -> None:
        paying.fails()
        assert license_() == ("suspended", "billing", 1, True)
        assert deadline()[0] == 7
        assert paying.acquire() == 200
        assert mails() == ["payment_failed_warning"]
        assert as_owner("select status from organizations_organization") == [("past_due",)]
        assert as_owner("select count(*) from licenses_licensesession where ended_at is null") == [(1,)]
        assert audited("LICENSE_SUSPENDED") == 1

    def test_leaves_the_licence_at_the_end_of_what_was_paid(self, paying: Paying) -> None:
        paying.fails()
        assert as_owner(
            "select l.expires_at = i.period_start from licenses_license l "
            "join subscriptions_invoice i on i.status = 'open'"
        ) == [(True,)]


class TestSecondFailure:
    def test_leaves_three_days(self, paying: Paying) -> None:
        paying.fails(2)
        assert license_() == ("suspended", "billing", 2, True)
        assert deadline()[1] == 3
        assert paying.acquire() == 200
        assert mails() == ["payment_failed_warning", "payment_failed_urgent"]


class TestThirdFailure:
    def test_leaves_no_grace_and_ends_every_session(self, paying: Paying) -> None:
        paying.fails(3)
        assert license_() == ("suspended", "billing", 3, False)
        assert paying.acquire() == 403
        assert as_owner("select end_reason from licenses_licensesession") == [("license_ended",)]
        assert mails() == ["payment_failed_warning", "payment_failed_urgent", "license_suspended"]

    def test_is_not_told_again_by_the_fourth(self, paying: Paying) -> None:
        paying.fails(4)
        assert license_() == ("suspended", "billing", 4, False)
        assert mails() == ["payment_failed_warning", "payment_failed_urgent", "license_suspended"]

    def test_is_not_ended_by_the_clock(self, paying: Paying) -> None:
        paying.fails(3)
        with as_role("worker"):
            assert grace.find_over() == 0


class TestPayment:
    @pytest.mark.parametrize("failures", [1, 2, 3])
    def test_makes_good_for_any_number_of_failures(self, paying: Paying, failures: int) -> None:
        paying.fails(failures)
        card(paying.stripe_customer, "good", retry=True)
        paying.told()
        assert license_() == ("active", None, 0, False)
        assert paying.acquire() in (200, 201)
        assert mails()[-1] == "subscription_renewed"
        assert as_owner("select status from organizations_organization") == [("active",)]
        assert as_owner(
            "select l.expires_at = i.period_end, l.last_renewal_at = i.paid_at from licenses_license l "
            "join subscriptions_invoice i on i.billing_reason = 'subscription_cycle'"
        ) == [(True, True)]

    def test_brings_a_licence_back_whose_grace_was_over(self, paying: Paying) -> None:
        paying.fails()
        grace_passes()
        assert license_()[0] == "inactive"
        card(paying.stripe_customer, "good", retry=True)
        paying.told()
        assert license_() == ("active", None, 0, False)
        assert as_owner("select used from organizations_quota where name = 'licenses'") == [(1,)]

    def test_does_not_lift_what_an_admin_suspended(self, paying: Paying) -> None:
        as_owner("update licenses_license set status = 'suspended', suspension_reason = 'admin', suspended_at = now()")
        paying.fails()
        assert license_() == ("suspended", "admin", 1, False)
        assert paying.acquire() == 403
        card(paying.stripe_customer, "good", retry=True)
        paying.told()
        assert license_() == ("suspended", "admin", 0, False)

    def test_of_nothing_at_the_beginning_of_a_trial_is_no_renewal(self) -> None:
        _, told = pay(sign_up())
        tell(*told)
        run_jobs()
        assert mails() == []
        assert audited("PAYMENT_RECEIVED") == 0


class TestClockAlone:
    def test_ends_the_licence_at_the_deadline_with_no_event_after_the_first_failure(self, paying: Paying) -> None:
        card(paying.stripe_customer, "none")
        paying.happens(months=1, hours=2)
        assert license_() == ("suspended", "billing", 1, True)
        grace_passes()
        assert license_()[0] == "inactive"
        assert paying.acquire() == 403
        assert as_owner("select end_reason from licenses_licensesession") == [("license_ended",)]
        assert mails() == ["payment_failed_warning", "license_suspended"]
        assert audited("LICENSE_DEACTIVATED") == 1
        assert as_owner("select used from organizations_quota where name = 'licenses'") == [(0,)]

    def test_refuses_from_the_deadline_on_before_the_scheduler_has_come(self, paying: Paying) -> None:
        paying.fails()
        as_owner("update licenses_license set grace_period_ends_at = now()")
        assert paying.acquire() == 403
        assert license_()[0] == "suspended"

    def test_does_not_end_a_licence_whose_payment_was_not_told(self, paying: Paying) -> None:
        paying.fails()
        card(paying.stripe_customer, "good", retry=True)
        grace_passes()
        assert license_() == ("active", None, 0, False)

    def test_ends_it_also_when_stripe_does_not_answer(self, paying: Paying, settings: Any) -> None:
        paying.fails()
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"
        grace_passes()
        assert license_()[0] == "inactive"

    def test_ends_it_once_however_often_the_scheduler_comes(self, paying: Paying) -> None:
        paying.fails()
        grace_passes()
        with as_role("worker"):
            assert grace.find_over() == 0
            ((organization_id, subscription_id),) = as_owner(
                "select organization_id, id from subscriptions_subscription"
            )
            grace.end(organization_id=organization_id, subscription_id=subscription_id)
            issuing.apply_subscription(organization_id=organization_id, subscription_id=subscription_id)
        run_jobs()
        assert audited("LICENSE_DEACTIVATED") == 1
        assert mails() == ["payment_failed_warning", "license_suspended"]


class TestWrittenOff:
    """Stripe can be set to write an invoice off after its last retry and to leave the subscription past due."""

    def test_renewal_is_owed_still(self, paying: Paying) -> None:
        paying.fails()
        before = license_()
        invoice = call("GET", f"subscriptions/{paying.subscription_id}")["latest_invoice"]
        call("POST", f"invoices/{invoice}/mark_uncollectible")
        paying.told()
        assert call("GET", f"subscriptions/{paying.subscription_id}")["status"] == "past_due"
        assert license_() == before == ("suspended", "billing", 1, True)

    def test_renewal_that_is_paid_after_all_lifts_the_suspension(self, paying: Paying) -> None:
        paying.fails()
        invoice = call("GET", f"subscriptions/{paying.subscription_id}")["latest_invoice"]
        call("POST", f"invoices/{invoice}/mark_uncollectible")
        card(paying.stripe_customer, "good")
        call("POST", f"invoices/{invoice}/pay")
        paying.told()
        assert license_() == ("active", None, 0, False)
