"""A second live subscription of one organization: it is never ours, so it is canceled and paid back.

The one that is kept is the one we knew first: it has issued the licence, which machines use already. A partial unique
constraint (`one_live_subscription`) holds this, whatever the code does.
"""

from functools import partial
from uuid import UUID

from config.kernel import tasks
from config.kernel.tenancy import organization_context
from subscriptions.models import LIVE_STATUSES, FlagKind, OperationKind, Subscription
from subscriptions.selectors import find_live_subscription, get_subscription
from subscriptions.services import flags, operations
from subscriptions.stripe import reads, undoing


def mark(*, subscription: Subscription) -> bool:
    """Mark a subscription that is live beside another as its duplicate; return whether it is marked now.

    In the organization's lock, before the row is saved.
    """
    if subscription.duplicate_of_id is not None or subscription.status not in LIVE_STATUSES:
        return False
    kept = find_live_subscription()
    if kept is None or kept.id == subscription.id:
        return False
    subscription.duplicate_of = kept
    return True


def dispose_of(*, subscription: Subscription) -> None:
    """Flag a duplicate and have it undone at Stripe; in the transaction that found it."""
    flags.put_up(
        subscription=subscription,
        kind=FlagKind.DUPLICATE_SUBSCRIPTION,
        stripe_object_id=subscription.stripe_subscription_id,
    )
    tasks.enqueue(
        "subscriptions.undo_duplicate", organization_id=subscription.organization_id, subscription_id=subscription.id
    )


def undo(*, organization_id: UUID, subscription_id: UUID) -> None:
    """Cancel a duplicate at Stripe and pay back what it took; run by a job, and again as often as need be."""
    with organization_context(organization_id):
        stripe_id = get_subscription(subscription_id=subscription_id).stripe_subscription_id
    operations.carry_out(
        organization_id=organization_id,
        kind=OperationKind.CANCEL_DUPLICATE,
        about=stripe_id,
        order=lambda key: undoing.cancel_now(subscription_id=stripe_id, idempotency_key=key),
    )
    for payment_intent_id in reads.list_payments(subscription_id=stripe_id):
        operations.carry_out(
            organization_id=organization_id,
            kind=OperationKind.REFUND_DUPLICATE,
            about=payment_intent_id,
            order=partial(_refund, payment_intent_id),
        )


def _refund(payment_intent_id: str, key: str) -> str:
    return undoing.refund(payment_intent_id=payment_intent_id, idempotency_key=key)
