"""Changes of plan that meet: each other, a cancellation, the job, a death; one clear state, charged once."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections

from subscriptions.services import due_plan_changes, plan_wishes
from tests.api.beneath import as_owner, at_once
from tests.api.refusals import refused
from tests.jobs import as_role, run_jobs
from tests.journey import Customer
from tests.subscriptions.plan_changer import (
    ENTERPRISE,
    PRO,
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
from tests.subscriptions.stripe_side import call
from tests.subscriptions.stripe_time import local

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def paying(db: None) -> Customer:
    """Return a customer who pays for the Starter plan, without a trial."""
    return starting()


@contextmanager
def held_at_stripe(customer: Customer, plan: str) -> Iterator[list[Any]]:
    """Ask for a plan and, in the block, be between Stripe's doing it and its answer; then the answer is in the list."""
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(change(customer, plan))
        finally:
            connections.close_all()

    path = f"/v1/subscriptions/{mine(customer)['stripe_subscription_id']}"
    local("faults", {"answer": 409, "method": "POST", "path": path, "commit": True, "seconds": 4})
    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(400):
        if as_owner("select 1 from subscriptions_subscription where plan_change_until > now()"):
            break
        time.sleep(0.02)
    yield answers
    thread.join()


class TestTwo:
    def test_who_want_different_plans_are_not_both_heard(self, paying: Customer) -> None:
        with held_at_stripe(paying, "enterprise") as answers:
            for plan in ("pro", "starter"):
                answer = change(paying, plan)
                refused(answer, 409, "other_plan_change")
                assert int(answer.headers["Retry-After"]) > 0
            assert answers == [], "the first one was still under way"
        assert answers[0].json()["outcome"] == "applied"
        hear()
        assert standing(paying) == ("enterprise", None)
        assert charged(paying) == pytest.approx(ENTERPRISE - STARTER, abs=5)

    def test_who_want_the_same_are_both_told_so_and_it_is_charged_once(self, paying: Customer) -> None:
        with held_at_stripe(paying, "enterprise") as answers:
            assert change(paying, "enterprise").json()["outcome"] == "applied"
        assert answers[0].json()["outcome"] == "applied"
        hear()
        assert (standing(paying), len(bills(paying))) == (("enterprise", None), 1)

    @pytest.mark.parametrize("round_", range(2))
    def test_and_more_at_once_leave_what_stripe_has_and_pay_each_difference_once(
        self, paying: Customer, round_: int
    ) -> None:
        answers = at_once(6, lambda number: change(paying, ("pro", "enterprise")[number % 2]))
        assert {answer.status_code for answer in answers} <= {200, 409}
        for answer in answers:
            if answer.status_code == 409:
                refused(answer, 409, "other_plan_change")
        hear()
        dearest = at_stripe(paying)["items"]["data"][0]["price"]["unit_amount"]
        assert (PRO, ENTERPRISE)[standing(paying)[0] == "enterprise"] == dearest
        assert charged(paying) == pytest.approx(dearest - STARTER, abs=10)
        assert as_owner("select count(*) from subscriptions_subscription where plan_change_until > now()") == [(0,)]


class TestRightAfter:
    def test_an_upgrade_that_our_row_does_not_show_yet_the_next_wish_is_measured_by_it(self, paying: Customer) -> None:
        change(paying, "enterprise")
        # The row says Starter, of which Pro would be an upgrade to be charged; Stripe has Enterprise.
        answer = change(paying, "pro").json()
        assert (answer["outcome"], answer["subscription"]["plan"]["slug"]) == ("scheduled", "enterprise")
        hear()
        assert standing(paying) == ("enterprise", "pro")
        assert charged(paying) == pytest.approx(ENTERPRISE - STARTER, abs=5)

    def test_a_cancellation_that_our_row_does_not_show_yet_nothing_is_charged(self, paying: Customer) -> None:
        assert do(paying, "cancel").status_code == 200
        refused(change(paying, "enterprise"), 409, "subscription_ending")
        assert (bills(paying), standing(paying)) == ([], ("starter", None))
        assert do(paying, "resume").status_code == 200
        hear()
        assert change(paying, "enterprise").json()["outcome"] == "applied"

    def test_an_end_that_our_row_does_not_show_yet_it_has_ended(self, paying: Customer) -> None:
        call("DELETE", f"subscriptions/{mine(paying)['stripe_subscription_id']}")
        refused(change(paying, "enterprise"), 409, "subscription_ended")
        assert mine(paying)["status"] == "canceled"


class TestADeath:
    def die(self, plan: str, *, ago: str) -> None:
        """Leave the row as whoever dies does that was about to ask Stripe for a plan, so long ago."""
        as_owner(
            "update subscriptions_subscription set pending_plan_key = gen_random_uuid(), plan_change_until = now() "
            "+ interval '60 seconds' - %s::interval, pending_plan_id = (select id from subscriptions_plan where "
            "slug = %s)",
            ago, plan,
        )  # fmt: skip

    def test_is_in_nobodys_way_after_a_minute(self, paying: Customer) -> None:
        self.die("enterprise", ago="10 seconds")
        refused(change(paying, "pro"), 409, "other_plan_change")
        self.die("enterprise", ago="61 seconds")
        assert change(paying, "pro").json()["outcome"] == "applied"
        hear()
        assert standing(paying) == ("pro", None)

    def test_after_stripe_was_asked_is_found_out_before_the_next_wish(self, paying: Customer) -> None:
        self.die("enterprise", ago="61 seconds")
        item = at_stripe(paying)["items"]["data"][0]["id"]
        prices = dict(as_owner("select slug, stripe_price_id from subscriptions_plan"))
        call("POST", f"subscriptions/{mine(paying)['stripe_subscription_id']}", **{
            "items[0][id]": item, "items[0][price]": prices["enterprise"], "proration_behavior": "always_invoice",
        })  # fmt: skip
        assert change(paying, "pro").json()["outcome"] == "scheduled"
        assert charged(paying) == pytest.approx(ENTERPRISE - STARTER, abs=5)

    def test_is_not_shown_as_a_change_to_come_for_long(self, paying: Customer) -> None:
        self.die("enterprise", ago="61 seconds")
        with as_role("worker"):
            assert plan_wishes.find_unsettled() == 1
        run_jobs()
        assert standing(paying) == ("starter", None)


class TestTheJob:
    def test_and_a_change_do_not_meet(self, paying: Customer) -> None:
        change(paying, "enterprise")
        hear()
        change(paying, "pro")
        as_owner("update subscriptions_subscription set pending_plan_at = now() + interval '30 minutes'")
        refused(change(paying, "starter"), 409, "plan_change_under_way")
        ((organization, subscription),) = as_owner("select organization_id, id from subscriptions_subscription")
        with as_role("worker"):
            due_plan_changes.apply(organization_id=organization, subscription_id=subscription)
        # Stripe has it and the row does not yet: still nobody gets in between.
        refused(change(paying, "enterprise"), 409, "plan_change_under_way")
        hear()
        assert standing(paying) == ("pro", None)
        assert change(paying, "enterprise").json()["outcome"] == "applied"

    def test_leaves_what_was_canceled_a_moment_ago_to_end(self, paying: Customer) -> None:
        change(paying, "enterprise")
        hear()
        change(paying, "pro")
        as_owner("update subscriptions_subscription set pending_plan_at = now()")
        assert do(paying, "cancel").status_code == 200
        with as_role("worker"):
            due_plan_changes.find_due()
        run_jobs()
        assert at_stripe(paying)["items"]["data"][0]["price"]["unit_amount"] == ENTERPRISE
        assert mine(paying)["cancel_at_period_end"] is True
