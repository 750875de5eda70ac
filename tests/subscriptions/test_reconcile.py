"""A database that was not told: what it missed is fetched, what differs is repaired, and each difference is named."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command

from subscriptions.errors import PaymentProviderUnavailable
from subscriptions.services import event_sweep, reconcile
from tests import stripe_account
from tests.api.beneath import as_owner
from tests.jobs import as_role, run_jobs
from tests.journey import Customer, sign_up
from tests.subscriptions.journeys import without_trial
from tests.subscriptions.stripe_side import call, pay, subscription_of, tell
from tests.subscriptions.stripe_time import card, own_time, pass_time

pytestmark = pytest.mark.usefixtures("db")


class Customers:
    """Several customers, of whose day at Stripe nothing has reached us."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}
        self._buy("recovers")
        self._card("recovers", "declined")
        pass_time(hours=12)
        for name in ("leaves", "upgrades", "resigns", "pays", "fails"):
            self._buy(name)
        with without_trial():
            self._buy("stays")
        # The trial of the first ends and is not paid for; those of the others go on until the day that we miss.
        pass_time(days=13, hours=14)
        tell(*self._news())
        run_jobs()
        self._miss_a_day()

    def _miss_a_day(self) -> None:
        self._card("fails", "declined")
        pass_time(hours=12)
        self._buy("buys", tells=False)
        call("POST", f"subscriptions/{self.made['resigns']}", cancel_at_period_end="true")
        call("DELETE", f"subscriptions/{self.made['leaves']}")
        item = call("GET", f"subscriptions/{self.made['upgrades']}")["items"]["data"][0]["id"]
        prices = dict(as_owner("select slug, stripe_price_id from subscriptions_plan"))
        call("POST", f"subscriptions/{self.made['upgrades']}", **{
            "items[0][id]": item, "items[0][price]": prices["pro"], "proration_behavior": "none",
        })  # fmt: skip
        self._card("recovers", "good", retry=True)
        pass_time(hours=12)
        stripe_account.new_events()  # and nobody is told

    def _buy(self, name: str, *, tells: bool = True) -> None:
        _, told = pay(sign_up())
        self.made[name] = subscription_of(told)
        if tells:
            tell(*told)
            run_jobs()

    def _card(self, name: str, state: str, *, retry: bool = False) -> None:
        card(call("GET", f"subscriptions/{self.made[name]}")["customer"], state, retry=retry)

    def _news(self) -> list[Any]:
        return [one for one in stripe_account.new_events() if one["type"].startswith(("customer.subscr", "invoice."))]

    def licenses(self) -> dict[str, Any]:
        """Return each customer's licence: its status and tier."""
        found = {row[0]: row[1:] for row in as_owner(
            "select s.stripe_subscription_id, l.status, l.tier from licenses_license l "
            "join subscriptions_subscription s on s.id = l.subscription_id"
        )}  # fmt: skip
        return {name: found.get(stripe_id) for name, stripe_id in self.made.items()}


BEFORE = {
    "recovers": ("suspended", "starter"),
    "leaves": ("active", "starter"),
    "upgrades": ("active", "starter"),
    "resigns": ("active", "starter"),
    "pays": ("active", "starter"),
    "fails": ("active", "starter"),
    "stays": ("active", "starter"),
    "buys": None,
}
AS_AT_STRIPE = BEFORE | {
    "recovers": ("active", "starter"),
    "leaves": ("inactive", "starter"),
    "upgrades": ("active", "pro"),
    "fails": ("suspended", "starter"),
    "buys": ("active", "starter"),
}
# Of each field, what it is here and at Stripe; a time goes by the name that Stripe's subscription has for it.
CHARGED = {
    "status": ("trialing", "active"),
    "current_period_start": ("trial_start", "trial_end"),
    "current_period_end": ("trial_end", "current_period_end"),
    "latest_invoice.status": ("missing", "paid"),
    "latest_invoice.attempt_count": ("missing", "1"),
}
DIFFERENCES = {
    "recovers": {"status": ("past_due", "active"), "latest_invoice.status": ("open", "paid")},
    "leaves": CHARGED | {"status": ("trialing", "canceled")},
    "upgrades": CHARGED | {"plan": ("starter", "pro")},
    "resigns": CHARGED | {"cancel_at": ("None", "current_period_end")},
    "pays": CHARGED,
    "fails": CHARGED | {"status": ("trialing", "past_due"), "latest_invoice.status": ("missing", "open")},
    "buys": {"subscription": ("missing", "trialing")},
}

MAILS = {
    "subscription_confirmed": 8,
    "license_issued": 8,
    "trial_ending": 5,
    "payment_failed_warning": 2,
    "subscription_renewed": 5,
    "subscription_canceled": 2,
}


def differences(run: Any, made: dict[str, str]) -> dict[str, dict[str, tuple[str, str]]]:
    """Return what a report tells of each of these customers."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for name, stripe_id in made.items():
        times = times_of(stripe_id)
        for line in run.report:
            if line["subscription"] == stripe_id:
                values = tuple(times.get(line[side], line[side]) for side in ("ours", "theirs"))
                found.setdefault(name, {})[line["field"]] = values
    return found


def times_of(stripe_id: str) -> dict[str, str]:
    """Return Stripe's names for the times of a subscription, by how a report writes them."""
    there = call("GET", f"subscriptions/{stripe_id}")
    named = {"current_period_end": there["items"]["data"][0]["current_period_end"]}
    named |= {name: there[name] for name in ("trial_start", "trial_end") if there[name]}
    return {datetime.fromtimestamp(seconds, UTC).isoformat(): name for name, seconds in named.items()}


def mailed() -> dict[str, int]:
    """Return how many mails of each kind billing has sent; nobody got two of one kind."""
    sent = as_owner(
        "select kind, count(*)::int, count(distinct recipient)::int from emails_mailboxmessage "
        "where kind not in ('verify_email', 'welcome') group by 1"
    )
    assert all(number == readers for _, number, readers in sent), sent
    return {kind: number for kind, number, _ in sent}


@pytest.fixture
def customers() -> Iterator[Customers]:
    """Return customers whose day we missed."""
    with own_time():
        yield Customers()


class TestMissedDay:
    def test_is_made_good_by_the_sweep_of_events(self, customers: Customers) -> None:
        with as_role("worker"):
            run = event_sweep.sweep()
        assert run.differences >= len(DIFFERENCES)
        assert len(run.report) == run.differences
        run_jobs()
        assert customers.licenses() == AS_AT_STRIPE
        assert mailed() == MAILS
        with as_role("worker"):
            assert event_sweep.sweep().differences == 0

    def test_is_made_good_by_comparing_where_there_are_no_events(self, customers: Customers) -> None:
        with as_role("worker"):
            run = reconcile.compare(repair=True)
        assert differences(run, customers.made) == DIFFERENCES
        run_jobs()
        assert customers.licenses() == AS_AT_STRIPE
        assert mailed() == MAILS
        audited = as_owner(
            "select data->>'field', data->>'before', data->>'after' from users_auditentry "
            "where action = 'BILLING_DRIFT_REPAIRED'"
        )
        repaired = [line for line in run.report if line["outcome"] == "repaired"]
        assert sorted(audited) == sorted((line["field"], line["ours"], line["theirs"]) for line in repaired)
        with as_role("worker"):
            assert differences(reconcile.compare(repair=True), customers.made) == {}

    def test_is_only_named_by_a_report(self, customers: Customers) -> None:
        assert customers.licenses() == BEFORE
        told = io.StringIO()
        with as_role("worker"):
            call_command("reconcile_billing", "--report", stdout=told)
        run_jobs()
        assert f"{customers.made['leaves']} status: trialing here, canceled at Stripe: reported" in told.getvalue()
        assert customers.licenses() == BEFORE

    def test_is_fetched_and_repaired_by_the_command(self, customers: Customers) -> None:
        told = io.StringIO()
        with as_role("worker"):
            call_command("reconcile_billing", stdout=told)
        run_jobs()
        assert "had not reached us" in told.getvalue()
        assert customers.licenses() == AS_AT_STRIPE
        print(f"\n{told.getvalue()}")  # noqa: T201


class TestOneThatCannotBeRepaired:
    def test_is_reported_and_keeps_nobody_else_from_it(self, customers: Customers) -> None:
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
