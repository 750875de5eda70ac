"""Ending a subscription, at the end of what is paid or at once, and taking that back before it has ended.

Each asks Stripe for a state, not for a step: asked for twice, or by two at once, it is there once. So the keys under
which Stripe is asked need not outlive the request.
"""

from uuid import UUID

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from subscriptions.errors import SubscriptionEnded
from subscriptions.models import ENDED_STATUSES, Subscription
from subscriptions.selectors import get_subscription
from subscriptions.services import follow_up, plan_wishes
from subscriptions.stripe import customer_wishes, plan_prices
from subscriptions.stripe.errors import NotAtStripe, RefusedByStripe


def cancel(*, organization_id: UUID, user_id: UUID | None, subscription_id: UUID, at_period_end: bool) -> Subscription:
    """End a subscription with its period or, without refund, at once; one that has ended is returned as it is.

    Its licence ends when the worker has been told. Raises SubscriptionNotFound, SubscriptionEnded (Stripe has forgotten
    it), PaymentProviderUnavailable.
    """
    subscription = _find(organization_id, subscription_id)
    if subscription.status in ENDED_STATUSES:
        return subscription
    order = customer_wishes.cancel_at_period_end if at_period_end else customer_wishes.cancel_now
    stripe_id = subscription.stripe_subscription_id
    try:
        if not at_period_end and plan_wishes.awaits_payment(subscription):
            # Or its invoice would stay open, to be paid for nothing.
            plan_prices.withdraw(subscription_id=stripe_id, idempotency_key=str(new_id()))
        told = order(subscription_id=stripe_id, idempotency_key=str(new_id()))
    except RefusedByStripe:  # it has ended, and we are about to be told
        told = customer_wishes.look(subscription_id=stripe_id)
    except NotAtStripe as unknown:
        raise SubscriptionEnded from unknown
    follow_up.note(
        subscription=subscription,
        actor_id=user_id,
        action="SUBSCRIPTION_CANCEL_REQUESTED",
        at_period_end=at_period_end,
    )
    return follow_up.shown(subscription=subscription, told=told)


def resume(*, organization_id: UUID, user_id: UUID, subscription_id: UUID) -> Subscription:
    """Take back that a subscription is to end; one that goes on anyway is returned as it is.

    Raises SubscriptionNotFound, SubscriptionEnded, PaymentProviderUnavailable.
    """
    subscription = _find(organization_id, subscription_id)
    if subscription.status in ENDED_STATUSES:
        raise SubscriptionEnded
    try:
        told = customer_wishes.keep(subscription_id=subscription.stripe_subscription_id, idempotency_key=str(new_id()))
    except (NotAtStripe, RefusedByStripe) as refusal:
        raise SubscriptionEnded from refusal
    if told.status in ENDED_STATUSES:
        raise SubscriptionEnded
    follow_up.note(subscription=subscription, actor_id=user_id, action="SUBSCRIPTION_RESUMED")
    return follow_up.shown(subscription=subscription, told=told)


def _find(organization_id: UUID, subscription_id: UUID) -> Subscription:
    with organization_context(organization_id):
        return get_subscription(subscription_id=subscription_id)
