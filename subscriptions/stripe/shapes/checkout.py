"""Reads Checkout sessions."""

from dataclasses import dataclass
from typing import Any

from subscriptions.stripe.shapes.fields import id_of


@dataclass(frozen=True)
class StripeCheckout:
    """What we use of a Checkout session."""

    id: str
    url: str
    status: str
    subscription_id: str | None
    metadata: dict[str, str]


def checkout_from(data: dict[str, Any]) -> StripeCheckout:
    """Read a Checkout session."""
    return StripeCheckout(
        id=data["id"],
        url=data.get("url") or "",
        status=data.get("status") or "",
        subscription_id=id_of(data.get("subscription")),
        metadata=dict(data.get("metadata") or {}),
    )
