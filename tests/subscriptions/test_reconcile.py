"""A database that was not told: what it missed is fetched, what differs is repaired, and each difference is named."""

import io
from typing import Any

import pytest
from django.core.management import call_command

from subscriptions.errors import PaymentProviderUnavailable
from subscriptions.services import event_sweep, reconcile
from tests import stripe_account
from tests.api.beneath import as_owner
from tests.jobs import as_role, run_jobs
from tests.journey import Customer, sign_up
from tests.subscriptions.stripe_side import call, pay, subscription_of, tell

pytestmark = pytest.mark.usefixtures("db")


class Customers:
    """Several customers, of whose day at Stripe nothing has reached us."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}
        for name in ("buys", "leaves", "upgrades", "stays"):
            customer = sign_up()
            _, told = pay(customer)
            self.made[name] = subscription_of(told)
            if name != "buys":
                tell(*told)
        run_jobs()
        call("DELETE", f"subscriptions/{self.made['leaves']}")
        item = call("GET", f"subscriptions/{self.made['upgrades']}")["items"]["data"][0]["id"]
        prices = dict(as_owner("select slug, stripe_price_id from subscriptions_plan"))
        call("POST", f"subscriptions/{self.made['upgrades']}", **{
            "items[0][id]": item, "items[0][price]": prices["pro"], "proration_behavior": "none",
        })  # fmt: skip
        stripe_account.new_events()  # and nobody is told

    def licenses(self) -> dict[str, Any]:
        """Return each customer's licence: its status and tier."""
        found = {row[0]: row[1:] for row in as_owner(
            "select s.stripe_subscription_id, l.status, l.tier from licenses_license l "
            "join subscriptions_subscription s on s.id = l.subscription_id"
        )}  # fmt: skip
        return {name: found.get(stripe_id) for name, stripe_id in self.made.items()}


AS_AT_STRIPE = {
    "buys": ("active", "starter"),
    "leaves": ("inactive", "starter"),
    "upgrades": ("active", "pro"),
    "stays": ("active", "starter"),
}


def lines(run: Any, made: dict[str, str]) -> set[tuple[str, str, str, str]]:
    """Return a report's lines about these customers."""
    names = {stripe_id: name for name, stripe_id in made.items()}
    return {
        (names[line["subscription"]], line["field"], line["ours"], line["theirs"])
        for line in run.report
        if line["subscription"] in names and line["field"] != "plan"
    }


class TestMissedDay:
    @pytest.fixture
    def customers(self) -> Customers:
        """Return customers whose day we missed."""
        return Customers()

    def test_is_made_good_by_the_sweep_of_events(self, customers: Customers) -> None:
        with as_role("worker"):
            run = event_sweep.sweep()
        assert run.differences >= 3
        assert len(run.report) == run.differences
        run_jobs()
        assert customers.licenses() == AS_AT_STRIPE
        with as_role("worker"):
            assert event_sweep.sweep().differences == 0

    def test_is_made_good_by_comparing_where_there_are_no_events(self, customers: Customers) -> None:
        with as_role("worker"):
            run = reconcile.compare(repair=True)
        assert lines(run, customers.made) == {
            ("buys", "subscription", "missing", "trialing"),
            ("leaves", "status", "trialing", "canceled"),
        }
        assert any(
            line["field"] == "plan" and line["subscription"] == customers.made["upgrades"] for line in run.report
        )
        run_jobs()
        assert customers.licenses() == AS_AT_STRIPE
        audited = as_owner("select data->>'field' from users_auditentry where action = 'BILLING_DRIFT_REPAIRED'")
        assert sorted(row[0] for row in audited) == ["plan", "status", "subscription"]
        with as_role("worker"):
            assert lines(reconcile.compare(repair=True), customers.made) == set()

    def test_is_only_named_by_a_report(self, customers: Customers) -> None:
        before = customers.licenses()
        told = io.StringIO()
        with as_role("worker"):
            call_command("reconcile_billing", "--report", stdout=told)
        run_jobs()
        assert f"{customers.made['leaves']} status: trialing here, canceled at Stripe: reported" in told.getvalue()
        assert customers.licenses() == before

    def test_is_fetched_and_repaired_by_the_command(self, customers: Customers) -> None:
        told = io.StringIO()
        with as_role("worker"):
            call_command("reconcile_billing", stdout=told)
        run_jobs()
        assert "had not reached us" in told.getvalue()
        assert customers.licenses() == AS_AT_STRIPE


class TestOneThatCannotBeRepaired:
    def test_is_reported_and_keeps_nobody_else_from_it(self) -> None:
        customers = Customers()
        as_owner("update organizations_organization set stripe_customer_id = null")
        call("POST", f"subscriptions/{customers.made['leaves']}", **{"metadata[x]": "y"})
        call("POST", f"subscriptions/{customers.made['buys']}", **{"metadata[organization_id]": ""})
        with as_role("worker"):
            run = reconcile.compare(repair=True)
        (line,) = [one for one in run.report if one["subscription"] == customers.made["buys"]]
        assert line["outcome"].startswith("not repaired: no organization has the customer")
        run_jobs()
        assert customers.licenses() == {**AS_AT_STRIPE, "buys": None}

    def test_because_it_is_said_to_be_anothers_stays_whose_it_was_and_keeps_nobody_else_from_it(self) -> None:
        customers = Customers()
        stranger = sign_up()
        for name in ("leaves", "upgrades", "stays"):
            call(
                "POST",
                f"subscriptions/{customers.made[name]}",
                **{"metadata[organization_id]": stranger.organization_id},
            )
        with as_role("worker"):
            reconcile.compare(repair=True)
        run_jobs()
        assert customers.licenses() == AS_AT_STRIPE
        assert stranger.api.get("/api/v1/subscriptions").json()["count"] == 0


class TestLicence:
    def test_that_does_not_follow_its_subscription_is_brought_back_to_it(self) -> None:
        customer: Customer = sign_up()
        _, told = pay(customer)
        tell(*told)
        run_jobs()
        as_owner("update licenses_license set status = 'suspended', suspension_reason = 'billing'")
        with as_role("worker"):
            reconcile.compare(repair=True)
        run_jobs()
        assert as_owner("select status, suspension_reason from licenses_license") == [("active", None)]


class TestSweep:
    def test_that_fails_leaves_the_cursor_where_it_was(self, settings: Any) -> None:
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"
        with as_role("worker"), pytest.raises(PaymentProviderUnavailable):
            event_sweep.sweep()
        assert as_owner("select count(*) from subscriptions_reconcilerun") == [(0,)]

    def test_begins_no_later_than_now_whatever_the_last_one_saw(self) -> None:
        customers = Customers()
        as_owner(
            "insert into subscriptions_reconcilerun (id, kind, started_at, finished_at, seen_until, looked_at, "
            "differences, report) "
            "values (gen_random_uuid(), 'events', now(), now(), now() + interval '10 days', 0, 0, '[]')"
        )
        with as_role("worker"):
            assert event_sweep.sweep().differences >= 3
        run_jobs()
        assert customers.licenses() == AS_AT_STRIPE

    def test_stores_what_the_database_cannot_hold_without_it_and_goes_on(self) -> None:
        customers = Customers()
        call("POST", f"subscriptions/{customers.made['stays']}", **{"metadata[note]": "a\x00b"})
        with as_role("worker"):
            event_sweep.sweep()
        ((noted,),) = as_owner(
            "select payload -> 'data' -> 'object' -> 'metadata' ->> 'note' from subscriptions_webhookevent "
            "where payload -> 'data' -> 'object' ->> 'id' = %s and event_type = 'customer.subscription.updated'",
            customers.made["stays"],
        )
        assert noted == "a�b"
        run_jobs()
        assert customers.licenses() == AS_AT_STRIPE
