"""How visits to Stripe's Checkout page came out."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Value
from django.db.models.functions import Least, Now

from config.kernel.tenancy import organization_context, system_context
from subscriptions.models import CheckoutSession, CheckoutStatus, Subscription


def complete(stripe_session_id: str, subscription: Subscription, *, paid_at: datetime | None) -> None:
    """Say what a visit bought, and when; in the transaction that wrote the subscription.

    A duplicate leads to the one kept. News that comes late does not make the payment a late one.
    """
    CheckoutSession.objects.filter(stripe_session_id=stripe_session_id).exclude(status=CheckoutStatus.COMPLETED).update(
        status=CheckoutStatus.COMPLETED,
        subscription=subscription.duplicate_of or subscription,
        completed_at=Least(Now(), Value(paid_at)) if paid_at else Now(),
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
