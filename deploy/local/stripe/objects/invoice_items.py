"""Invoice items: what a change in the middle of a period credits and charges, waiting for the next invoice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.params import EXPAND, PAGE, Bool, Text, TimeRange
from deploy.local.stripe.store import Json


def prorate(ctx: Context, customer: str, old: Json, new: Json) -> None:
    """Credit what is left of the old item's period and charge the same span of the new one.

    Amounts are minor units, rounded half up by the second; an unchanged item makes none.
    """
    if (old["price"]["id"], old["quantity"]) == (new["price"]["id"], new["quantity"]):
        return
    day = datetime.fromtimestamp(ctx.now, UTC).strftime("%d %b %Y")
    for item, sign, words in ((old, -1, "Unused time on"), (new, 1, "Remaining time on")):
        product = ctx.get("product", item["price"]["product"])["name"]
        _add(ctx, customer, item, sign * remaining_amount(item, ctx.now), f"{words} {product} after {day}")


def remaining_amount(item: Json, now: int) -> int:
    """What the rest of an item's running period costs, in minor units."""
    begin, end = item["current_period_start"], item["current_period_end"]
    full = item["price"]["unit_amount"] * item["quantity"]
    left = max(0, end - max(now, begin))
    return int((2 * full * left + (end - begin)) // (2 * (end - begin)))


def _add(ctx: Context, customer: str, item: Json, amount: int, description: str) -> None:
    price = item["price"]
    invoice_item: Json = {
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
        "period": {"end": item["current_period_end"], "start": ctx.now},
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
        "test_clock": None,
    }
    ctx.create(invoice_item, event="invoiceitem.created")


def pending(ctx: Context, subscription: str) -> list[Json]:
    """What waits for the next invoice of a subscription, oldest first."""
    waiting = (
        "json_extract(doc, '$.invoice') IS NULL AND json_extract(doc, '$.parent.subscription_details.subscription') = ?"
    )
    return ctx.tx.select("invoiceitem", waiting, (subscription,), "ORDER BY seq")


def bill(ctx: Context, waiting: list[Json], invoice: str) -> None:
    """These invoice items are on this invoice now."""
    for item in waiting:
        ctx.change(item, {"invoice": invoice})


def retrieve(ctx: Context, params: dict[str, Any], invoiceitem: str) -> Json:
    """One invoice item."""
    return ctx.get("invoiceitem", invoiceitem, in_path=True)


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Invoice items, newest first; `pending` are those on no invoice yet."""
    filters = Filter()
    filters.equal("customer", params.get("customer"))
    filters.within("date", params.get("created"))
    if "pending" in params:
        filters.where.append("(json_extract(doc, '$.invoice') IS NULL) = ?")
        filters.values.append(params["pending"])
    return page(ctx, "invoiceitem", "/v1/invoiceitems", params, filters)


OPERATIONS = (
    Operation(
        "GET",
        "/v1/invoiceitems",
        list_all,
        PAGE | {"created": TimeRange(), "customer": Text(), "pending": Bool()},
    ),
    Operation("GET", "/v1/invoiceitems/<invoiceitem>", retrieve, EXPAND),
)
