"""Events: what happened, as a list that a reconciler can page through."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.errors import invalid, no_such
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.params import EXPAND, PAGE, Bool, ListOf, Text, TimeRange
from deploy.local.stripe.store import Json

KEPT_SECONDS = 30 * 24 * 3600


def retrieve(ctx: Context, params: dict[str, Any], event: str) -> Json:
    """One event of the last 30 days, with the number of endpoints that have not taken it yet."""
    doc = ctx.get("event", event, in_path=True)
    if doc["created"] < ctx.now - KEPT_SECONDS:
        raise no_such("event", event, in_path=True)
    return _with_pending(ctx, doc)


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Events of the last 30 days, newest first; with `ending_before` the page next to the cursor."""
    if "type" in params and "types" in params:
        raise invalid("You may only specify one of these parameters: type, types.", param="types")
    for name in params.get("types", ()):
        if "*" in name:  # only `type` takes a group
            raise invalid(f"Invalid event type: {name}", param="types")
    filters = Filter()
    _match_types(filters, [params["type"]] if "type" in params else params.get("types"))
    filters.within("created", {"gte": ctx.now - KEPT_SECONDS})
    filters.within("created", params.get("created"))
    if "delivery_success" in params:
        filters.where.append(
            "(SELECT count(*) = 0 FROM deliveries d WHERE d.event = id AND d.status != 'delivered') = ?"
        )
        filters.values.append(params["delivery_success"])
    found = page(ctx, "event", "/v1/events", params, filters)
    return {**found, "data": [_with_pending(ctx, event) for event in found["data"]]}


def _match_types(filters: Filter, types: list[str] | None) -> None:
    """Exact names, or a group such as `customer.subscription.*`."""
    if types is None:
        return
    filters.where.append("(" + " OR ".join("json_extract(doc, '$.type') GLOB ?" for _ in types) + ")")
    filters.values.extend(types)


def _with_pending(ctx: Context, event: Json) -> Json:
    row = ctx.tx.sql.execute(
        "SELECT count(*) AS pending FROM deliveries WHERE event = ? AND status = 'pending'", (event["id"],)
    ).fetchone()
    return {**event, "pending_webhooks": row["pending"]}


OPERATIONS = (
    Operation(
        "GET",
        "/v1/events",
        list_all,
        PAGE
        | {
            "created": TimeRange(),
            "delivery_success": Bool(),
            "type": Text(),
            "types": ListOf(Text(), high=20),
        },
    ),
    Operation("GET", "/v1/events/<event>", retrieve, EXPAND),
)
