"""An organization that is closed while it pays: it is charged no more, and no open page of its can be paid."""

import pytest

from subscriptions.services import reconcile
from tests.api.beneath import as_owner
from tests.jobs import as_role, run_jobs
from tests.journey import Customer, licensed, sign_up
from tests.stripe_account import new_events
from tests.subscriptions.stripe_side import call, tell

pytestmark = pytest.mark.usefixtures("db")

STATES = (
    "select s.status, l.status from subscriptions_subscription s join licenses_license l on l.subscription_id = s.id"
)


def close(customer: Customer) -> None:
    """Close the customer's organization, as its owner."""
    answer = customer.api.delete(f"/api/v1/organizations/{customer.organization_id}")
    assert answer.status_code == 204, answer.content


def at_stripe() -> str:
    """Return how the only subscription that we know stands at Stripe."""
    ((stripe_id,),) = as_owner("select stripe_subscription_id from subscriptions_subscription")
    return str(call("GET", f"subscriptions/{stripe_id}")["status"])


class TestClosing:
    def test_ends_what_is_paid_for_at_stripe_and_here(self) -> None:
        customer = licensed().customer
        new_events()
        close(customer)
        run_jobs()
        assert at_stripe() == "canceled"
        tell(*new_events())
        run_jobs()
        assert as_owner(STATES) == [("canceled", "inactive")]
        assert as_owner("select count(*) from subscriptions_webhookevent where status <> 'completed'") == [(0,)]
        assert as_owner("select count(*) from procrastinate_jobs where status = 'failed' or attempts > 1") == [(0,)]

    def test_closes_the_page_that_is_open(self) -> None:
        customer = sign_up()
        opened = customer.api.post("/api/v1/checkout/session", {"plan_id": "starter"}).json()
        close(customer)
        run_jobs()
        assert call("GET", f"checkout/sessions/{opened['session_id']}")["status"] == "expired"

    def test_that_nobody_lived_to_follow_is_followed_by_the_nightly_comparison(self) -> None:
        customer = licensed().customer
        as_owner("update organizations_organization set status = 'closed' where id = %s", customer.organization_id)
        with as_role("worker"):
            reconcile.compare(repair=True)
        run_jobs()
        assert at_stripe() == "canceled"
