"""Reads subscriptions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from subscriptions.stripe.shapes.fields import id_of, time_of
from subscriptions.stripe.shapes.invoice import StripeInvoice, invoice_from


@dataclass(frozen=True)
class StripeSubscription:
    """What we use of a subscription; times are UTC, and `cancel_at` is when it is to end.

    `pending_price_id` is the price that it gets once its latest invoice is paid, if it is until `pending_expires_at`.
    """

    id: str
    customer_id: str
    status: str
    price_id: str
    quantity: int
    current_period_start: datetime | None
    current_period_end: datetime | None
    trial_end: datetime | None
    cancel_at: datetime | None
    cancel_at_period_end: bool
    ended_at: datetime | None
    latest_invoice: StripeInvoice | None
    metadata: dict[str, str]
    pending_price_id: str | None
    pending_expires_at: datetime | None


def subscription_from(data: dict[str, Any]) -> StripeSubscription:
    """Read a subscription; its period stands on the items since basil (2025-03-31), before that on itself."""
    items: list[dict[str, Any]] = (data.get("items") or {}).get("data") or []
    first = items[0] if items else {}
    price = first.get("price") or first.get("plan") or data.get("plan") or {}
    starts = [item["current_period_start"] for item in items if item.get("current_period_start")]
    ends = [item["current_period_end"] for item in items if item.get("current_period_end")]
    period_end = time_of(max(ends) if ends else data.get("current_period_end"))
    # Flexible billing and the portal set only `cancel_at`, the API and the dashboard may set only the boolean.
    leaving = bool(data.get("cancel_at_period_end") or data.get("cancel_at"))
    latest = data.get("latest_invoice")
    pending: dict[str, Any] = data.get("pending_update") or {}
    pending_items = pending.get("subscription_items") or [{}]
    return StripeSubscription(
        id=data["id"],
        customer_id=id_of(data["customer"]) or "",
        status=data["status"],
        price_id=id_of(price) or "",
        quantity=first.get("quantity") or data.get("quantity") or 1,
        current_period_start=time_of(min(starts) if starts else data.get("current_period_start")),
        current_period_end=period_end,
        trial_end=time_of(data.get("trial_end")),
        cancel_at=time_of(data.get("cancel_at")) or (period_end if leaving else None),
        cancel_at_period_end=leaving,
        ended_at=time_of(data.get("ended_at")),
        latest_invoice=invoice_from(latest) if isinstance(latest, dict) else None,
        metadata=dict(data.get("metadata") or {}),
        pending_price_id=id_of(pending_items[0].get("price") or pending_items[0].get("plan")),
        pending_expires_at=time_of(pending.get("expires_at")),
    )
