"""/checkout/session asked for by two tabs, after a crash, after a trial: one page can be paid, one trial is had."""

from typing import Any

import pytest

from config.kernel.ids import new_id
from tests import journey, stripe_account
from tests.api.beneath import as_owner, at_once, join
from tests.api.raw import quiet
from tests.api.refusals import refused
from tests.jobs import run_jobs
from tests.journey import Customer
from tests.query_counts import statements
from tests.subscriptions.stripe_side import call, only, pay, subscription_of, tell

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def ada(db: None) -> Customer:
    """Return a customer who has bought nothing, and is known to Stripe."""
    customer = journey.sign_up()
    run_jobs()
    quiet(customer.api)
    return customer


def checkout(customer: Customer, plan: str = "pro", **more: str) -> Any:
    """Ask for a checkout."""
    return customer.api.post("/api/v1/checkout/session", {"plan_id": plan} | more)


def payable(customer: Customer) -> list[str]:
    """Return the sessions of a customer that can be paid at Stripe."""
    ((known,),) = as_owner(
        "select stripe_customer_id from organizations_organization where id = %s", customer.organization_id
    )
    return [one["id"] for one in call("GET", f"checkout/sessions?customer={known}&status=open&limit=100")["data"]]


class TestMetadata:
    def test_of_whose_and_which_plan_it_is_stands_on_session_subscription_and_customer(self, ada: Customer) -> None:
        ((plan,),) = as_owner("select id::text from subscriptions_plan where slug = 'pro'")
        wanted = {"organization_id": ada.organization_id, "user_id": ada.user_id, "plan_id": plan}
        session_id, told = pay(ada, plan="pro")
        session = call("GET", f"checkout/sessions/{session_id}")
        for one in (
            session,
            call("GET", f"subscriptions/{subscription_of(told)}"),
            call("GET", f"customers/{session['customer']}"),
        ):
            assert wanted.items() <= one["metadata"].items(), one["object"]


class TestTwoTabs:
    def test_of_one_plan_lead_to_one_page(self, ada: Customer) -> None:
        first, second = checkout(ada), checkout(ada)
        assert first.json() == second.json()
        assert payable(ada) == [first.json()["session_id"]]

    def test_of_two_plans_leave_the_later_page_only(self, ada: Customer) -> None:
        first, second = checkout(ada, "starter"), checkout(ada, "pro")
        assert (first.status_code, second.status_code) == (201, 201)
        assert payable(ada) == [second.json()["session_id"]]
        assert payable(ada) != [first.json()["session_id"]]

    def test_that_return_to_two_places_leave_the_later_page_only(self, ada: Customer, settings: Any) -> None:
        settings.CHECKOUT_REDIRECT_ORIGINS = ["https://app.coditect.example"]
        checkout(ada)
        second = checkout(ada, success_url="https://app.coditect.example/thanks")
        assert payable(ada) == [second.json()["session_id"]]

    @pytest.mark.parametrize("round_", range(3))
    def test_ten_at_once_of_two_plans_leave_one_page_that_can_be_paid(self, ada: Customer, round_: int) -> None:
        answers = at_once(10, lambda number: checkout(ada, ("starter", "pro")[number % 2]))
        assert {answer.status_code for answer in answers} <= {201, 409}
        for answer in answers:
            if answer.status_code == 409:
                refused(answer, 409, "checkout_under_way")
        (left,) = payable(ada)
        assert left in {answer.json().get("session_id") for answer in answers}
        assert as_owner("select stripe_session_id from subscriptions_checkoutsession where status = 'open'") == [
            (left,)
        ]

    def test_of_another_organization_are_left_alone(self, ada: Customer) -> None:
        eve = journey.sign_up()
        run_jobs()
        hers = checkout(eve).json()["session_id"]
        checkout(ada)
        assert payable(eve) == [hers]


class TestAnOpenPage:
    def test_that_stripe_has_closed_is_followed_by_another(self, ada: Customer) -> None:
        first = checkout(ada).json()["session_id"]
        call("POST", f"checkout/sessions/{first}/expire", **{"expand[]": "line_items"})
        second = checkout(ada)
        assert (second.status_code, payable(ada)) == (201, [second.json()["session_id"]])
        assert as_owner("select status from subscriptions_checkoutsession order by id") == [("expired",), ("open",)]

    def test_that_has_just_been_paid_is_no_reason_for_another(self, ada: Customer) -> None:
        _, told = pay(ada, plan="pro")
        for plan in ("pro", "starter"):
            refused(checkout(ada, plan), 409, "subscription_exists")
        tell(*told)
        run_jobs()
        refused(checkout(ada), 409, "subscription_exists")

    def test_that_was_paid_without_our_being_told_is_settled_by_the_subscription(self, ada: Customer) -> None:
        session, told = pay(ada)
        tell(*only(told, "customer.subscription.created"))
        call("DELETE", f"subscriptions/{subscription_of(told)}")
        tell(*only(stripe_account.new_events(), "customer.subscription.deleted"))
        run_jobs()
        assert checkout(ada).status_code == 201
        assert as_owner(
            "select status from subscriptions_checkoutsession where stripe_session_id = %s", session
        ) == [("completed",)]  # fmt: skip


class TestADeathInBetween:
    def test_before_stripe_was_asked_costs_nothing(self, ada: Customer) -> None:
        opened = checkout(ada).json()["session_id"]
        call("POST", f"checkout/sessions/{opened}/expire", **{"expand[]": "line_items"})
        # As a process leaves it that dies before it asks: a row, and nothing at Stripe under its key.
        as_owner("update subscriptions_checkoutsession set stripe_session_id = null, id = %s", new_id())
        again = checkout(ada)
        assert (again.status_code, payable(ada)) == (201, [again.json()["session_id"]])

    @pytest.mark.parametrize("plan", ["pro", "starter"])
    def test_before_the_session_was_written_down_leaves_no_second_page(self, ada: Customer, plan: str) -> None:
        checkout(ada, "pro")
        as_owner(
            "update subscriptions_checkoutsession set stripe_session_id = null, created_at = now() - interval '20 s'"
        )
        again = checkout(ada, plan)
        assert (again.status_code, payable(ada)) == (201, [again.json()["session_id"]])

    def test_is_told_from_somebody_who_is_just_asking_stripe(self, ada: Customer) -> None:
        opened = checkout(ada, "pro").json()
        as_owner("update subscriptions_checkoutsession set stripe_session_id = null")
        refused(checkout(ada, "starter"), 409, "checkout_under_way")
        assert checkout(ada, "pro").json() == opened, "the same is found under the same key"

    @pytest.mark.parametrize("plan", ["pro", "starter"])
    def test_long_ago_is_looked_up_at_stripe(self, ada: Customer, plan: str) -> None:
        checkout(ada, "pro")
        as_owner(
            "update subscriptions_checkoutsession set stripe_session_id = null, created_at = now() - interval '1 day'"
        )
        again = checkout(ada, plan)
        assert (again.status_code, payable(ada)) == (201, [again.json()["session_id"]])

    def test_long_ago_without_a_session_is_forgotten(self, ada: Customer) -> None:
        opened = checkout(ada).json()["session_id"]
        call("POST", f"checkout/sessions/{opened}/expire", **{"expand[]": "line_items"})
        as_owner(
            "update subscriptions_checkoutsession set stripe_session_id = null, created_at = now() - interval '1 day'"
        )
        again = checkout(ada)
        assert (again.status_code, payable(ada)) == (201, [again.json()["session_id"]])


class TestStripe:
    def test_that_is_away_leaves_a_visit_that_is_taken_up_again(self, ada: Customer, settings: Any) -> None:
        there = settings.STRIPE_API_BASE
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"
        answer = checkout(ada, "starter")
        refused(answer, 503, "payment_provider_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        settings.STRIPE_API_BASE = there
        again = checkout(ada, "starter")
        assert (again.status_code, payable(ada)) == (201, [again.json()["session_id"]])

    def test_that_refuses_is_503_and_does_not_stand_in_the_way(self, ada: Customer) -> None:
        ((price,),) = as_owner("select stripe_price_id from subscriptions_plan where slug = 'pro'")
        as_owner("update subscriptions_plan set stripe_price_id = 'price_gone' where slug = 'pro'")
        try:
            refused(checkout(ada), 503, "payment_provider_unavailable")
        finally:
            as_owner("update subscriptions_plan set stripe_price_id = %s where slug = 'pro'", price)
        assert checkout(ada).status_code == 201


class TestTrial:
    def trial(self, customer: Customer) -> Any:
        """Buy, and return when the trial ends."""
        _, told = pay(customer)
        tell(*told)
        run_jobs()
        (event,) = only(told, "customer.subscription.created")
        return event["data"]["object"]

    def test_is_had_once(self, ada: Customer) -> None:
        first = self.trial(ada)
        assert (first["status"], first["trial_end"] is not None) == ("trialing", True)
        call("DELETE", f"subscriptions/{first['id']}")
        tell(*stripe_account.new_events())
        run_jobs()
        second = self.trial(ada)
        assert (second["status"], second["trial_end"]) == ("active", None)

    def test_is_not_had_again_by_an_owner_with_another_organization(self, ada: Customer) -> None:
        self.trial(ada)
        made = ada.api.post("/api/v1/organizations", {"name": "Once More"})
        assert made.status_code == 201, made.content
        as_owner("update users_user set default_organization_id = %s where id = %s", made.json()["id"], ada.user_id)
        assert self.trial(ada)["status"] == "active"

    def test_is_not_had_twice_on_pages_of_two_organizations_that_are_open_at_once(self, ada: Customer) -> None:
        pages = [checkout(ada).json()["checkout_url"]]
        made = ada.api.post("/api/v1/organizations", {"name": "At Once"}).json()
        as_owner("update users_user set default_organization_id = %s where id = %s", made["id"], ada.user_id)
        pages.append(checkout(ada).json()["checkout_url"])
        for page in pages:
            stripe_account.act(page, "pay")
        tell(*stripe_account.new_events())
        run_jobs()
        found = as_owner("select status from subscriptions_subscription order by status")
        assert found == [("active",), ("trialing",)]

    def test_is_had_by_somebody_whose_colleagues_elsewhere_had_one(self, ada: Customer) -> None:
        self.trial(ada)
        bob = journey.sign_up()
        join(ada.organization_id, bob.user_id, "admin")
        assert self.trial(bob)["status"] == "trialing"


class TestStatements:
    def test_of_a_checkout(self, ada: Customer) -> None:
        with statements(12):
            assert checkout(ada).status_code == 201
        with statements(8):
            assert checkout(ada).status_code == 201
