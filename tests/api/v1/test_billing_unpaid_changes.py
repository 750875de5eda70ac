"""A change of plan that waits to be paid: paid, replaced, taken back, expired; one clear state, charged once."""

import pytest

from subscriptions.services import plan_wishes, reconcile
from tests import stripe_account
from tests.api.beneath import as_owner
from tests.jobs import as_role, run_jobs
from tests.journey import Customer
from tests.subscriptions.plan_changer import (
    ENTERPRISE,
    STARTER,
    at_stripe,
    bills,
    change,
    charged,
    do,
    hear,
    mine,
    standing,
    starting,
)
from tests.subscriptions.stripe_side import call, only, tell
from tests.subscriptions.stripe_time import card, own_time, pass_time

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def paying(db: None) -> Customer:
    """Return a customer who pays for the Starter plan, without a trial."""
    return starting()


class TestWhatWaitsToBePaid:
    @pytest.fixture
    def waiting(self, paying: Customer) -> Customer:
        """Return a customer whose change to Pro waits to be paid."""
        card(mine(paying)["stripe_customer_id"], "declined")
        assert change(paying, "pro").json()["outcome"] == "awaiting_payment"
        hear()
        assert mine(paying)["pending_plan_expires_at"] is not None
        return paying

    def test_gives_way_to_another_plan_and_can_be_paid_no_longer(self, waiting: Customer) -> None:
        answer = change(waiting, "enterprise").json()
        assert answer["outcome"] == "awaiting_payment"
        assert [one["status"] for one in bills(waiting)] == ["open", "void"]
        stripe_account.act(answer["pay_at"], "pay")
        hear()
        assert standing(waiting) == ("enterprise", None)
        assert charged(waiting) == pytest.approx(ENTERPRISE - STARTER, abs=5)

    def test_is_taken_back_by_asking_for_the_present_plan(self, waiting: Customer) -> None:
        assert change(waiting, "starter").json()["outcome"] == "unchanged"
        assert [one["status"] for one in bills(waiting)] == ["void"]
        assert (standing(waiting), at_stripe(waiting)["pending_update"]) == (("starter", None), None)

    def test_and_is_paid_just_before_it_is_taken_back_stays(self, waiting: Customer) -> None:
        card(mine(waiting)["stripe_customer_id"], "good")
        call("POST", f"invoices/{bills(waiting)[0]['id']}/pay", **{"expand[]": "customer"})
        assert change(waiting, "starter").json()["outcome"] == "scheduled"
        assert standing(waiting) == ("pro", "starter")

    def test_ends_with_the_subscription(self, waiting: Customer) -> None:
        assert do(waiting, "cancel", at_period_end=False).status_code == 200
        assert [one["status"] for one in bills(waiting)] == ["void"]
        hear()
        assert (mine(waiting)["status"], standing(waiting)) == ("canceled", ("starter", None))

    @pytest.mark.parametrize(
        "told", ["customer.subscription.pending_update_expired", "customer.subscription.updated", "invoice.voided"]
    )
    def test_is_shown_no_longer_when_any_event_tells_that_it_expired(self, waiting: Customer, told: str) -> None:
        with own_time():
            pass_time(hours=24)
        happened = only(stripe_account.new_events(), told)
        assert happened
        tell(*happened)
        run_jobs()
        assert (standing(waiting), mine(waiting)["pending_plan_expires_at"]) == (("starter", None), None)
        assert waiting.api.get("/api/v1/audit?action=PLAN_CHANGE_EXPIRED").json()["results"]

    def test_is_shown_no_longer_when_its_invoice_was_voided(self, waiting: Customer) -> None:
        call("POST", f"invoices/{bills(waiting)[0]['id']}/void", **{"expand[]": "customer"})
        hear()
        assert standing(waiting) == ("starter", None)

    @pytest.mark.parametrize("net", ["clock", "comparison"])
    def test_is_shown_no_longer_when_no_event_comes(self, waiting: Customer, net: str) -> None:
        with own_time():
            pass_time(hours=24)
        stripe_account.new_events()  # and nobody is told
        with as_role("worker"):
            if net == "clock":
                assert plan_wishes.find_unsettled() == 0, "it has not been 23 hours here"
                as_owner("update subscriptions_subscription set pending_plan_expires_at = now()")
                assert plan_wishes.find_unsettled() == 1
            else:
                found = [line for line in reconcile.compare(repair=True).report if line["field"] == "awaited_plan"]
                assert [(line["ours"], line["theirs"]) for line in found] == [("pro", "")]
        run_jobs()
        assert standing(waiting) == ("starter", None)

    def test_is_asked_for_anew_after_it_expired_though_the_key_is_remembered(self, waiting: Customer) -> None:
        with own_time():
            pass_time(hours=23, minutes=30)
            answer = change(waiting, "pro").json()
        assert answer["outcome"] == "awaiting_payment"
        assert [one["status"] for one in bills(waiting)] == ["open", "void"]

    def test_applies_by_the_event_that_says_so_alone(self, waiting: Customer) -> None:
        stripe_account.act(change(waiting, "pro").json()["pay_at"], "pay")
        tell(*only(stripe_account.new_events(), "customer.subscription.pending_update_applied"))
        run_jobs()
        assert standing(waiting) == ("pro", None)
