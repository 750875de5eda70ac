"""The lines of an invoice: what a period costs, that a trial costs nothing, and what waited as an invoice item."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.store import Json

# What a line has before it is told anything.
BLANK: Json = {
    "discount_amounts": [],
    "discountable": True,
    "discounts": [],
    "invoice": None,
    "livemode": False,
    "metadata": {},
    "pretax_credit_amounts": [],
    "taxes": [],
}


def period_line(ctx: Context, item: Json) -> Json:
    """The line that charges a subscription item for the period it is in."""
    price = item["price"]
    cost = f"${price['unit_amount'] / 100:.2f} / {price['recurring']['interval']}"
    description = f"{item['quantity']} × {_product_name(ctx, item)} (at {cost})"
    return _line_for_item(item, price["unit_amount"] * item["quantity"], description)


def trial_line(ctx: Context, item: Json) -> Json:
    """The line that mentions a subscription item on the invoice over nothing with which a trial begins."""
    return _line_for_item(item, 0, f"Trial period for {_product_name(ctx, item)}")


def waiting_line(item: Json) -> Json:
    """The line that an invoice item becomes when an invoice collects it."""
    about = (item["parent"] or {}).get("subscription_details") or {"subscription": None}
    details: Json = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "proration_details": {"credited_items": None},
        "subscription": about["subscription"],
    }
    parent = {"invoice_item_details": details, "subscription_item_details": None, "type": "invoice_item_details"}
    return _line(
        amount=item["amount"],
        currency=item["currency"],
        description=item["description"],
        parent=parent,
        period=item["period"],
        pricing=item["pricing"],
        quantity=item["quantity"],
    ) | {"discountable": False}


def _line_for_item(item: Json, amount: int, description: str) -> Json:
    price = item["price"]
    details: Json = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": item["subscription"],
        "subscription_item": item["id"],
    }
    return _line(
        amount=amount,
        currency=price["currency"],
        description=description,
        parent={
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        },
        period={"end": item["current_period_end"], "start": item["current_period_start"]},
        pricing={
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"] if amount else "0",
        },
        quantity=item["quantity"],
    )


def _line(*, amount: int, **about: Any) -> Json:
    return {"id": new_id("il"), "object": "line_item", **BLANK, "amount": amount, "subtotal": amount, **about}


def _product_name(ctx: Context, item: Json) -> str:
    name: str = ctx.get("product", item["price"]["product"])["name"]
    return name
