"""Changes of plan, billed at once, previewed, waiting for payment or given up; and beginnings that fail."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.local_stack.stripe.receiver import Receiver
from tests.local_stack.stripe.standin import HTTP, Standin, plan, subscribe
from tests.local_stack.stripe.timeline import DAY, HOUR, advance, card, latest_invoice, period, read

PENDING = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}


def upgrade(standin: Standin, subscription: stripe.Subscription, amount: int, **how: Any) -> stripe.Subscription:
    """Move the subscription to another price."""
    item = subscription["items"].data[0].id
    params: Any = {"items": [{"id": item, "price": plan(standin, amount).id}], **how}
    return standin.sdk.v1.subscriptions.update(subscription.id, params)


def price_of(subscription: stripe.Subscription) -> int:
    amount = subscription["items"].data[0].price.unit_amount
    assert isinstance(amount, int)
    return amount


class TestAlwaysInvoice:
    def test_charges_the_difference_for_the_rest_of_the_period_at_once(self, standin: Standin) -> None:
        subscription = subscribe(standin, plan(standin, 3000))
        begins, ends = period(subscription)
        half = (ends - begins) // 2
        advance(standin, subscription, seconds=half)
        changed = upgrade(standin, subscription, 9000, proration_behavior="always_invoice")
        invoice = latest_invoice(standin, subscription)
        assert (price_of(changed), period(changed), changed.status) == (9000, (begins, ends), "active")
        assert (invoice.billing_reason, invoice.status) == ("subscription_update", "paid")
        assert invoice.amount_paid == pytest.approx(3000, abs=5)
        assert sorted(line.amount for line in invoice.lines.data) == pytest.approx([-1500, 4500], abs=5)
        assert standin.sdk.v1.invoice_items.list({"customer": str(subscription.customer), "pending": True}).data == []
        assert [kind for kind, _ in advance(standin, subscription, days=1)] == []

    def test_turns_a_credit_into_balance_that_the_next_invoice_uses(self, standin: Standin) -> None:
        subscription = subscribe(standin, plan(standin, 9000))
        upgrade(standin, subscription, 3000, proration_behavior="always_invoice")
        invoice = latest_invoice(standin, subscription)
        assert (invoice.status, invoice.amount_due) == ("paid", 0)
        assert invoice.total == pytest.approx(-6000, abs=5)
        customer = standin.sdk.v1.customers.retrieve(str(subscription.customer))
        assert customer.balance == invoice.ending_balance == invoice.total
        advance(standin, subscription, months=1, hours=2)
        renewal = latest_invoice(standin, subscription)
        assert (renewal.total, renewal.amount_due, renewal.status) == (3000, 0, "paid")
        assert standin.sdk.v1.customers.retrieve(customer.id).balance == invoice.total + 3000

    def test_applies_all_the_same_when_the_card_is_declined_and_dunning_begins(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        card(standin, subscription, "declined")
        changed = upgrade(standin, subscription, 9900, proration_behavior="always_invoice")
        assert (changed.status, price_of(changed)) == ("past_due", 9900)
        assert latest_invoice(standin, subscription).next_payment_attempt is not None
        card(standin, subscription, "good", retry=True)
        assert read(standin, subscription).status == "active"

    def test_undoes_everything_when_it_shall_fail_rather_than_wait(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        card(standin, subscription, "declined")
        before = standin.take_events()
        with pytest.raises(stripe.CardError):
            upgrade(
                standin,
                subscription,
                9900,
                proration_behavior="always_invoice",
                payment_behavior="error_if_incomplete",
            )
        assert [event["type"] for event in standin.take_events()] == ["product.created", "price.created"]
        assert before
        assert price_of(read(standin, subscription)) == 2900


class TestPendingUpdate:
    def test_waits_for_its_payment_and_then_applies(self, standin: Standin, receiver: Receiver) -> None:
        subscription = subscribe(standin)
        card(standin, subscription, "requires_action")
        waiting = upgrade(standin, subscription, 9900, **PENDING)
        assert (waiting.status, price_of(waiting)) == ("active", 2900)
        assert waiting.pending_update is not None
        assert waiting.pending_update.subscription_items is not None
        assert waiting.pending_update.subscription_items[0].price.unit_amount == 9900
        invoice = latest_invoice(standin, subscription)
        assert (invoice.status, invoice.next_payment_attempt, invoice.attempt_count) == ("open", None, 1)
        assert HTTP.post(str(invoice.hosted_invoice_url), data={"action": "pay"}).status_code == 303
        applied = read(standin, subscription)
        assert (price_of(applied), applied.pending_update, period(applied)) == (9900, None, period(subscription))
        wanted = {"invoice.payment_action_required", "customer.subscription.pending_update_applied"}
        receiver.wait(lambda: wanted <= set(receiver.types(subscription.id)))

    def test_applies_at_once_when_the_card_is_good(self, standin: Standin) -> None:
        changed = upgrade(standin, subscribe(standin), 9900, **PENDING)
        assert (price_of(changed), changed.pending_update) == (9900, None)

    def test_is_given_up_after_a_day_less_an_hour(self, standin: Standin, receiver: Receiver) -> None:
        subscription = subscribe(standin)
        card(standin, subscription, "declined")
        upgrade(standin, subscription, 9900, **PENDING)
        invoice = latest_invoice(standin, subscription)
        happened = [kind for kind, _ in advance(standin, subscription, hours=24)]
        assert happened == [
            "invoice.voided",
            "customer.subscription.updated",
            "customer.subscription.pending_update_expired",
        ]
        kept = read(standin, subscription)
        assert (kept.status, price_of(kept), kept.pending_update) == ("active", 2900, None)
        assert standin.sdk.v1.invoices.retrieve(invoice.id).status == "void"
        receiver.wait(lambda: happened[-1] in receiver.types(subscription.id))

    def test_is_replaced_by_the_next_one_whose_invoice_alone_can_be_paid(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        card(standin, subscription, "declined")
        upgrade(standin, subscription, 9900, **PENDING)
        first = latest_invoice(standin, subscription)
        replaced = upgrade(standin, subscription, 29_900, **PENDING)
        assert replaced.pending_update is not None
        assert replaced.pending_update.subscription_items is not None
        assert [item.price.unit_amount for item in replaced.pending_update.subscription_items] == [29_900]
        assert standin.sdk.v1.invoices.retrieve(first.id).status == "void"
        invoice = latest_invoice(standin, subscription)
        assert HTTP.post(str(invoice.hosted_invoice_url), data={"action": "pay"}).status_code == 303
        assert price_of(read(standin, subscription)) == 29_900
        # Credit for the old plan and charge for the new one, once.
        assert invoice.amount_due == pytest.approx(27_000, abs=50)

    def test_is_taken_back_by_voiding_its_invoice(self, standin: Standin, receiver: Receiver) -> None:
        subscription = subscribe(standin)
        card(standin, subscription, "declined")
        upgrade(standin, subscription, 9900, **PENDING)
        standin.sdk.v1.invoices.void_invoice(latest_invoice(standin, subscription).id)
        kept = read(standin, subscription)
        assert (price_of(kept), kept.pending_update) == (2900, None)
        expired = "customer.subscription.pending_update_expired"
        receiver.wait(lambda: expired in receiver.types(subscription.id))

    def test_does_not_outlast_the_period(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        _, ends = period(subscription)
        advance(standin, subscription, seconds=ends - int(standin.control("clock", advance=1)["now"]) - 2 * HOUR)
        card(standin, subscription, "declined")
        waiting = upgrade(standin, subscription, 9900, **PENDING)
        assert waiting.pending_update is not None
        assert waiting.pending_update.expires_at == ends

    def test_goes_with_nothing_else(self, standin: Standin) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            upgrade(standin, subscribe(standin), 9900, **PENDING, metadata={"a": "1"})
        assert refusal.value.param == "metadata"


class TestPreview:
    def test_shows_what_the_change_then_costs_to_the_cent(self, standin: Standin) -> None:
        subscription = subscribe(standin, plan(standin, 2900))
        bigger, item = plan(standin, 9900), subscription["items"].data[0].id
        now = standin.control("clock", advance={"days": 9}, stop=True)["now"]
        change: Any = {
            "items": [{"id": item, "price": bigger.id}],
            "proration_behavior": "always_invoice",
            "proration_date": now,
        }
        shown = standin.sdk.v1.invoices.create_preview(
            {"subscription": subscription.id, "subscription_details": change}
        )
        assert standin.sdk.v1.invoice_items.list({"customer": str(subscription.customer)}).data == []
        standin.control("clock", advance=60)
        standin.sdk.v1.subscriptions.update(subscription.id, change)
        billed = latest_invoice(standin, subscription)
        assert (shown.amount_due, shown.total) == (billed.amount_paid, billed.total)
        assert [line.amount for line in shown.lines.data] == [line.amount for line in billed.lines.data]
        standin.control("clock", stop=False)

    def test_shows_the_next_renewal_with_what_waits(self, standin: Standin) -> None:
        subscription = subscribe(standin, plan(standin, 2900))
        customer: Any = {"customer": str(subscription.customer)}
        assert standin.sdk.v1.invoices.create_preview(customer).amount_due == 2900
        item = subscription["items"].data[0].id
        details: Any = {"items": [{"id": item, "quantity": 3}], "proration_behavior": "none"}
        shown = standin.sdk.v1.invoices.create_preview(customer | {"subscription_details": details})
        assert (shown.amount_due, shown.billing_reason) == (8700, "upcoming")
        assert shown.period_end == period(subscription)[1]
        standin.sdk.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
        with pytest.raises(stripe.InvalidRequestError) as none:
            standin.sdk.v1.invoices.create_preview(customer)
        assert none.value.code == "invoice_upcoming_none"


class TestTrialEnd:
    def test_can_come_now_or_later(self, standin: Standin) -> None:
        subscription = subscribe(standin, subscription_data={"trial_period_days": 14})
        assert subscription.trial_end is not None
        later = subscription.trial_end + 7 * DAY
        extended = standin.sdk.v1.subscriptions.update(subscription.id, {"trial_end": later})
        assert (extended.status, extended.trial_end, period(extended)[1]) == ("trialing", later, later)
        paid = standin.sdk.v1.subscriptions.update(subscription.id, {"trial_end": "now"})
        assert (paid.status, latest_invoice(standin, subscription).amount_paid) == ("active", 2900)
        assert period(paid)[0] == paid.trial_end == paid.billing_cycle_anchor


class TestBeginning:
    def test_over_the_api_is_active_once_it_is_paid(self, standin: Standin) -> None:
        customer = standin.sdk.v1.customers.create({"payment_method": "pm_card_visa"})
        params: Any = {
            "customer": customer.id,
            "items": [{"price": plan(standin).id}],
            "default_payment_method": standin.sdk.v1.customers.payment_methods.list(customer.id).data[0].id,
        }
        subscription = standin.sdk.v1.subscriptions.create(params)
        assert (subscription.status, latest_invoice(standin, subscription).status) == ("active", "paid")
        waiting = standin.sdk.v1.subscriptions.create(params | {"payment_behavior": "default_incomplete"})
        assert (waiting.status, latest_invoice(standin, waiting).attempt_count) == ("incomplete", 0)
        standin.sdk.v1.invoices.pay(latest_invoice(standin, waiting).id)
        assert read(standin, waiting).status == "active"

    def test_that_is_not_paid_within_23_hours_never_was(self, standin: Standin, receiver: Receiver) -> None:
        customer = standin.sdk.v1.customers.create()
        failing = standin.sdk.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
        params: Any = {
            "customer": customer.id,
            "items": [{"price": plan(standin).id}],
            "default_payment_method": failing.id,
        }
        subscription = standin.sdk.v1.subscriptions.create(params)
        assert subscription.status == "incomplete"
        assert latest_invoice(standin, subscription).next_payment_attempt is None
        happened = advance(standin, subscription, hours=24)
        assert happened[0] == ("customer.subscription.updated", subscription.created + 23 * HOUR)
        assert read(standin, subscription).status == "incomplete_expired"
        assert latest_invoice(standin, subscription).status == "void"
        with pytest.raises(stripe.InvalidRequestError):
            standin.sdk.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
        with pytest.raises(stripe.CardError):
            standin.sdk.v1.subscriptions.create(params | {"payment_behavior": "error_if_incomplete"})
        assert len(standin.sdk.v1.subscriptions.list({"customer": customer.id, "status": "all"}).data) == 1


class TestResume:
    def test_begins_a_new_period_that_is_billed_now(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        standin.sdk.v1.subscriptions.pause(subscription.id)
        assert advance(standin, subscription, months=3) == []
        with pytest.raises(stripe.InvalidRequestError, match="keeps the anchor"):
            standin.sdk.v1.subscriptions.resume(subscription.id, {"billing_cycle_anchor": {"type": "unchanged"}})
        resumed = standin.sdk.v1.subscriptions.resume(subscription.id)
        assert (resumed.status, period(resumed)[0]) == ("active", resumed.billing_cycle_anchor)
        assert latest_invoice(standin, subscription).amount_paid == 2900
        assert len(standin.sdk.v1.invoices.list({"subscription": subscription.id}).data) == 2

    def test_goes_on_within_the_period_when_the_anchor_is_kept(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        standin.sdk.v1.subscriptions.pause(subscription.id)
        resumed = standin.sdk.v1.subscriptions.resume(subscription.id, {"billing_cycle_anchor": {"type": "unchanged"}})
        assert (resumed.status, period(resumed)) == ("active", period(subscription))


class TestFinalization:
    def test_can_fail_and_be_made_good_by_hand(self, standin: Standin, receiver: Receiver) -> None:
        subscription = subscribe(standin)
        standin.control("billing", finalization_fails=True)
        advance(standin, subscription, months=1, hours=2)
        standin.control("billing", finalization_fails=False)
        stuck = latest_invoice(standin, subscription)
        assert stuck.last_finalization_error is not None
        assert (stuck.status, stuck.last_finalization_error.code) == ("draft", "customer_tax_location_invalid")
        receiver.wait(lambda: "invoice.finalization_failed" in receiver.types(stuck.id))
        standin.sdk.v1.invoices.finalize_invoice(stuck.id)
        assert standin.sdk.v1.invoices.pay(stuck.id).status == "paid"
