"""Prorations: what a change in the middle of a period credits and charges."""

from __future__ import annotations

from datetime import UTC, datetime

from deploy.local.stripe.context import Context
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.store import Json


def between(ctx: Context, customer: str, pairs: list[tuple[Json, Json]], at: int) -> list[Json]:
    """The invoice items that credit the rest of each old item's period and charge the same span of the new one.

    They are not stored. Amounts are minor units, rounded half up by the second, as of `at`; an unchanged item makes
    none.
    """
    made: list[Json] = []
    day = datetime.fromtimestamp(at, UTC).strftime("%d %b %Y")
    for old, new in pairs:
        if (old["price"]["id"], old["quantity"]) == (new["price"]["id"], new["quantity"]):
            continue
        for item, sign, words in ((old, -1, "Unused time on"), (new, 1, "Remaining time on")):
            product = ctx.get("product", item["price"]["product"])["name"]
            amount = sign * remaining_amount(item, at)
            made.append(_invoice_item(ctx, customer, item, amount, f"{words} {product} after {day}", at))
    return made


def remaining_amount(item: Json, now: int) -> int:
    """What the rest of an item's running period costs, in minor units."""
    begin, end = item["current_period_start"], item["current_period_end"]
    full = item["price"]["unit_amount"] * item["quantity"]
    left = max(0, end - max(now, begin))
    return int((2 * full * left + (end - begin)) // (2 * (end - begin)))


def _invoice_item(ctx: Context, customer: str, item: Json, amount: int, description: str, at: int) -> Json:
    price = item["price"]
    return {
        "id": new_id("ii"),
        "object": "invoiceitem",
        "amount": amount,
        "currency": price["currency"],
        "customer": customer,
        "customer_account": None,
        "date": ctx.now,
        "description": description,
        "discountable": False,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "net_amount": amount,
        "parent": {
            "subscription_details": {"subscription": item["subscription"], "subscription_item": item["id"]},
            "type": "subscription_details",
        },
        "period": {"end": item["current_period_end"], "start": at},
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": str(amount),
        },
        "proration": True,
        "proration_details": {"credited_items": None, "discount_amounts": []},
        "quantity": item["quantity"],
        "quantity_decimal": str(item["quantity"]),
        "tax_rates": [],
        "test_clock": ctx.get("customer", customer)["test_clock"],
    }
