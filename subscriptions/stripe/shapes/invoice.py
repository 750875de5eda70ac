"""Reads invoices."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from subscriptions.stripe.shapes.fields import id_of, time_of

Data = dict[str, Any]


@dataclass(frozen=True)
class StripeInvoice:
    """What we use of an invoice; amounts are in the currency's smallest unit, the period is the one it pays for."""

    id: str
    subscription_id: str | None
    billing_reason: str
    status: str
    currency: str
    amount_due: int
    amount_paid: int
    attempt_count: int
    period_start: datetime | None
    period_end: datetime | None
    created_at: datetime
    finalized_at: datetime | None
    paid_at: datetime | None
    next_payment_attempt: datetime | None
    hosted_invoice_url: str
    number: str
    invoice_pdf: str


def invoice_from(data: Data) -> StripeInvoice:
    """Read an invoice."""
    transitions: Data = data.get("status_transitions") or {}
    start, end = _service_period(data)
    return StripeInvoice(
        id=data["id"],
        subscription_id=subscription_of(data),
        billing_reason=data.get("billing_reason") or "",
        status=data.get("status") or "draft",
        currency=data.get("currency") or "",
        amount_due=data.get("amount_due") or 0,
        amount_paid=data.get("amount_paid") or 0,
        attempt_count=data.get("attempt_count") or 0,
        period_start=time_of(start),
        period_end=time_of(end),
        created_at=datetime.fromtimestamp(data["created"], UTC),
        finalized_at=time_of(transitions.get("finalized_at")),
        paid_at=time_of(transitions.get("paid_at")),
        next_payment_attempt=time_of(data.get("next_payment_attempt")),
        hosted_invoice_url=data.get("hosted_invoice_url") or "",
        number=data.get("number") or "",
        invoice_pdf=data.get("invoice_pdf") or "",
    )


def subscription_of(invoice: Data) -> str | None:
    """Return the id of the subscription that an invoice charges for: under `parent` since basil, itself before."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return id_of(details.get("subscription")) or id_of(invoice.get("subscription")) or _from_lines(invoice)


def _from_lines(invoice: Data) -> str | None:
    for line in _lines(invoice):
        parent = line.get("parent") or {}
        for key in ("subscription_item_details", "invoice_item_details"):
            found = id_of((parent.get(key) or {}).get("subscription"))
            if found:
                return found
        if id_of(line.get("subscription")):
            return id_of(line["subscription"])
    return None


def _service_period(invoice: Data) -> tuple[int | None, int | None]:
    """Return the period of the lines, which `invoice.period_*` is not; prorations of the last period do not count."""
    lines = _lines(invoice)
    periods = [line["period"] for line in lines if line.get("period") and not _is_proration(line)]
    periods = periods or [line["period"] for line in lines if line.get("period")]
    if not periods:
        return None, None
    return min(period["start"] for period in periods), max(period["end"] for period in periods)


def _is_proration(line: Data) -> bool:
    parent = line.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    return bool(details.get("proration") or line.get("proration"))


def _lines(invoice: Data) -> list[Data]:
    return (invoice.get("lines") or {}).get("data") or []
