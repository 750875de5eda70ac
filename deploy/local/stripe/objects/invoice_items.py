"""Invoice items: what waits for the next invoice."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.params import EXPAND, PAGE, Bool, Text, TimeRange
from deploy.local.stripe.store import Json


def save(ctx: Context, items: list[Json]) -> None:
    """Let these wait for the next invoice."""
    for item in items:
        ctx.create(item, event="invoiceitem.created")


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
    filters.unlike("deleted", True)
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
