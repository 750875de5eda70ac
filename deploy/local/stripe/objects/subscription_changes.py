"""What can be done to a running subscription: update, cancel now or at period end, pause, resume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.objects import invoices
from deploy.local.stripe.objects.subscription_items import ITEM, changed_items
from deploy.local.stripe.params import EXPAND, Bool, Choice, Hash, Int, ListOf, Metadata, Text, Type
from deploy.local.stripe.store import Json

FEEDBACK = (
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
)
CANCELLATION_DETAILS = Hash({"comment": Text(unset=True), "feedback": Choice(FEEDBACK)})
ALWAYS_ALLOWED = {"cancellation_details", "expand", "metadata"}


@dataclass(frozen=True)
class CancelAt:
    """A moment in seconds; the empty string takes the cancellation back."""

    def read(self, raw: Any, name: str) -> int | None:
        """The moment, or None."""
        return None if raw == "" else Int().read(raw, name)


UPDATE: dict[str, Type] = EXPAND | {
    "cancel_at": CancelAt(),
    "cancel_at_period_end": Bool(),
    "cancellation_details": CANCELLATION_DETAILS,
    "description": Text(500, unset=True),
    "items": ListOf(ITEM, high=20),
    "metadata": Metadata(),
    "proration_behavior": Choice(("create_prorations", "none")),
}


def update(ctx: Context, params: dict[str, Any], subscription: str) -> Json:
    """Change metadata, the scheduled cancellation, or what is subscribed to; anything else is refused."""
    doc = ctx.get("subscription", subscription, in_path=True)
    if not params.keys() <= ALWAYS_ALLOWED:
        _refuse_ended(doc)
    changes: Json = {}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(doc["metadata"], params["metadata"])
    if "description" in params:
        changes["description"] = params["description"]
    changes |= _scheduled_end(ctx, doc, params)
    if "cancellation_details" in params:
        details = {**doc["cancellation_details"], **changes.get("cancellation_details", {})}
        changes["cancellation_details"] = details | params["cancellation_details"]
    if "items" in params:
        changes["items"] = changed_items(
            ctx, doc, params["items"], params.get("proration_behavior", "create_prorations")
        )
    return ctx.change(doc, changes, event="customer.subscription.updated")


def _scheduled_end(ctx: Context, doc: Json, params: dict[str, Any]) -> Json:
    """When it shall end, at a moment or with the period; setting one of the two unsets the other."""
    if "cancel_at" in params and "cancel_at_period_end" in params:
        raise invalid("You may only specify one of these parameters: cancel_at, cancel_at_period_end.")
    if "cancel_at_period_end" in params:
        with_period = params["cancel_at_period_end"]
        if with_period == doc["cancel_at_period_end"]:
            return {}
        return end_at(ctx, doc, current_period_end(doc) if with_period else None, with_period=with_period)
    if "cancel_at" not in params:
        return {}
    moment = params["cancel_at"]
    if moment is not None and moment <= ctx.now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future", param="cancel_at")
    return end_at(ctx, doc, moment, with_period=False)


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


def cancel(ctx: Context, params: dict[str, Any], subscription: str) -> Json:
    """End it now, without refund."""
    doc = ctx.get("subscription", subscription, in_path=True)
    if doc["status"] == "canceled":
        raise invalid(
            f"No such subscription: '{subscription}'", code="resource_missing", param="subscription", status=404
        )
    details = {**doc["cancellation_details"], "reason": "cancellation_requested"}
    return end(ctx, {**doc, "cancellation_details": details | params.get("cancellation_details", {})})


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
        "status_details": None,
    }
    return ctx.change(doc, changes, event="customer.subscription.deleted")


def end_all_of(ctx: Context, customer: str) -> None:
    """End every running subscription of a customer that is being deleted."""
    running = "json_extract(doc, '$.status') != 'canceled' AND json_extract(doc, '$.customer') = ?"
    for doc in ctx.tx.select("subscription", running, (customer,)):
        end(ctx, doc)


def pause(ctx: Context, params: dict[str, Any], subscription: str) -> Json:
    """Stop service and billing until it is resumed."""
    doc = _running(ctx, subscription)
    if doc["status"] not in ("active", "trialing"):
        raise invalid(f"A subscription that is {doc['status']} cannot be paused.")
    return put_on_hold(ctx, doc, "pause_requested")


def put_on_hold(ctx: Context, doc: Json, why: str) -> Json:
    """No service and no bills until it is resumed; `why` is one of Stripe's kinds of pause."""
    paused = {"subscription": {"type": why}, "transitioned_at": ctx.now, "type": "subscription"}
    changes = {"status": "paused", "status_details": {"paused": paused}}
    return ctx.change(doc, changes, event="customer.subscription.paused")


def resume(ctx: Context, params: dict[str, Any], subscription: str) -> Json:
    """Take a paused subscription up again within its period."""
    doc = _running(ctx, subscription)
    if doc["status"] != "paused":
        raise invalid("You can only resume subscriptions that are paused.")
    trialing = doc["trial_end"] is not None and doc["trial_end"] > ctx.now
    changes = {"status": "trialing" if trialing else "active", "status_details": None}
    return ctx.change(doc, changes, event="customer.subscription.resumed")


def _running(ctx: Context, subscription: str) -> Json:
    doc = ctx.get("subscription", subscription, in_path=True)
    _refuse_ended(doc)
    return doc


def _refuse_ended(doc: Json) -> None:
    if doc["status"] in ("canceled", "incomplete_expired"):
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")


OPERATIONS = (
    Operation("POST", "/v1/subscriptions/<subscription>", update, UPDATE),
    Operation(
        "DELETE",
        "/v1/subscriptions/<subscription>",
        cancel,
        EXPAND | {"cancellation_details": CANCELLATION_DETAILS},
    ),
    Operation("POST", "/v1/subscriptions/<subscription>/pause", pause, EXPAND),
    Operation("POST", "/v1/subscriptions/<subscription>/resume", resume, EXPAND),
)
