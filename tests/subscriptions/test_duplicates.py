"""Two subscriptions of one organization: the second is canceled and paid back, and the licence does not notice."""

from typing import Any

import pytest

from tests import stripe_account
from tests.api.beneath import as_owner
from tests.jobs import run_jobs
from tests.journey import Customer, sign_up
from tests.subscriptions.journeys import without_trial
from tests.subscriptions.stripe_side import anew, call, only, pay, subscription_of, tell

pytestmark = pytest.mark.usefixtures("db")


def buy_twice(customer: Customer) -> tuple[list[Any], list[Any]]:
    """Pay for a plan and, before we hear of it, for another one straight at Stripe; return what both have to tell."""
    with without_trial():
        _, first = pay(customer)
    kept = call("GET", f"subscriptions/{subscription_of(first)}")
    prices = dict(as_owner("select slug, stripe_price_id from subscriptions_plan"))
    opened = call("POST", "checkout/sessions", **{
        "mode": "subscription", "customer": kept["customer"], "success_url": "http://testserver/",
        "line_items[0][price]": prices["pro"], "line_items[0][quantity]": "1",
        "subscription_data[metadata][organization_id]": customer.organization_id,
    })  # fmt: skip
    stripe_account.act(opened["url"], "pay")
    return first, stripe_account.new_events()


def hear_of_it() -> None:
    """Be told everything that has happened at Stripe meanwhile."""
    tell(*stripe_account.new_events())
    run_jobs()


class TestSecondSubscription:
    def test_is_canceled_and_paid_back_and_the_licence_is_untouched(self) -> None:
        first, second = buy_twice(sign_up())
        tell(*first)
        run_jobs()
        before = as_owner("select id, key_hash, status, tier, expires_at from licenses_license")
        tell(*second)
        run_jobs()
        duplicate = subscription_of(second)
        assert call("GET", f"subscriptions/{duplicate}")["status"] == "canceled"
        customer = call("GET", f"subscriptions/{duplicate}")["customer"]
        (charge,) = [one for one in call("GET", f"charges?customer={customer}")["data"] if one["amount"] == 9900]
        assert charge["refunded"] is True
        hear_of_it()
        assert as_owner("select id, key_hash, status, tier, expires_at from licenses_license") == before
        assert as_owner("select status, duplicate_of_id is null from subscriptions_subscription order by id") == [
            ("active", True),
            ("canceled", False),
        ]
        assert as_owner("select status from organizations_organization") == [("active",)]
        assert as_owner("select allowed from organizations_quota where name = 'members'") == [(10,)]
        assert as_owner("select kind from subscriptions_billingflag where kind = 'duplicate_subscription'") != []
        assert as_owner("select count(*) from emails_emaillog where kind = 'subscription_canceled'") == [(0,)]
        assert as_owner("select count(*) from emails_emaillog where kind = 'subscription_confirmed'") == [(1,)]

    def test_is_undone_once_however_often_it_is_told(self) -> None:
        first, second = buy_twice(sign_up())
        tell(*first, *second, *(anew(event) for event in second), *(anew(event) for event in first))
        run_jobs()
        hear_of_it()
        assert as_owner("select count(*) from licenses_license") == [(1,)]
        assert as_owner("select kind, count(*) from subscriptions_stripeoperation group by 1 order by 1") == [
            ("cancel_duplicate", 1),
            ("create_customer", 1),
            ("refund_duplicate", 1),
        ]

    def test_is_the_one_that_was_heard_of_later(self) -> None:
        first, second = buy_twice(sign_up())
        tell(*only(second, "customer.subscription.created"))
        run_jobs()
        tell(*first)
        run_jobs()
        assert call("GET", f"subscriptions/{subscription_of(first)}")["status"] == "canceled"
        assert as_owner("select tier, status from licenses_license") == [("pro", "active")]
        assert as_owner(
            "select s.stripe_subscription_id = %s from subscriptions_checkoutsession c "
            "join subscriptions_subscription s on s.id = c.subscription_id",
            subscription_of(second),
        ) == [(True,)]

    def test_that_comes_after_the_first_has_ended_is_no_duplicate(self) -> None:
        customer = sign_up()
        with without_trial():
            _, first = pay(customer)
            tell(*first)
            run_jobs()
            call("DELETE", f"subscriptions/{subscription_of(first)}")
            hear_of_it()
            _, second = pay(customer)
        tell(*second)
        run_jobs()
        assert as_owner("select status from licenses_license order by id") == [("inactive",), ("active",)]
        assert as_owner("select count(*) from subscriptions_subscription where duplicate_of_id is not null") == [(0,)]
