"""Keeps our copy of Stripe's invoices, and the one thing that only events know: when an attempt failed."""

from dataclasses import dataclass
from datetime import datetime

from subscriptions.errors import EventNotApplicable
from subscriptions.models import Invoice, InvoiceStatus, Subscription
from subscriptions.services.standing import NO_GRACE_FROM, earliest
from subscriptions.stripe.shapes import StripeInvoice

FAILURE_FIELDS = {1: "first_failed_at", 2: "second_failed_at", 3: "third_failed_at"}


@dataclass(frozen=True)
class Failure:
    """An attempt to collect an invoice that failed: which (Stripe's `attempt_count`) and when."""

    invoice_id: str
    attempt: int
    failed_at: datetime


def write(*, subscription: Subscription, fetched: StripeInvoice, failure: Failure | None) -> Invoice:
    """Bring our row to what was fetched, and note a failure of this invoice; in the organization's lock."""
    if fetched.status not in InvoiceStatus.values:
        raise EventNotApplicable(f"unknown invoice status {fetched.status}")
    row = Invoice.objects.select_for_update(no_key=True).filter(stripe_invoice_id=fetched.id).first()
    if row is None:
        row = Invoice(
            organization_id=subscription.organization_id, subscription=subscription, stripe_invoice_id=fetched.id
        )
    row.billing_reason = fetched.billing_reason
    row.status = fetched.status
    row.currency = fetched.currency
    row.amount_due = fetched.amount_due
    row.amount_paid = fetched.amount_paid
    row.attempt_count = fetched.attempt_count
    row.period_start = fetched.period_start
    row.period_end = fetched.period_end
    row.stripe_created_at = fetched.created_at
    row.finalized_at = fetched.finalized_at
    row.paid_at = fetched.paid_at
    row.next_payment_attempt = fetched.next_payment_attempt
    row.hosted_invoice_url = fetched.hosted_invoice_url
    row.number = fetched.number
    row.invoice_pdf = fetched.invoice_pdf
    if failure is not None and failure.invoice_id == fetched.id:
        _note(row, failure)
    row.save()
    return row


def _note(row: Invoice, failure: Failure) -> None:
    """Keep the earliest time of each attempt: manual ones in between are told under the number of the last planned."""
    field = FAILURE_FIELDS[min(max(failure.attempt, 1), NO_GRACE_FROM)]
    setattr(row, field, earliest((getattr(row, field), failure.failed_at)))
