"""Another price for a running subscription: what it would cost, and having it changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from subscriptions.stripe import client
from subscriptions.stripe.errors import RefusedByStripe
from subscriptions.stripe.shapes import StripeSubscription, subscription_from
from subscriptions.stripe.shapes.fields import time_of


@dataclass(frozen=True)
class Line:
    """A line of an invoice to come; the amount is in the currency's smallest unit, a credit is negative."""

    description: str
    amount: int
    proration: bool
    period_start: datetime | None
    period_end: datetime | None


@dataclass(frozen=True)
class Preview:
    """An invoice to come."""

    amount_due: int
    currency: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Standing:
    """How a subscription stands: its one item, and what is to be paid for a change of price that still waits for it."""

    subscription: StripeSubscription
    item_id: str
    invoice_id: str
    pay_at: str


def preview(*, subscription_id: str, price_id: str, now: bool, at: datetime) -> Preview:
    """Return what the change would charge at once (`now`, prorated as of `at`), else the next period's invoice."""
    details: dict[str, Any] = {
        "items": [{"id": _item_of(subscription_id), "price": price_id}],
        "proration_behavior": "always_invoice" if now else "none",
    }
    if now:
        details["proration_date"] = int(at.timestamp())
    wanted: Any = {"subscription": subscription_id, "subscription_details": details}
    invoice = client.read(
        lambda stripe: stripe.v1.invoices.create_preview(wanted), patience=client.SOMEBODY_WAITS
    ).to_dict()
    return Preview(
        invoice.get("amount_due") or 0,
        invoice.get("currency") or "",
        tuple(_line(one) for one in (invoice.get("lines") or {}).get("data") or []),
    )


def look(*, subscription_id: str) -> Standing:
    """Return how a subscription stands now; raises NotAtStripe, PaymentProviderUnavailable."""
    found = _retrieve(subscription_id)
    latest = found.get("latest_invoice")
    invoice: dict[str, Any] = latest if isinstance(latest, dict) and found.get("pending_update") is not None else {}
    return Standing(
        subscription_from(found),
        item_id=found["items"]["data"][0]["id"],
        invoice_id=invoice.get("id") or "",
        pay_at=invoice.get("hosted_invoice_url") or "",
    )


def change(
    *, subscription_id: str, item_id: str, price_id: str, behavior: dict[str, str], idempotency_key: str
) -> Standing:
    """Give a subscription another price, billed as `behavior` says; return how it then stands.

    The key makes it happen once; how it stands is asked anew, since an answer that is repeated may be old.
    """
    wanted: Any = {"items": [{"id": item_id, "price": price_id}], **behavior}
    client.write(
        lambda stripe, options: stripe.v1.subscriptions.update(subscription_id, wanted, options),
        idempotency_key=idempotency_key,
        patience=client.SOMEBODY_WAITS,
    )
    return look(subscription_id=subscription_id)


def withdraw(*, subscription_id: str, idempotency_key: str) -> bool:
    """Take back a change of price that still waits to be paid; return whether there was one."""
    invoice_id = look(subscription_id=subscription_id).invoice_id
    if not invoice_id:
        return False
    try:
        client.write(
            lambda stripe, options: stripe.v1.invoices.void_invoice(invoice_id, {}, options),
            idempotency_key=idempotency_key,
            patience=client.SOMEBODY_WAITS,
        )
    except RefusedByStripe:  # it has just been paid, or voided by somebody else
        return False
    return True


def _retrieve(subscription_id: str) -> dict[str, Any]:
    return client.read(
        lambda stripe: stripe.v1.subscriptions.retrieve(subscription_id, {"expand": ["latest_invoice"]}),
        patience=client.SOMEBODY_WAITS,
    ).to_dict()


def _item_of(subscription_id: str) -> str:
    """Return the id of the one item that our subscriptions have."""
    return look(subscription_id=subscription_id).item_id


def _line(line: dict[str, Any]) -> Line:
    parent = line.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    period = line.get("period") or {}
    return Line(
        description=line.get("description") or "",
        amount=line.get("amount") or 0,
        proration=bool(details.get("proration")),
        period_start=time_of(period.get("start")),
        period_end=time_of(period.get("end")),
    )
