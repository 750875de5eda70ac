"""Prices: what a product costs, per month or once, found again by lookup key."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.params import (
    EXPAND,
    PAGE,
    Bool,
    Choice,
    Hash,
    Int,
    ListOf,
    Metadata,
    Text,
    TimeRange,
    Type,
)
from deploy.local.stripe.store import Json

CURRENCIES = ("usd", "eur", "gbp")
INTERVALS = ("day", "week", "month", "year")
FIELDS: dict[str, Type] = EXPAND | {
    "active": Bool(),
    "lookup_key": Text(200),
    "metadata": Metadata(),
    "nickname": Text(unset=True),
    "transfer_lookup_key": Bool(),
}
RECURRING = Hash(
    {"interval": Choice(INTERVALS), "interval_count": Int(1, 36), "usage_type": Choice(("licensed",))},
    required=("interval",),
)


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """A new price; amount, currency and interval can never be changed afterwards."""
    product = ctx.get("product", params["product"], param="product")
    lookup_key = params.get("lookup_key")
    _claim_lookup_key(ctx, lookup_key, transfer=params.get("transfer_lookup_key", False))
    given = params.get("recurring")
    recurring = given and {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
    price: Json = {
        "id": new_id("price"),
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": "per_unit",
        "created": ctx.now,
        "currency": params["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": lookup_key,
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "nickname": params.get("nickname"),
        "product": product["id"],
        "recurring": recurring,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": params["unit_amount"],
        "unit_amount_decimal": str(params["unit_amount"]),
    }
    return ctx.create(price, event="price.created")


def retrieve(ctx: Context, params: dict[str, Any], price: str) -> Json:
    """One price."""
    return ctx.get("price", price, in_path=True)


def update(ctx: Context, params: dict[str, Any], price: str) -> Json:
    """Change what may change: whether it is sold, its lookup key, its names."""
    doc = ctx.get("price", price, in_path=True)
    changes: Json = {name: params[name] for name in ("active", "nickname", "lookup_key") if name in params}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(doc["metadata"], params["metadata"])
    if changes.get("lookup_key") not in (None, doc["lookup_key"]):
        _claim_lookup_key(ctx, changes["lookup_key"], transfer=params.get("transfer_lookup_key", False))
    return ctx.change(doc, changes, event="price.updated")


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Prices, newest first."""
    filters = Filter()
    filters.equal("active", params.get("active"))
    filters.equal("product", params.get("product"))
    filters.equal("currency", params.get("currency"))
    filters.equal("type", params.get("type"))
    filters.among("lookup_key", params.get("lookup_keys"))
    filters.within("created", params.get("created"))
    return page(ctx, "price", "/v1/prices", params, filters)


def as_plan(price: Json) -> Json:
    """The old-style plan that subscription items still carry beside their price."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def _claim_lookup_key(ctx: Context, key: str | None, *, transfer: bool) -> None:
    """A lookup key names one price; it moves only when the caller says so."""
    if key is None:
        return
    for holder in ctx.tx.select("price", "json_extract(doc, '$.lookup_key') = ?", (key,)):
        if not transfer:
            raise invalid(
                f"A price (`{holder['id']}`) already uses that lookup key.",
                code="resource_already_exists",
                param="lookup_key",
            )
        ctx.change(holder, {"lookup_key": None}, event="price.updated")


OPERATIONS = (
    Operation(
        "POST",
        "/v1/prices",
        create,
        FIELDS
        | {
            "currency": Choice(CURRENCIES),
            "product": Text(),
            "recurring": RECURRING,
            "unit_amount": Int(0, 99_999_999),
        },
        required=("currency", "product", "unit_amount"),
    ),
    Operation(
        "GET",
        "/v1/prices",
        list_all,
        PAGE
        | {
            "active": Bool(),
            "created": TimeRange(),
            "currency": Choice(CURRENCIES),
            "lookup_keys": ListOf(Text(), high=10),
            "product": Text(),
            "type": Choice(("one_time", "recurring")),
        },
    ),
    Operation("GET", "/v1/prices/<price>", retrieve, EXPAND),
    Operation("POST", "/v1/prices/<price>", update, FIELDS),
)
