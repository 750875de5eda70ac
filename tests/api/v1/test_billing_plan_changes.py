"""/subscriptions/{id}/preview-change and /change-plan: dearer once paid, cheaper with the period, never over seats."""

from typing import Any

import pytest

from subscriptions.services import due_plan_changes
from tests import journey, stripe_account
from tests.api.beneath import as_owner, at_once, join
from tests.api.raw import quiet
from tests.api.refusals import refused
from tests.jobs import as_role, run_jobs
from tests.journey import Customer
from tests.query_counts import statements
from tests.subscriptions.plan_changer import do, hear, mine, starting
from tests.subscriptions.stripe_side import call
from tests.subscriptions.stripe_time import card

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def trying(db: None) -> Customer:
    """Return a customer of the Pro plan who is on trial."""
    customer = journey.sign_up()
    journey.buy(customer, plan="pro")
    quiet(customer.api)
    return customer


@pytest.fixture
def paying(db: None) -> Customer:
    """Return a customer who pays for the Pro plan, without a trial."""
    return starting("pro")


def change(customer: Customer, plan: str, what: str = "change-plan") -> Any:
    """Ask for another plan."""
    return do(customer, what, plan_id=plan)


def standing(customer: Customer) -> tuple[str, int]:
    """Return the plan of the subscription and the seats of the licence."""
    (license_,) = customer.api.get("/api/v1/licenses").json()["results"]
    return mine(customer)["plan"]["slug"], license_["max_seats"]


def charged(customer: Customer) -> list[int]:
    """Return what Stripe charged for changes of plan."""
    found = call("GET", f"invoices?subscription={mine(customer)['stripe_subscription_id']}&limit=100")["data"]
    return [one["amount_due"] for one in found if one["billing_reason"] == "subscription_update"]


def fill(customer: Customer, seats: int) -> None:
    """Take so many seats."""
    (license_,) = customer.api.get("/api/v1/licenses").json()["results"]
    for number in range(seats):
        body = {"license_key": license_["license_key"], "hardware_id": f"machine-{number:04}"}
        assert customer.api.post("/api/v1/licenses/acquire", body).status_code == 201


def make_due() -> None:
    """Let the time come at which cheaper plans are put in place."""
    as_owner("update subscriptions_subscription set pending_plan_at = now() where pending_plan_at is not null")
    with as_role("worker"):
        due_plan_changes.find_due()
    run_jobs()


class TestUpgrade:
    def test_applies_once_its_difference_is_paid(self, paying: Customer) -> None:
        answer = change(paying, "enterprise")
        assert answer.status_code == 200, answer.content
        assert (answer.json()["outcome"], answer.json()["subscription"]["plan"]["slug"]) == ("applied", "enterprise")
        hear()
        assert standing(paying) == ("enterprise", 50)
        (amount,) = charged(paying)
        assert 19_900 < amount <= 20_000

    def test_waits_for_its_payment_while_the_present_plan_goes_on(self, paying: Customer) -> None:
        card(mine(paying)["stripe_customer_id"], "declined")
        answer = change(paying, "enterprise").json()
        assert (answer["outcome"], answer["subscription"]["plan"]["slug"]) == ("awaiting_payment", "pro")
        hear()
        assert standing(paying) == ("pro", 10)
        assert (mine(paying)["pending_plan"], mine(paying)["status"]) == ("enterprise", "active")
        stripe_account.act(answer["pay_at"], "pay")
        hear()
        assert standing(paying) == ("enterprise", 50)
        assert mine(paying)["pending_plan"] is None

    def test_asked_for_again_while_it_waits_is_charged_once(self, paying: Customer) -> None:
        card(mine(paying)["stripe_customer_id"], "declined")
        first, again = change(paying, "enterprise").json(), change(paying, "enterprise").json()
        assert first["pay_at"] == again["pay_at"]
        assert len(charged(paying)) == 1

    def test_by_five_at_once_is_charged_once(self, paying: Customer) -> None:
        answers = at_once(5, lambda _: change(paying, "enterprise"))
        assert {answer.status_code for answer in answers} <= {200, 503}
        hear()
        assert standing(paying) == ("enterprise", 50)
        assert len(charged(paying)) == 1

    def test_on_trial_applies_at_once_for_nothing_and_the_trial_goes_on(self, trying: Customer) -> None:
        before = mine(trying)["trial_end"]
        assert change(trying, "enterprise").json()["outcome"] == "applied"
        hear()
        assert (standing(trying), charged(trying)) == (("enterprise", 50), [])
        assert (mine(trying)["status"], mine(trying)["trial_end"]) == ("trialing", before)

    def test_is_503_while_stripe_is_away_and_is_made_good_later(self, paying: Customer, settings: Any) -> None:
        there, settings.STRIPE_API_BASE = settings.STRIPE_API_BASE, "http://127.0.0.1:9"
        for what in ("change-plan", "preview-change"):
            refused(change(paying, "enterprise", what), 503, "payment_provider_unavailable")
        settings.STRIPE_API_BASE = there
        assert change(paying, "enterprise").json()["outcome"] == "applied"
        assert len(charged(paying)) == 1

    def test_while_it_is_canceled_leaves_it_canceled(self, paying: Customer) -> None:
        address = f"/api/v1/subscriptions/{mine(paying)['id']}"
        asked = [("change-plan", {"plan_id": "enterprise"}), ("cancel", {"at_period_end": False})]
        answers = at_once(2, lambda number: paying.api.post(f"{address}/{asked[number][0]}", asked[number][1]))
        assert answers[0].status_code in {200, 409}
        assert answers[1].status_code == 200
        hear()
        (license_,) = paying.api.get("/api/v1/licenses").json()["results"]
        assert (mine(paying)["status"], license_["status"]) == ("canceled", "inactive")


class TestDowngrade:
    def test_applies_with_the_period_at_stripe_and_charges_nothing_now(self, paying: Customer) -> None:
        answer = change(paying, "starter").json()
        assert (answer["outcome"], answer["effective_at"]) == ("scheduled", mine(paying)["current_period_end"])
        hear()
        assert (standing(paying), mine(paying)["pending_plan"]) == (("pro", 10), "starter")
        make_due()
        hear()
        assert (standing(paying), mine(paying)["pending_plan"]) == (("starter", 3), None)
        assert charged(paying) == []

    def test_is_not_put_in_place_before_its_time(self, paying: Customer) -> None:
        change(paying, "starter")
        with as_role("worker"):
            assert due_plan_changes.find_due() == 0

    def test_put_in_place_twice_is_once(self, paying: Customer) -> None:
        change(paying, "starter")
        make_due()
        make_due()
        hear()
        assert standing(paying) == ("starter", 3)

    def test_put_in_place_late_credits_what_was_paid_too_much(self, paying: Customer) -> None:
        change(paying, "starter")
        as_owner("update subscriptions_subscription set pending_plan_at = now() - interval '1 day'")
        with as_role("worker"):
            due_plan_changes.find_due()
        run_jobs()
        waiting = call("GET", f"invoiceitems?customer={mine(paying)['stripe_customer_id']}&limit=10")["data"]
        assert sum(one["amount"] for one in waiting) < 0

    def test_can_be_taken_back_by_asking_for_the_present_plan(self, paying: Customer) -> None:
        change(paying, "starter")
        assert change(paying, "pro").json()["outcome"] == "unchanged"
        assert mine(paying)["pending_plan"] is None

    def test_is_taken_back_by_an_upgrade(self, paying: Customer) -> None:
        change(paying, "starter")
        change(paying, "enterprise")
        hear()
        assert (standing(paying), mine(paying)["pending_plan"]) == (("enterprise", 50), None)

    def test_is_refused_with_the_holders_while_more_seats_are_held(self, paying: Customer) -> None:
        fill(paying, 4)
        body = refused(change(paying, "starter"), 409, "seats_in_use")
        assert (body["seats_in_use"], body["max_seats"], len(body["holders"])) == (4, 3, 4)
        assert {holder["user_id"] for holder in body["holders"]} == {paying.user_id}
        previewed = change(paying, "starter", "preview-change").json()
        assert (previewed["seat_conflict"], previewed["seats_in_use"]) == (True, 4)

    def test_never_kicks_who_took_a_seat_after_it_was_decided(self, paying: Customer) -> None:
        change(paying, "starter")
        fill(paying, 4)
        make_due()
        hear()
        (license_,) = paying.api.get("/api/v1/licenses").json()["results"]
        assert (license_["max_seats"], license_["seats_used"]) == (3, 4)

    def test_is_left_alone_within_the_hour_in_which_it_is_put_in_place(self, paying: Customer) -> None:
        change(paying, "starter")
        as_owner("update subscriptions_subscription set pending_plan_at = now() + interval '30 minutes'")
        refused(change(paying, "enterprise"), 409, "plan_change_under_way")


class TestRefusals:
    def test_of_an_unknown_plan_or_subscription(self, paying: Customer) -> None:
        nobodys = "/api/v1/subscriptions/00000000-0000-7000-8000-000000000000"
        for what in ("change-plan", "preview-change"):
            refused(change(paying, "none", what), 404, "plan_not_found")
            refused(paying.api.post(f"{nobodys}/{what}", {"plan_id": "pro"}), 404, "subscription_not_found")

    @pytest.mark.parametrize(
        ("column", "value", "code"),
        [("status", "canceled", "subscription_ended"), ("status", "past_due", "subscription_not_changeable"),
         ("cancel_at_period_end", "true", "subscription_ending")],
    )  # fmt: skip
    def test_of_what_cannot_be_changed_as_it_stands(self, paying: Customer, column: str, value: str, code: str) -> None:
        as_owner(f"update subscriptions_subscription set {column} = '{value}'")  # noqa: S608
        for what in ("change-plan", "preview-change"):
            refused(change(paying, "enterprise", what), 409, code)

    @pytest.mark.parametrize(("role", "status"), [("admin", 403), ("member", 403), ("billing", 200)])
    def test_of_who_does_not_see_to_billing(self, trying: Customer, role: str, status: int) -> None:
        colleague = journey.sign_up()
        join(trying.organization_id, colleague.user_id, role)
        for what in ("change-plan", "preview-change"):
            answer = colleague.api.post(
                f"/api/v1/subscriptions/{mine(trying)['id']}/{what}",
                {"plan_id": "pro"},
                headers={"X-Organization": trying.organization_id},
            )
            assert answer.status_code == status


class TestPreview:
    def test_of_an_upgrade_tells_what_is_then_charged(self, paying: Customer) -> None:
        told = change(paying, "enterprise", "preview-change").json()
        assert (told["direction"], told["max_seats"], told["seat_conflict"]) == ("upgrade", 50, False)
        assert [line["proration"] for line in told["due_now"]["lines"]] == [True, True]
        assert told["next_invoice"]["amount_due"] == 29_900
        assert standing(paying) == ("pro", 10)
        change(paying, "enterprise")
        (amount,) = charged(paying)
        assert abs(amount - told["due_now"]["amount_due"]) <= 1

    def test_of_a_downgrade_tells_when_and_that_nothing_is_due_now(self, paying: Customer) -> None:
        told = change(paying, "starter", "preview-change").json()
        assert (told["direction"], told["due_now"]) == ("downgrade", None)
        assert told["effective_at"] == mine(paying)["current_period_end"]
        assert told["next_invoice"]["amount_due"] == 2_900

    def test_on_trial_has_nothing_due_now(self, trying: Customer) -> None:
        assert change(trying, "enterprise", "preview-change").json()["due_now"] is None

    def test_names_what_the_plan_allows_less_of(self, paying: Customer) -> None:
        as_owner("update organizations_quota set used = 40 where name = 'members'")
        assert change(paying, "starter", "preview-change").json()["over_quota"] == ["members"]


class TestStatements:
    def test_of_changes_of_plan(self, paying: Customer) -> None:
        address = f"/api/v1/subscriptions/{mine(paying)['id']}"
        with statements(11):
            paying.api.post(f"{address}/preview-change", {"plan_id": "starter"})
        with statements(12):
            paying.api.post(f"{address}/change-plan", {"plan_id": "starter"})
