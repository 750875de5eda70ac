"""Reads events, and what they are about."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from subscriptions.stripe.shapes.fields import id_of
from subscriptions.stripe.shapes.invoice import subscription_of


@dataclass(frozen=True)
class StripeEvent:
    """What we use of an event; `api_version` is that of the endpoint, not of our SDK."""

    id: str
    type: str
    created: datetime
    livemode: bool
    api_version: str
    object: dict[str, Any]


def event_from(data: dict[str, Any]) -> StripeEvent:
    """Read an event; raises KeyError, TypeError, ValueError or OverflowError when it is none."""
    event_id, event_type, about = data["id"], data["type"], data["data"]["object"]
    if not (isinstance(event_id, str) and isinstance(event_type, str) and isinstance(about, dict)):
        raise TypeError("an event has an id, a type and an object")
    return StripeEvent(
        id=event_id,
        type=event_type,
        created=datetime.fromtimestamp(int(data["created"]), UTC),
        livemode=bool(data["livemode"]),
        api_version=str(data.get("api_version") or ""),
        object=about,
    )


def subscription_id_of(event_type: str, data: dict[str, Any]) -> str | None:
    """Return the id of the subscription an event's object is about, or None when it is about none."""
    if event_type.startswith("customer.subscription."):
        return id_of(data)
    if event_type.startswith("checkout.session."):
        return id_of(data.get("subscription"))
    if event_type.startswith("invoice."):
        return subscription_of(data)
    return None


def invoice_id_of(event_type: str, data: dict[str, Any]) -> str | None:
    """Return the id of the invoice an event's object is, or None when it is none."""
    return id_of(data) if event_type.startswith("invoice.") else None
