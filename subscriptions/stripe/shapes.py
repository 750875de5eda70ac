"""Reads Stripe's objects: every id may be a string or an expanded object, and older shapes still arrive in webhooks."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class StripeSubscription:
    """What we use of a subscription; times are UTC."""

    id: str
    customer_id: str
    status: str
    price_id: str
    quantity: int
    current_period_start: datetime | None
    current_period_end: datetime | None
    trial_end: datetime | None
    cancel_at_period_end: bool
    metadata: dict[str, str]


@dataclass(frozen=True)
class StripeCheckout:
    """What we use of a Checkout session."""

    id: str
    url: str
    status: str
    subscription_id: str | None
    metadata: dict[str, str]


@dataclass(frozen=True)
class StripeEvent:
    """What we use of an event."""

    id: str
    type: str
    created: datetime
    livemode: bool
    object: dict[str, Any]


def subscription_from(data: dict[str, Any]) -> StripeSubscription:
    """Read a subscription; its period stands on the items since basil (2025-03-31), before that on itself."""
    items: list[dict[str, Any]] = (data.get("items") or {}).get("data") or []
    first = items[0] if items else {}
    price = first.get("price") or first.get("plan") or data.get("plan") or {}
    starts = [item["current_period_start"] for item in items if item.get("current_period_start")]
    ends = [item["current_period_end"] for item in items if item.get("current_period_end")]
    return StripeSubscription(
        id=data["id"],
        customer_id=_id(data["customer"]) or "",
        status=data["status"],
        price_id=_id(price) or "",
        quantity=first.get("quantity") or data.get("quantity") or 1,
        current_period_start=_time(min(starts) if starts else data.get("current_period_start")),
        current_period_end=_time(max(ends) if ends else data.get("current_period_end")),
        trial_end=_time(data.get("trial_end")),
        # Flexible billing and the portal set only `cancel_at`.
        cancel_at_period_end=bool(data.get("cancel_at_period_end") or data.get("cancel_at")),
        metadata=dict(data.get("metadata") or {}),
    )


def checkout_from(data: dict[str, Any]) -> StripeCheckout:
    """Read a Checkout session."""
    return StripeCheckout(
        id=data["id"],
        url=data.get("url") or "",
        status=data.get("status") or "",
        subscription_id=_id(data.get("subscription")),
        metadata=dict(data.get("metadata") or {}),
    )


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
        object=about,
    )


def subscription_id_of(event_type: str, data: dict[str, Any]) -> str | None:
    """Return the id of the subscription an event's object is about, or None when it is about none."""
    if event_type.startswith("customer.subscription."):
        return _id(data)
    if event_type.startswith("checkout.session."):
        return _id(data.get("subscription"))
    if event_type.startswith("invoice."):
        parent = data.get("parent") or {}
        details = parent.get("subscription_details") or {}
        return _id(details.get("subscription")) or _id(data.get("subscription")) or _from_lines(data)
    return None


def _from_lines(invoice: dict[str, Any]) -> str | None:
    for line in (invoice.get("lines") or {}).get("data") or []:
        parent = line.get("parent") or {}
        for key in ("subscription_item_details", "invoice_item_details"):
            found = _id((parent.get(key) or {}).get("subscription"))
            if found:
                return found
    return None


def _id(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) else None


def _time(value: int | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, UTC)
