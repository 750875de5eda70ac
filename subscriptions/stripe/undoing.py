"""Has Stripe undo what should not have happened: cancel a subscription, pay a payment back."""

from contextlib import suppress

from subscriptions.stripe import client
from subscriptions.stripe.errors import NotAtStripe, RefusedByStripe


def cancel_now(*, subscription_id: str, idempotency_key: str) -> str:
    """End a subscription at once and let nothing more be charged for it; return its id. One that has ended stays so."""
    with suppress(NotAtStripe):  # Stripe says this of one that has been canceled, too
        client.write(
            lambda stripe, options: stripe.v1.subscriptions.cancel(subscription_id, {}, options),
            idempotency_key=idempotency_key,
        )
    return subscription_id


def refund(*, payment_intent_id: str, idempotency_key: str) -> str:
    """Pay all of a payment back; return the refund's id, or "" when it was paid back already."""
    try:
        made = client.write(
            lambda stripe, options: stripe.v1.refunds.create(
                {"payment_intent": payment_intent_id, "reason": "duplicate"}, options
            ),
            idempotency_key=idempotency_key,
        )
    except RefusedByStripe as error:
        if "charge_already_refunded" not in str(error):
            raise
        return ""
    return made.id
