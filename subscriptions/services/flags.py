"""Puts before a person what no rule should decide alone."""

from django.db.models import QuerySet

from config.kernel.ids import new_id
from subscriptions.models import BillingFlag, FlagKind, Subscription
from users.services import audit


def put_up(*, subscription: Subscription, kind: FlagKind, stripe_object_id: str) -> bool:
    """Flag something of a subscription for an admin, once for each object at Stripe; return whether it is new.

    In the context and transaction of what is flagged.
    """
    row = BillingFlag(
        id=new_id(),
        organization_id=subscription.organization_id,
        subscription=subscription,
        kind=kind,
        stripe_object_id=stripe_object_id,
    )
    BillingFlag.objects.bulk_create([row], ignore_conflicts=True)
    is_new = BillingFlag.objects.filter(id=row.id).exists()
    if is_new:
        audit.record(
            action="BILLING_FLAGGED",
            organization_id=subscription.organization_id,
            object_type="subscription",
            object_id=subscription.id,
            kind=kind.value,
            stripe_object_id=stripe_object_id,
        )
    return is_new


def list_open() -> QuerySet[BillingFlag]:
    """Return what nobody has looked at yet, newest first; in an organization's context or from the system door."""
    return BillingFlag.objects.filter(resolved_at=None).select_related("subscription")
