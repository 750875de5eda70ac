"""Collecting what an invoice is over: the attempt, its failure, the retries, and what becomes of the subscription."""

from __future__ import annotations

from deploy.local.stripe import billing_settings
from deploy.local.stripe.context import Context
from deploy.local.stripe.objects import cards, invoices, subscription_changes
from deploy.local.stripe.periods import DAY
from deploy.local.stripe.store import Json


def collect(ctx: Context, invoice: Json) -> Json:
    """Finalize a draft and charge it at once, as automatic collection does."""
    invoice = invoices.finalize(ctx, invoice)
    return attempt(ctx, invoice) if invoice["amount_due"] else paid(ctx, invoice)


def attempt(ctx: Context, invoice: Json) -> Json:
    """Charge the customer's card for an open invoice, as it is scheduled; the invoice afterwards."""
    card = cards.state(ctx, invoice["customer"])
    if card == "good":
        return paid(ctx, invoice)
    return _failed(ctx, invoice, card)


def paid(ctx: Context, invoice: Json) -> Json:
    """The money came in: the invoice is paid, and a subscription that waited for its latest one is active again."""
    invoice = invoices.mark_paid(ctx, invoice)
    subscription = subscription_of(ctx, invoice)
    waited = subscription is not None and subscription["status"] in ("past_due", "unpaid")
    if subscription and waited and subscription["latest_invoice"] == invoice["id"]:
        ctx.change(subscription, {"status": "active"}, event="customer.subscription.updated")
    return invoice


def subscription_of(ctx: Context, invoice: Json) -> Json | None:
    """The subscription that an invoice bills, None when it bills none."""
    details = (invoice["parent"] or {}).get("subscription_details")
    return ctx.get("subscription", details["subscription"]) if details else None


def _failed(ctx: Context, invoice: Json, card: str) -> Json:
    """An attempt failed: the next one is planned, unless there is no card to try or it was the last one."""
    settings = billing_settings.read(ctx.tx)
    count, pauses = invoice["attempt_count"] + 1, settings["retry_days"]
    again = card != "none" and count <= len(pauses)
    changes = {
        "attempt_count": count,
        "attempted": True,
        "next_payment_attempt": ctx.now + pauses[count - 1] * DAY if again else None,
    }
    invoice = ctx.change(invoice, changes)
    if card == "requires_action":
        ctx.emit("invoice.payment_action_required", invoice)
    ctx.emit("invoice.payment_failed", invoice)
    subscription = subscription_of(ctx, invoice)
    if subscription and subscription["status"] == "active":
        subscription = ctx.change(subscription, {"status": "past_due"}, event="customer.subscription.updated")
    if subscription and subscription["status"] == "past_due" and card != "none" and not again:
        _give_up(ctx, subscription, settings["after_last_retry"])
    return invoice


def _give_up(ctx: Context, subscription: Json, outcome: str) -> None:
    """The last retry failed too: what the account's settings say."""
    if outcome == "canceled":
        subscription_changes.end(ctx, subscription, reason="payment_failed")
    elif outcome == "unpaid":
        ctx.change(subscription, {"status": "unpaid"}, event="customer.subscription.updated")
