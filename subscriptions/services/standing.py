"""What a subscription's invoices make of it: how often its payment failed, until when it may be used unpaid.

All of it is worked out from rows, nothing is counted up: news twice, late or in another order leave the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from subscriptions.models import CYCLE, Invoice, InvoiceStatus, Subscription, SubscriptionStatus

FIRST_GRACE = timedelta(days=7)
SECOND_GRACE = timedelta(days=3)
NO_GRACE_FROM = 3
"""The failed attempt from which on there is no grace left."""
FOR_A_PERIOD = (CYCLE, "subscription_create")
"""The `billing_reason` of what pays for a whole period; anything else is a difference within one."""


@dataclass(frozen=True)
class Debt:
    """The unpaid invoice by which a subscription is judged; `grace_ends_at` is None once no grace is left."""

    invoice: Invoice
    failed_count: int
    grace_ends_at: datetime | None


def refresh(*, subscription: Subscription) -> Debt | None:
    """Set what the subscription's invoices say about it, without saving it; return what is owed."""
    invoices = list(
        Invoice.objects.filter(subscription=subscription).order_by("stripe_created_at", "stripe_invoice_id")
    )
    debt = debt_of(invoices, past_due=subscription.status == SubscriptionStatus.PAST_DUE)
    charged = [one for one in invoices if one.status == InvoiceStatus.PAID and one.amount_paid > 0]
    renewals = [one.paid_at for one in charged if one.billing_reason == CYCLE and one.paid_at is not None]
    subscription.failed_payment_count = debt.failed_count if debt else 0
    subscription.grace_period_ends_at = debt.grace_ends_at if debt else None
    subscription.paid_until = (debt and debt.invoice.period_start) or subscription.current_period_end
    subscription.last_paid_at = max(renewals, default=None)
    subscription.payment_returned = _is_returned(charged)
    return debt


def _is_returned(charged: Sequence[Invoice]) -> bool:
    """Return whether any of the money for the last period was given back; `charged` are paid, oldest first.

    The payment for a later period makes good for it, that of a difference within the same one does not.
    """
    for one in reversed(charged):
        if one.paid_back:
            return True
        if one.billing_reason in FOR_A_PERIOD:
            return False
    return False


def debt_of(invoices: Sequence[Invoice], *, past_due: bool = False) -> Debt | None:
    """Return the oldest renewal that was tried and not paid since the last one that was; `invoices` are oldest first.

    A first payment or a proration that fails is no debt: what was paid before stays good. Of a subscription that is
    `past_due` a renewal is owed as well when Stripe did not try it (there is no card to try), and when it was written
    off: Stripe can be set to do that after the last retry and to let the subscription go on.
    """
    owing = (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE) if past_due else (InvoiceStatus.OPEN,)
    owed: Invoice | None = None
    for one in invoices:
        if one.billing_reason != CYCLE:
            continue
        if one.status == InvoiceStatus.PAID:
            owed = None
        elif owed is None and one.status in owing and (past_due or one.attempt_count > 0):
            owed = one
    if owed is None:
        return None
    return Debt(owed, max(owed.attempt_count, 1), _grace_ends_at(owed))


def _grace_ends_at(invoice: Invoice) -> datetime | None:
    """Return the deadline that the known failures set: the first + 7 days, the second + 3, whichever is earlier.

    Where the first failure's time is unknown, the invoice was first charged when it was finalized. A third failure
    within the grace ends it; one that comes later finds it over, and changes nothing.
    """
    first = invoice.first_failed_at or invoice.finalized_at or invoice.stripe_created_at
    deadline = first + FIRST_GRACE
    if invoice.second_failed_at is not None:
        deadline = min(deadline, invoice.second_failed_at + SECOND_GRACE)
    if invoice.attempt_count < NO_GRACE_FROM:
        return deadline
    third = invoice.third_failed_at
    return deadline if third is not None and third >= deadline else None


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the earliest of the times that are known."""
    return min((moment for moment in moments if moment is not None), default=None)
