"""What customers have Stripe do to what they have bought: end it, keep it."""

from typing import Any

import stripe

from subscriptions.stripe import client
from subscriptions.stripe.errors import NotAtStripe
from subscriptions.stripe.shapes import StripeSubscription, subscription_from

WITH_INVOICE = ["latest_invoice"]


def look(*, subscription_id: str) -> StripeSubscription:
    """Return a subscription as it stands now; raises NotAtStripe, PaymentProviderUnavailable."""
    return subscription_from(_retrieve(subscription_id))


def cancel_at_period_end(*, subscription_id: str, idempotency_key: str) -> StripeSubscription:
    """Let a subscription end with the period that is paid; raises RefusedByStripe if it has ended."""
    return _update(subscription_id, {"cancel_at_period_end": True}, idempotency_key)


def cancel_now(*, subscription_id: str, idempotency_key: str) -> StripeSubscription:
    """End a subscription at once; one that has ended stays as it is."""
    try:
        ended = client.write(
            lambda stripe, options: stripe.v1.subscriptions.cancel(subscription_id, {}, options),
            idempotency_key=idempotency_key,
            patience=client.SOMEBODY_WAITS,
        )
    except NotAtStripe:  # Stripe says this of one that has been canceled, too
        return look(subscription_id=subscription_id)
    return subscription_from(ended.to_dict())


def keep(*, subscription_id: str, idempotency_key: str) -> StripeSubscription:
    """Take back that a subscription is to end; raises RefusedByStripe if it has.

    The portal sets only `cancel_at`, the API both: each is unset by its own name, and Stripe takes one of the two.
    """
    now = _retrieve(subscription_id)
    if now.get("cancel_at_period_end"):
        return _update(subscription_id, {"cancel_at_period_end": False}, idempotency_key)
    if now.get("cancel_at"):
        return _update(subscription_id, {"cancel_at": ""}, idempotency_key)
    return subscription_from(now)


def _retrieve(subscription_id: str) -> dict[str, Any]:
    return client.read(
        lambda stripe: stripe.v1.subscriptions.retrieve(subscription_id, {"expand": WITH_INVOICE}),
        patience=client.SOMEBODY_WAITS,
    ).to_dict()


def _update(subscription_id: str, changes: dict[str, Any], idempotency_key: str) -> StripeSubscription:
    wanted: Any = {**changes, "expand": WITH_INVOICE}

    def order(at: stripe.StripeClient, options: stripe.RequestOptions) -> stripe.Subscription:
        return at.v1.subscriptions.update(subscription_id, wanted, options)

    return subscription_from(
        client.write(order, idempotency_key=idempotency_key, patience=client.SOMEBODY_WAITS).to_dict()
    )
