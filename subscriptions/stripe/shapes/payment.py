"""Reads what may happen to money after it was paid: refunds and disputes."""

from dataclasses import dataclass
from typing import Any

from subscriptions.stripe.shapes.fields import id_of


@dataclass(frozen=True)
class StripeCharge:
    """What we use of a charge; `invoice_id` only older shapes know, since basil the payment intent leads to it."""

    id: str
    customer_id: str
    payment_intent_id: str | None
    invoice_id: str | None
    amount: int
    amount_refunded: int

    @property
    def is_refunded_in_full(self) -> bool:
        """Whether nothing is left of it."""
        return self.amount_refunded >= self.amount > 0


@dataclass(frozen=True)
class StripeDispute:
    """What we use of a dispute."""

    id: str
    charge_id: str
    amount: int
    status: str


def charge_from(data: dict[str, Any]) -> StripeCharge:
    """Read a charge."""
    return StripeCharge(
        id=data["id"],
        customer_id=id_of(data.get("customer")) or "",
        payment_intent_id=id_of(data.get("payment_intent")),
        invoice_id=id_of(data.get("invoice")),
        amount=data.get("amount") or 0,
        amount_refunded=data.get("amount_refunded") or 0,
    )


def dispute_from(data: dict[str, Any]) -> StripeDispute:
    """Read a dispute."""
    return StripeDispute(
        id=data["id"],
        charge_id=id_of(data["charge"]) or "",
        amount=data.get("amount") or 0,
        status=data.get("status") or "",
    )
