"""The card that a customer is charged with, and how it is made good, declined, asking for its holder, or gone."""

from __future__ import annotations

from deploy.local.stripe.context import Context
from deploy.local.stripe.objects import payment_methods
from deploy.local.stripe.store import Json

STATES = ("good", "declined", "requires_action", "none")


def in_use(ctx: Context, customer: str, subscription: Json | None = None) -> Json | None:
    """The subscription's own card, else the customer's default one; None when neither has any."""
    candidates = [subscription and subscription["default_payment_method"]]
    candidates.append(ctx.get("customer", customer)["invoice_settings"]["default_payment_method"])
    return next((ctx.tx.find(each, "payment_method") for each in candidates if each), None)


def state(ctx: Context, customer: str) -> str:
    """How the customer's newest card behaves; nobody has one before a Checkout is paid with it."""
    methods = payment_methods.of_customer(ctx, customer)
    return payment_methods.behaviour(ctx, methods[0]["id"]) if methods else "none"


def put(ctx: Context, customer: str, card: str) -> None:
    """From now on all cards of the customer behave like this; one is given to whoever has none, or all are taken."""
    methods = payment_methods.of_customer(ctx, customer)
    if card == "none":
        for method in methods:
            payment_methods.remove(ctx, method)
        return
    for method in methods:
        payment_methods.behave(ctx, method["id"], card)
    if not methods:
        make_default(ctx, customer, payment_methods.put_with(ctx, payment_methods.new(ctx, card), customer))


def make_default(ctx: Context, customer: str, method: Json) -> None:
    """Charge this card wherever a subscription names no other."""
    doc = ctx.get("customer", customer)
    settings = {**doc["invoice_settings"], "default_payment_method": method["id"]}
    ctx.change(doc, {"invoice_settings": settings}, event="customer.updated")
