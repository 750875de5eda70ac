"""What a subscription does by the passing of time: its trial ends, its period rolls over and is billed."""

from __future__ import annotations

from deploy.local.stripe import billing_settings
from deploy.local.stripe.context import Context
from deploy.local.stripe.objects import cards, invoice_items, invoices, subscription_states
from deploy.local.stripe.objects.invoice_lines import period_line, waiting_line
from deploy.local.stripe.periods import period_end
from deploy.local.stripe.store import Json


def announce_trial_end(ctx: Context, subscription: Json) -> None:
    """Three days before a trial ends, or at once when less is left; only once for each end."""
    hidden = ctx.tx.hidden(subscription["id"])
    ctx.tx.set_hidden(subscription["id"], {**hidden, "told_trial_end": subscription["trial_end"]})
    ctx.emit("customer.subscription.trial_will_end", subscription)


def end_trial(ctx: Context, subscription: Json) -> None:
    """The first paid period begins; without a card it goes as `trial_settings` say."""
    if end_without_card(ctx, subscription) is None:
        roll_over(ctx, subscription)


def end_without_card(ctx: Context, subscription: Json) -> Json | None:
    """What becomes of a trial that ends when there is no card; None when it goes on into a paid period."""
    if cards.in_use(ctx, subscription["customer"], subscription) is not None:
        return None
    missing = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if missing == "cancel":
        return subscription_states.end(ctx, subscription)
    if missing == "pause":
        return subscription_states.put_on_hold(ctx, subscription, "trial_end_without_payment_method")
    return None


def roll_over(ctx: Context, subscription: Json) -> None:
    """The next period begins where the last one ended, and a draft charges it.

    The draft is finalized and paid later. That of an `unpaid` subscription stays a draft: nothing more is collected
    until what is owed has been paid.
    """
    settings = billing_settings.read(ctx.tx)
    ended = subscription["items"]["data"][0]
    moved = next_period(subscription)
    customer = ctx.get("customer", subscription["customer"])
    waiting = invoice_items.pending(ctx, subscription["id"])
    lines = [waiting_line(item) for item in waiting] + [period_line(ctx, item) for item in moved["data"]]
    collected = subscription["status"] != "unpaid"
    more = {
        "auto_advance": collected,
        "automatically_finalizes_at": ctx.now + settings["draft_seconds"] if collected else None,
        "period_start": ended["current_period_start"],
        "period_end": ended["current_period_end"],
    }
    invoice = invoices.draft(ctx, subscription, customer, lines, reason="subscription_cycle", more=more)
    invoice_items.bill(ctx, waiting, invoice["id"])
    status = "active" if subscription["status"] == "trialing" else subscription["status"]
    changes = {"items": moved, "latest_invoice": invoice["id"], "status": status}
    ctx.change(subscription, changes, event="customer.subscription.updated")


def next_period(subscription: Json) -> Json:
    """The item list, each item one period on; the day stays that of the billing cycle's anchor."""
    return {
        **subscription["items"],
        "data": [_next(item, subscription["billing_cycle_anchor"]) for item in subscription["items"]["data"]],
    }


def _next(item: Json, anchor: int) -> Json:
    begins, recurring = item["current_period_end"], item["price"]["recurring"]
    ends = period_end(begins, recurring["interval"], recurring["interval_count"], anchor)
    return {**item, "current_period_start": begins, "current_period_end": ends}
