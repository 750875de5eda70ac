"""Subscriptions: found over the API."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.objects import subscription_changes, subscription_pauses, subscription_starts
from deploy.local.stripe.params import EXPAND, PAGE, Choice, Text, TimeRange
from deploy.local.stripe.store import Json

STATUSES = ("active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid")
ENDED = ("canceled", "incomplete_expired")


def retrieve(ctx: Context, params: dict[str, Any], subscription: str) -> Json:
    """One subscription, canceled ones included."""
    return ctx.get("subscription", subscription, in_path=True)


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Subscriptions, newest first: without `status` those not canceled, `all` for every one, `ended` for the past."""
    filters = Filter()
    filters.equal("customer", params.get("customer"))
    filters.equal("items.data[0].price.id", params.get("price"))
    filters.within("created", params.get("created"))
    status = params.get("status")
    if status is None:
        filters.unlike("status", "canceled")
    elif status == "ended":
        filters.among("status", list(ENDED))
    elif status != "all":
        filters.equal("status", status)
    return page(ctx, "subscription", "/v1/subscriptions", params, filters)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/v1/subscriptions",
        list_all,
        PAGE
        | {
            "created": TimeRange(),
            "customer": Text(),
            "price": Text(),
            "status": Choice((*STATUSES, "all", "ended")),
        },
    ),
    Operation("GET", "/v1/subscriptions/<subscription>", retrieve, EXPAND),
    *subscription_starts.OPERATIONS,
    *subscription_changes.OPERATIONS,
    *subscription_pauses.OPERATIONS,
)
