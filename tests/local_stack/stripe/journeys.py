"""Journeys over Stripe's API alone, the same against the stand-in and against Stripe itself."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

import stripe

DAY = 24 * 3600
HOUR = 3600


@dataclass(frozen=True)
class Traveller:
    """A customer on a test clock, with a card and a monthly price to subscribe to."""

    sdk: stripe.StripeClient
    clock: str
    customer: str
    card: str
    price: str
    begun: int

    def subscribe(self, **more: Any) -> stripe.Subscription:
        """Subscribe and charge the card."""
        params: Any = {"customer": self.customer, "items": [{"price": self.price}], "default_payment_method": self.card}
        return self.sdk.v1.subscriptions.create(params | more)

    def travel(self, moment: int) -> None:
        """Let the clock's time pass up to a moment."""
        clocks = self.sdk.v1.test_helpers.test_clocks
        clocks.advance(self.clock, {"frozen_time": moment})
        deadline = time.monotonic() + 180
        while clocks.retrieve(self.clock).status != "ready":
            assert time.monotonic() < deadline, "the test clock did not arrive"
            time.sleep(0.5)

    def read(self, subscription: stripe.Subscription) -> stripe.Subscription:
        """The subscription now, with its latest invoice."""
        return self.sdk.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})

    def latest(self, subscription: stripe.Subscription) -> stripe.Invoice:
        """Its latest invoice."""
        found = self.read(subscription).latest_invoice
        assert isinstance(found, stripe.Invoice)
        return found

    def use(self, test_card: str) -> str:
        """Charge another of Stripe's test cards from now on, wherever a subscription names none."""
        card = self.sdk.v1.payment_methods.attach(test_card, {"customer": self.customer}).id
        self.sdk.v1.customers.update(self.customer, {"invoice_settings": {"default_payment_method": card}})
        return card


def traveller(sdk: stripe.StripeClient) -> Traveller:
    """Somebody new; delete the clock, and all is gone but the price."""
    begun = int(time.time())
    clock = sdk.v1.test_helpers.test_clocks.create({"frozen_time": begun, "name": "a journey"}).id
    customer = sdk.v1.customers.create({"test_clock": clock, "payment_method": "pm_card_visa"}).id
    product = sdk.v1.products.create({"name": "Journey"}).id
    params: Any = {"product": product, "currency": "usd", "unit_amount": 2900, "recurring": {"interval": "month"}}
    card = sdk.v1.customers.payment_methods.list(customer).data[0].id
    return Traveller(sdk, clock, customer, card, sdk.v1.prices.create(params).id, begun)


def ends(subscription: stripe.Subscription) -> int:
    return int(subscription["items"].data[0].current_period_end)


def trial_becomes_paid(who: Traveller) -> None:
    subscription = who.subscribe(trial_period_days=14)
    first = who.latest(subscription)
    assert (subscription.status, first.amount_paid, first.status) == ("trialing", 0, "paid")
    who.travel(who.begun + 14 * DAY + 2 * HOUR)
    paid, invoice = who.read(subscription), who.latest(subscription)
    assert (paid.status, invoice.billing_reason, invoice.amount_paid) == ("active", "subscription_cycle", 2900)
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == subscription.id


def failure_recovers(who: Traveller) -> None:
    subscription = who.subscribe()
    failing = who.use("pm_card_chargeCustomerFail")
    who.sdk.v1.subscriptions.update(subscription.id, {"default_payment_method": failing})
    who.travel(ends(subscription) + 2 * HOUR)
    owed = who.latest(subscription)
    assert (who.read(subscription).status, owed.status, owed.attempt_count) == ("past_due", "open", 1)
    assert owed.next_payment_attempt is not None
    good = who.use("pm_card_visa")
    assert who.sdk.v1.invoices.pay(owed.id, {"payment_method": good}).status == "paid"
    assert who.read(subscription).status == "active"


def upgrade_costs_what_was_shown(who: Traveller) -> None:
    subscription = who.subscribe()
    item = subscription["items"].data[0].id
    who.travel(who.begun + 10 * DAY)
    details: Any = {
        "items": [{"id": item, "quantity": 3}],
        "proration_behavior": "always_invoice",
        "proration_date": who.begun + 10 * DAY,
    }
    shown = who.sdk.v1.invoices.create_preview(
        {"customer": who.customer, "subscription": subscription.id, "subscription_details": details}
    )
    changed = who.sdk.v1.subscriptions.update(subscription.id, details | {"payment_behavior": "pending_if_incomplete"})
    assert (changed.pending_update, changed["items"].data[0].quantity) == (None, 3)
    billed = who.latest(subscription)
    assert (billed.billing_reason, billed.amount_paid) == ("subscription_update", shown.amount_due)


def cancellation_comes_with_the_period(who: Traveller) -> None:
    subscription = who.subscribe()
    ending = who.sdk.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (ending.status, ending.cancel_at) == ("active", ends(subscription))
    who.travel(ends(subscription) + 2 * HOUR)
    gone = who.read(subscription)
    assert (gone.status, gone.ended_at) == ("canceled", ends(subscription))


def refund_shows_on_the_charge(who: Traveller) -> None:
    invoice = who.sdk.v1.invoices.retrieve(
        who.latest(who.subscribe()).id, {"expand": ["payments.data.payment.payment_intent"]}
    )
    assert invoice.payments is not None
    intent = invoice.payments.data[0].payment.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    who.sdk.v1.refunds.create({"payment_intent": intent.id, "amount": 900})
    charge = who.sdk.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (900, False)


def key_is_good_for_one_request(who: Traveller) -> None:
    options: stripe.RequestOptions = {"idempotency_key": str(uuid.uuid4())}
    first = who.sdk.v1.products.create({"name": "Once"}, options)
    assert who.sdk.v1.products.create({"name": "Once"}, options).id == first.id
    try:
        who.sdk.v1.products.create({"name": "Twice"}, options)
    except stripe.IdempotencyError:
        return
    raise AssertionError("another request under the same key was let through")


JOURNEYS = (
    trial_becomes_paid,
    failure_recovers,
    upgrade_costs_what_was_shown,
    cancellation_comes_with_the_period,
    refund_shows_on_the_charge,
    key_is_good_for_one_request,
)
