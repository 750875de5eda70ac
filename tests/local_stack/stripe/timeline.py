"""Steps that tests of time share: move the clock, spoil a card, look at what came of it."""

from __future__ import annotations

import stripe

from tests.local_stack.stripe.standin import Standin

DAY = 24 * 3600
HOUR = 3600
BILLING = ("invoice.", "customer.subscription.")


def advance(standin: Standin, subscription: stripe.Subscription, **span: int) -> list[tuple[str, int]]:
    """Let time pass; what happened to the customer's subscriptions and invoices, as types and moments."""
    happened = standin.control("clock", advance=span)["events"]
    mine = [event for event in happened if event["customer"] == subscription.customer]
    return [(event["type"], event["created"]) for event in mine if event["type"].startswith(BILLING)]


def card(standin: Standin, subscription: stripe.Subscription, state: str, **more: bool) -> None:
    standin.control(f"customers/{subscription.customer}/card", card=state, **more)


def period(subscription: stripe.Subscription) -> tuple[int, int]:
    item = subscription["items"].data[0]
    return item.current_period_start, item.current_period_end


def read(standin: Standin, subscription: stripe.Subscription) -> stripe.Subscription:
    return standin.sdk.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})


def latest_invoice(standin: Standin, subscription: stripe.Subscription) -> stripe.Invoice:
    found = read(standin, subscription).latest_invoice
    assert isinstance(found, stripe.Invoice)
    return found
