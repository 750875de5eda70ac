"""Pending updates: a change of plan that applies once its invoice is paid, and is dropped when that takes too long."""

from __future__ import annotations

from deploy.local.stripe.context import Context
from deploy.local.stripe.store import Json

WAITS_SECONDS = 23 * 3600


def begin(ctx: Context, subscription: Json, items: Json, invoice: str) -> Json:
    """The subscription stays as it is, and remembers what it shall become: at most until its period or trial ends."""
    ends = [item["current_period_end"] for item in subscription["items"]["data"]]
    pending: Json = {
        "billing_cycle_anchor": None,
        "expires_at": min(ctx.now + WAITS_SECONDS, *ends),
        "subscription_items": items["data"],
        "trial_end": None,
        "trial_from_plan": None,
    }
    ctx.tx.set_hidden(subscription["id"], {**ctx.tx.hidden(subscription["id"]), "pending_invoice": invoice})
    changes = {"latest_invoice": invoice, "pending_update": pending}
    return ctx.change(subscription, changes, event="customer.subscription.updated")


def invoice_of(ctx: Context, subscription: Json) -> str | None:
    """The invoice that a pending update waits for."""
    if subscription["pending_update"] is None:
        return None
    found: str = ctx.tx.hidden(subscription["id"])["pending_invoice"]
    return found


def apply(ctx: Context, subscription: Json) -> Json:
    """It was paid for: the new items run on within the period that runs."""
    running = {item["id"]: item for item in subscription["items"]["data"]}
    data = [_within(item, running[item["id"]]) for item in subscription["pending_update"]["subscription_items"]]
    changes = {"items": {**subscription["items"], "data": data}, "pending_update": None}
    subscription = ctx.change(subscription, changes, event="customer.subscription.updated")
    ctx.emit("customer.subscription.pending_update_applied", subscription)
    return subscription


def _within(item: Json, running: Json) -> Json:
    return {**item, **{name: running[name] for name in ("current_period_start", "current_period_end")}}


def drop(ctx: Context, subscription: Json) -> Json:
    """Nothing comes of it."""
    subscription = ctx.change(subscription, {"pending_update": None}, event="customer.subscription.updated")
    ctx.emit("customer.subscription.pending_update_expired", subscription)
    return subscription
