"""Collecting what an invoice is over: the attempt, its failure, the retries, and what becomes of the subscription."""

from __future__ import annotations

from deploy.local.stripe import billing_settings
from deploy.local.stripe.context import Context
from deploy.local.stripe.objects import cards, invoice_payments, invoices, pending_updates, subscription_states
from deploy.local.stripe.periods import DAY
from deploy.local.stripe.store import Json


def collect(ctx: Context, invoice: Json) -> Json:
    """Finalize a draft and charge it at once, as automatic collection does."""
    if billing_settings.read(ctx.tx)["finalization_fails"]:
        return invoices.refuse_to_finalize(ctx, invoice)
    invoice = invoices.finalize(ctx, invoice)
    return attempt(ctx, invoice) if invoice["amount_due"] else paid(ctx, invoice)


def attempt(ctx: Context, invoice: Json) -> Json:
    """Charge the customer's card for an open invoice, as it is scheduled; the invoice afterwards."""
    subscription = subscription_of(ctx, invoice)
    method = cards.in_use(ctx, invoice["customer"], subscription)
    intent = invoice_payments.charge(ctx, invoice, method)
    if intent["status"] == "succeeded":
        return paid(ctx, invoice)
    return _failed(ctx, invoice, subscription, intent, hopeless=method is None)


def try_now(
    ctx: Context, invoice: Json, method: Json | None = None, *, holder_is_there: bool = False
) -> tuple[Json, Json]:
    """Charge an open invoice outside its schedule: it and its intent afterwards.

    Only the very first attempt counts; the planned ones stay as they are.
    """
    subscription = subscription_of(ctx, invoice)
    method = method or cards.in_use(ctx, invoice["customer"], subscription)
    intent = invoice_payments.charge(ctx, invoice, method, holder_is_there=holder_is_there)
    first = not invoice["attempt_count"]
    if intent["status"] == "succeeded":
        return paid(ctx, invoice, charged=first), intent
    if first:
        return _failed(ctx, invoice, subscription, intent, hopeless=method is None), intent
    _tell_failure(ctx, invoice, intent)
    return invoice, intent


def paid(ctx: Context, invoice: Json, *, charged: bool = True) -> Json:
    """The money came in: the invoice is paid, and a subscription that waited for it goes on."""
    invoice = invoices.mark_paid(ctx, invoice, charged=charged)
    _go_on(ctx, invoice)
    return invoice


def void(ctx: Context, invoice: Json) -> Json:
    """Nothing is owed any more: what waited for the payment goes on without it."""
    invoice_payments.give_up(ctx, invoice["id"], "void_invoice")
    transitions = {**invoice["status_transitions"], "voided_at": ctx.now}
    changes = {"status": "void", "next_payment_attempt": None, "auto_advance": False, "status_transitions": transitions}
    invoice = ctx.change(invoice, changes, event="invoice.voided")
    _go_on(ctx, invoice)
    return invoice


def subscription_of(ctx: Context, invoice: Json) -> Json | None:
    """The subscription that an invoice bills, None when it bills none."""
    details = (invoice["parent"] or {}).get("subscription_details")
    return ctx.get("subscription", details["subscription"]) if details else None


def _go_on(ctx: Context, invoice: Json) -> None:
    subscription, paid_now = subscription_of(ctx, invoice), invoice["status"] == "paid"
    if subscription is None:
        return
    if pending_updates.invoice_of(ctx, subscription) == invoice["id"]:
        change = pending_updates.apply if paid_now else pending_updates.drop
        subscription = change(ctx, subscription)
    waited = subscription["status"] in ("past_due", "unpaid") or (subscription["status"] == "incomplete" and paid_now)
    if waited and subscription["latest_invoice"] == invoice["id"]:
        ctx.change(subscription, {"status": "active"}, event="customer.subscription.updated")


def end_unpaid_start(ctx: Context, subscription: Json) -> None:
    """The first invoice was not paid within 23 hours: it never began."""
    ctx.change(subscription, {"status": "incomplete_expired"}, event="customer.subscription.updated")
    for invoice in invoices.of_subscription(ctx, subscription["id"], "open"):
        void(ctx, invoice)


def end_pending_update(ctx: Context, subscription: Json) -> None:
    """A change of plan was not paid in time: its invoice is void, and with it the change."""
    invoice = ctx.get("invoice", pending_updates.invoice_of(ctx, subscription) or "")
    if invoice["status"] == "open":
        void(ctx, invoice)
    else:
        pending_updates.drop(ctx, subscription)


def count_failure(ctx: Context, invoice: Json) -> Json:
    """The only attempt that is made by itself has failed."""
    intent = invoice_payments.intent_of(ctx, invoice)
    invoice = ctx.change(invoice, {"attempt_count": invoice["attempt_count"] + 1, "attempted": True})
    _tell_failure(ctx, invoice, intent)
    return invoice


def _tell_failure(ctx: Context, invoice: Json, intent: Json) -> None:
    if intent["status"] == "requires_action":
        ctx.emit("invoice.payment_action_required", invoice)
    ctx.emit("invoice.payment_failed", invoice)


def _failed(ctx: Context, invoice: Json, subscription: Json | None, intent: Json, *, hopeless: bool) -> Json:
    """A counted attempt failed: the next one is planned, unless there is no card to try or it was the last one."""
    settings = billing_settings.read(ctx.tx)
    count, pauses = invoice["attempt_count"] + 1, settings["retry_days"]
    first_bill = subscription is not None and subscription["status"] == "incomplete"
    again = not hopeless and not first_bill and invoice["auto_advance"] and count <= len(pauses)
    changes = {
        "attempt_count": count,
        "attempted": True,
        "next_payment_attempt": ctx.now + pauses[count - 1] * DAY if again else None,
    }
    invoice = ctx.change(invoice, changes)
    _tell_failure(ctx, invoice, intent)
    if subscription and subscription["status"] == "active":
        subscription = ctx.change(subscription, {"status": "past_due"}, event="customer.subscription.updated")
    if subscription and subscription["status"] == "past_due" and not hopeless and not again:
        _give_up(ctx, subscription, settings["after_last_retry"])
    return invoice


def _give_up(ctx: Context, subscription: Json, outcome: str) -> None:
    """The last retry failed too: what the account's settings say."""
    if outcome == "canceled":
        subscription_states.end(ctx, subscription, reason="payment_failed")
    elif outcome == "unpaid":
        ctx.change(subscription, {"status": "unpaid"}, event="customer.subscription.updated")
