"""Calls to Stripe's API, each with a plain frozen answer; raises PaymentProviderUnavailable when Stripe cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from uuid import UUID

import stripe
from django.conf import settings

from subscriptions.errors import PaymentProviderUnavailable
from subscriptions.stripe.shapes import StripeCheckout, StripeSubscription, checkout_from, subscription_from

API_VERSION = "2026-10-28.endive"
"""Pinned: the field paths in `shapes` were written for it. The webhook endpoint is created with the same."""

TIMEOUT_SECONDS = 10
RETRYABLE = (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError)


@lru_cache(maxsize=1)
def _client() -> stripe.StripeClient:
    extra: dict[str, Any] = {"base_addresses": {"api": settings.STRIPE_API_BASE}} if settings.STRIPE_API_BASE else {}
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        stripe_version=API_VERSION,
        # The SDK's own retries reuse one idempotency key; nothing around it retries as well.
        max_network_retries=2,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        **extra,
    )


@contextmanager
def _errors_translated() -> Iterator[None]:
    try:
        yield
    except (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError):
        raise  # our mistake: it must be seen, not retried
    except RETRYABLE as error:
        raise PaymentProviderUnavailable(retry_after=5) from error


def create_customer(*, organization_id: UUID, name: str, email: str) -> str:
    """Return the id of the organization's customer; the same one however often this is called within a day."""
    with _errors_translated():
        customer = _client().v1.customers.create(
            {"name": name, "email": email, "metadata": {"organization_id": str(organization_id)}},
            {"idempotency_key": f"customer:{organization_id}"},
        )
    return customer.id


def create_checkout(
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
    with _errors_translated():
        session = _client().v1.checkout.sessions.create(parameters, {"idempotency_key": idempotency_key})
    return checkout_from(session.to_dict())


def fetch_subscription(*, subscription_id: str) -> StripeSubscription:
    """Return a subscription as it stands at Stripe now."""
    with _errors_translated():
        subscription = _client().v1.subscriptions.retrieve(subscription_id)
    return subscription_from(subscription.to_dict())


def ensure_price(*, lookup_key: str, product_name: str, amount_cents: int, currency: str, interval: str) -> str:
    """Return the id of the active price with this lookup key, creating product and price when there is none.

    A price whose amount differs is replaced: the lookup key moves to a new one, and running subscriptions keep theirs.
    """
    with _errors_translated():
        found = _client().v1.prices.list({"lookup_keys": [lookup_key], "active": True, "limit": 1}).data
        if found and found[0].unit_amount == amount_cents and found[0].currency == currency:
            return found[0].id
        product = found[0].product if found else _client().v1.products.create({"name": product_name}).id
        price = _client().v1.prices.create(
            {
                "product": product if isinstance(product, str) else product.id,
                "currency": currency,
                "unit_amount": amount_cents,
                "recurring": {"interval": interval},
                "lookup_key": lookup_key,
                "transfer_lookup_key": True,
            }
        )
    return price.id
