"""How visits to Stripe's Checkout page came out."""

from collections.abc import Callable

from django.db.models.functions import Now

from config.kernel.tenancy import organization_context, system_context
from subscriptions.models import CheckoutSession, CheckoutStatus, Subscription


def complete(stripe_session_id: str, subscription: Subscription) -> None:
    """Say what a visit bought; in the transaction that wrote the subscription. A duplicate leads to the one kept."""
    CheckoutSession.objects.filter(stripe_session_id=stripe_session_id).exclude(status=CheckoutStatus.COMPLETED).update(
        status=CheckoutStatus.COMPLETED, subscription=subscription.duplicate_of or subscription, completed_at=Now()
    )


def expire(*, stripe_session_id: str, then: Callable[[], None]) -> None:
    """Say that a visit came to nothing, unless it did come to something; `then` belongs to the same transaction."""
    with system_context(reason="find whose checkout session expired"):
        found = CheckoutSession.objects.filter(stripe_session_id=stripe_session_id).first()
    if found is None:
        then()
        return
    with organization_context(found.organization_id):
        CheckoutSession.objects.filter(id=found.id, status=CheckoutStatus.OPEN).update(status=CheckoutStatus.EXPIRED)
        then()
