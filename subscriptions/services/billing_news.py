"""Writes down and mails what changed for a subscription: each transition once, whatever made us look."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from subscriptions.models import (
    CYCLE,
    ENDED_STATUSES,
    LIVE_STATUSES,
    Invoice,
    InvoiceStatus,
    Subscription,
    SubscriptionStatus,
)
from subscriptions.services import billing_mails
from subscriptions.services.standing import Debt
from users.services import audit


@dataclass(frozen=True)
class Known:
    """What was known of a subscription before it was looked at again; nothing of a new one."""

    status: str | None = None
    cancel_at: datetime | None = None


def tell(*, subscription: Subscription, before: Known, debt: Debt | None) -> None:
    """Record and mail what is new since `before`; in the transaction that changed it."""
    if before.status != subscription.status:
        _record("SUBSCRIPTION_CHANGED", subscription, before=before.status, after=subscription.status)
    for invoice in Invoice.objects.filter(subscription=subscription, status=InvoiceStatus.PAID, told_paid=False):
        _paid(subscription, invoice)
    if debt is not None and debt.failed_count > debt.invoice.told_attempts:
        _failed(subscription, debt)
    if subscription.duplicate_of_id is not None:
        return  # it was a mistake, it is being undone, and the owners have their own one
    if before.status in (None, SubscriptionStatus.INCOMPLETE) and subscription.status in LIVE_STATUSES:
        billing_mails.confirm(subscription=subscription)
    has_ended = before.status != subscription.status == SubscriptionStatus.CANCELED
    if has_ended or subscription.cancel_at not in (None, before.cancel_at):
        billing_mails.canceled(subscription=subscription)


def _paid(subscription: Subscription, invoice: Invoice) -> None:
    """A trial begins with an invoice over nothing, which is paid: that is no payment."""
    Invoice.objects.filter(id=invoice.id).update(told_paid=True)
    if invoice.amount_paid == 0:
        return
    _record("PAYMENT_RECEIVED", subscription, invoice=invoice.stripe_invoice_id, amount=invoice.amount_paid)
    if invoice.billing_reason == CYCLE and subscription.duplicate_of_id is None:
        billing_mails.renewed(subscription=subscription, invoice=invoice)


def _failed(subscription: Subscription, debt: Debt) -> None:
    """Only the newest failure is told: that an earlier one leaves more time is no longer true."""
    Invoice.objects.filter(id=debt.invoice.id).update(told_attempts=debt.failed_count)
    _record("PAYMENT_FAILED", subscription, invoice=debt.invoice.stripe_invoice_id, attempt=debt.failed_count)
    if subscription.duplicate_of_id is None and subscription.status not in ENDED_STATUSES:
        billing_mails.payment_failed(subscription=subscription, invoice=debt.invoice, attempt=debt.failed_count)


def _record(action: str, subscription: Subscription, **data: Any) -> None:
    audit.record(
        action=action,
        organization_id=subscription.organization_id,
        object_type="subscription",
        object_id=subscription.id,
        **data,
    )
