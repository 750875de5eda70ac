"""Pausing a subscription and taking it up again."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.objects import plan_changes
from deploy.local.stripe.objects.subscription_states import current_period_end, put_on_hold, refuse_ended
from deploy.local.stripe.params import EXPAND, Choice, Hash
from deploy.local.stripe.store import Json

ANCHOR = Hash({"type": Choice(("now", "unchanged"))}, required=("type",))


def pause(ctx: Context, params: dict[str, Any], subscription: str) -> Json:
    """Stop service and billing until it is resumed."""
    doc = ctx.get("subscription", subscription, in_path=True)
    refuse_ended(doc)
    if doc["status"] not in ("active", "trialing"):
        raise invalid(f"A subscription that is {doc['status']} cannot be paused.")
    return put_on_hold(ctx, doc, "pause_requested")


def resume(ctx: Context, params: dict[str, Any], subscription: str) -> Json:
    """Take a paused subscription up again: what is left of a trial, or a new period that begins and is billed now.

    With an unchanged anchor it goes on within the period that was paid for.
    """
    doc = ctx.get("subscription", subscription, in_path=True)
    refuse_ended(doc)
    if doc["status"] != "paused":
        raise invalid("You can only resume subscriptions that are paused.")
    trialing = doc["trial_end"] is not None and doc["trial_end"] > ctx.now
    unchanged = params.get("billing_cycle_anchor", {}).get("type") == "unchanged"
    if unchanged and current_period_end(doc) <= ctx.now:
        raise invalid(
            "The stand-in keeps the anchor only within the period that was paid for.", param="billing_cycle_anchor"
        )
    changes = {"status": "trialing" if trialing else "active", "status_details": None}
    resumed = ctx.change(doc, changes, event="customer.subscription.resumed")
    return resumed if trialing or unchanged else plan_changes.bill_new_period(ctx, resumed, {})


OPERATIONS = (
    Operation("POST", "/v1/subscriptions/<subscription>/pause", pause, EXPAND),
    Operation(
        "POST",
        "/v1/subscriptions/<subscription>/resume",
        resume,
        EXPAND | {"billing_cycle_anchor": ANCHOR, "payment_behavior": Choice(("resume_on_payment_attempt",))},
    ),
)
