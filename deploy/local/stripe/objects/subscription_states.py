"""The states that a subscription comes to: an end, now or later, and a hold."""

from __future__ import annotations

from deploy.local.stripe.context import Context
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.objects import invoices
from deploy.local.stripe.store import Json


def current_period_end(doc: Json) -> int:
    """When what is paid for ends: the latest of its items' period ends."""
    return max(int(item["current_period_end"]) for item in doc["items"]["data"])


def end_at(ctx: Context, doc: Json, moment: int | None, *, with_period: bool) -> Json:
    """The changes that let a subscription end at `moment`, or (None) go on."""
    return {
        "cancel_at": moment,
        "cancel_at_period_end": with_period,
        "canceled_at": None if moment is None else ctx.now,
        "cancellation_details": {
            **doc["cancellation_details"],
            "reason": None if moment is None else "cancellation_requested",
        },
    }


def end(ctx: Context, doc: Json, *, reason: str | None = None) -> Json:
    """It is over; what it still owes stays open and is not collected. `reason` is why, when nobody asked for it."""
    invoices.stop_collecting(ctx, doc["id"])
    details = doc["cancellation_details"]
    changes = {
        "cancellation_details": {**details, "reason": reason or details["reason"]},
        "status": "canceled",
        "cancel_at_period_end": False,
        "canceled_at": doc["canceled_at"] or ctx.now,
        "ended_at": ctx.now,
        "pause_collection": None,
        "pending_update": None,
        "status_details": None,
    }
    return ctx.change(doc, changes, event="customer.subscription.deleted")


def end_all_of(ctx: Context, customer: str) -> None:
    """End every running subscription of a customer that is being deleted."""
    running = "json_extract(doc, '$.status') != 'canceled' AND json_extract(doc, '$.customer') = ?"
    for doc in ctx.tx.select("subscription", running, (customer,)):
        end(ctx, doc)


def put_on_hold(ctx: Context, doc: Json, why: str) -> Json:
    """No service and no bills until it is resumed; `why` is one of Stripe's kinds of pause."""
    paused = {"subscription": {"type": why}, "transitioned_at": ctx.now, "type": "subscription"}
    changes = {"status": "paused", "status_details": {"paused": paused}}
    return ctx.change(doc, changes, event="customer.subscription.paused")


def refuse_ended(doc: Json) -> None:
    """400 for a subscription that is over."""
    if doc["status"] in ("canceled", "incomplete_expired"):
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
