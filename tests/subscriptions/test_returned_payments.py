"""Refunds and disputes: all of the money back suspends the licence, and everything goes before a person."""

from typing import Any

import pytest

from tests import stripe_account
from tests.api.beneath import as_owner
from tests.jobs import run_jobs
from tests.journey import sign_up
from tests.subscriptions.journeys import without_trial
from tests.subscriptions.stripe_side import anew, call, only, pay, subscription_of, tell
from tests.subscriptions.stripe_time import local, own_time, pass_time

pytestmark = pytest.mark.usefixtures("db")

LICENSE = "select status, suspension_reason, grace_period_ends_at from licenses_license"


@pytest.fixture
def charge() -> dict[str, Any]:
    """Return what a customer, who has a licence now, was charged."""
    with without_trial():
        _, told = pay(sign_up())
    tell(*told)
    run_jobs()
    assert as_owner(LICENSE) == [("active", None, None)]
    customer = call("GET", f"subscriptions/{subscription_of(told)}")["customer"]
    (found,) = call("GET", f"charges?customer={customer}")["data"]
    return dict(found)


def hear_of_it() -> list[Any]:
    """Be told everything that has happened at Stripe meanwhile."""
    told = stripe_account.new_events()
    tell(*told)
    run_jobs()
    return told


def flags() -> list[Any]:
    """Return what a person should look at."""
    return [row[0] for row in as_owner("select kind from subscriptions_billingflag order by id")]


class TestRefund:
    def test_in_full_suspends_without_grace_and_is_flagged(self, charge: dict[str, Any]) -> None:
        call("POST", "refunds", charge=charge["id"])
        hear_of_it()
        assert as_owner(LICENSE) == [("suspended", "billing", None)]
        assert flags() == ["full_refund"]

    def test_in_part_is_flagged_only(self, charge: dict[str, Any]) -> None:
        call("POST", "refunds", charge=charge["id"], amount="100")
        hear_of_it()
        assert as_owner(LICENSE) == [("active", None, None)]
        assert flags() == ["partial_refund"]

    def test_is_flagged_once_however_often_it_is_told(self, charge: dict[str, Any]) -> None:
        call("POST", "refunds", charge=charge["id"])
        told = hear_of_it()
        tell(*(anew(event) for event in only(told, "charge.refunded")))
        run_jobs()
        assert flags() == ["full_refund"]
        assert as_owner("select count(*) from users_auditentry where action = 'LICENSE_SUSPENDED'") == [(1,)]

    def test_is_made_good_for_by_the_next_payment(self, charge: dict[str, Any]) -> None:
        call("POST", "refunds", charge=charge["id"])
        hear_of_it()
        with own_time():
            pass_time(months=1, hours=2)
            hear_of_it()
        assert as_owner(LICENSE) == [("active", None, None)]

    def test_does_not_lift_or_take_over_what_an_admin_suspended(self, charge: dict[str, Any]) -> None:
        as_owner("update licenses_license set status = 'suspended', suspension_reason = 'admin'")
        call("POST", "refunds", charge=charge["id"])
        hear_of_it()
        assert as_owner(LICENSE) == [("suspended", "admin", None)]

    def test_of_an_invoice_that_we_were_not_told_of_is_found_out_about(self, charge: dict[str, Any]) -> None:
        as_owner("delete from subscriptions_invoice")
        call("POST", "refunds", charge=charge["id"])
        hear_of_it()
        assert as_owner(LICENSE) == [("suspended", "billing", None)]


class TestDispute:
    def test_that_is_opened_is_flagged_and_suspends_when_it_is_lost(self, charge: dict[str, Any]) -> None:
        opened = local(f"payments/{charge['id']}/dispute", {})
        hear_of_it()
        assert as_owner(LICENSE) == [("active", None, None)]
        assert flags() == ["dispute_opened"]
        local(f"disputes/{opened['id']}", {"outcome": "lost"})
        hear_of_it()
        assert as_owner(LICENSE) == [("suspended", "billing", None)]
        assert flags() == ["dispute_opened", "dispute_lost"]

    def test_that_is_won_changes_nothing(self, charge: dict[str, Any]) -> None:
        opened = local(f"payments/{charge['id']}/dispute", {})
        local(f"disputes/{opened['id']}", {"outcome": "won"})
        hear_of_it()
        assert as_owner(LICENSE) == [("active", None, None)]

    def test_that_is_won_after_it_was_lost_gives_the_licence_back(self, charge: dict[str, Any]) -> None:
        opened = local(f"payments/{charge['id']}/dispute", {})
        local(f"disputes/{opened['id']}", {"outcome": "lost"})
        hear_of_it()
        assert as_owner(LICENSE) == [("suspended", "billing", None)]
        local(f"disputes/{opened['id']}", {"outcome": "won"})
        hear_of_it()
        assert as_owner(LICENSE) == [("active", None, None)]


class TestLaterPayment:
    def test_of_a_difference_does_not_make_good_for_the_period_that_was_given_back(
        self, charge: dict[str, Any]
    ) -> None:
        subscription = call("GET", f"subscriptions?customer={charge['customer']}")["data"][0]
        prices = dict(as_owner("select slug, stripe_price_id from subscriptions_plan"))
        call("POST", f"subscriptions/{subscription['id']}", **{
            "items[0][id]": subscription["items"]["data"][0]["id"], "items[0][price]": prices["pro"],
            "proration_behavior": "always_invoice",
        })  # fmt: skip
        hear_of_it()
        call("POST", "refunds", charge=charge["id"])
        hear_of_it()
        assert as_owner(LICENSE) == [("suspended", "billing", None)]
