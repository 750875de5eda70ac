"""Checkout sessions at Stripe: opened, looked up, closed."""

from typing import Any
from uuid import UUID

from subscriptions.stripe import client
from subscriptions.stripe.client import Patience
from subscriptions.stripe.errors import NotAtStripe, RefusedByStripe
from subscriptions.stripe.shapes import StripeCheckout, checkout_from

TABS_WAIT = Patience(seconds=8, tries=4)
"""Two tabs ask with one key: while one is answered, Stripe tells the other to try again."""


def create(
    *,
    customer_id: str,
    price_id: str,
    trial_days: int,
    metadata: dict[str, str],
    success_url: str,
    cancel_url: str,
    idempotency_key: str,
) -> StripeCheckout:
    """Open a Checkout session in subscription mode; `metadata` goes on the session and on the subscription."""
    subscription_data: dict[str, Any] = {"metadata": metadata}
    if trial_days:
        subscription_data["trial_period_days"] = trial_days
        subscription_data["trial_settings"] = {"end_behavior": {"missing_payment_method": "cancel"}}
    parameters: Any = {
        "mode": "subscription",
        "customer": customer_id,
        "client_reference_id": metadata["organization_id"],
        "line_items": [{"price": price_id, "quantity": 1}],
        "metadata": metadata,
        "subscription_data": subscription_data,
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    session = client.write(
        lambda stripe, options: stripe.v1.checkout.sessions.create(parameters, options),
        idempotency_key=idempotency_key,
        patience=TABS_WAIT,
    )
    return checkout_from(session.to_dict())


def fetch(*, session_id: str) -> StripeCheckout | None:
    """Return a session as it stands now, or None if Stripe does not know it."""
    try:
        session = client.read(
            lambda stripe: stripe.v1.checkout.sessions.retrieve(session_id), patience=client.SOMEBODY_WAITS
        )
    except NotAtStripe:
        return None
    return checkout_from(session.to_dict())


def find_open(*, customer_id: str, visit_id: UUID) -> StripeCheckout | None:
    """Return the customer's session that was opened for this visit of ours, if it is still open."""
    listed = client.read(
        lambda stripe: stripe.v1.checkout.sessions.list({"customer": customer_id, "status": "open", "limit": 100}),
        patience=client.SOMEBODY_WAITS,
    )
    found = (checkout_from(session.to_dict()) for session in listed.data)
    return next((session for session in found if session.metadata.get("checkout_id") == str(visit_id)), None)


def expire(*, session_id: str, idempotency_key: str) -> StripeCheckout | None:
    """Let a session be paid no longer, unless it has been; return how it then stands."""
    try:
        session = client.write(
            lambda stripe, options: stripe.v1.checkout.sessions.expire(session_id, {}, options),
            idempotency_key=idempotency_key,
            patience=TABS_WAIT,
        )
    except RefusedByStripe:  # it is not open any more
        return fetch(session_id=session_id)
    return checkout_from(session.to_dict())
