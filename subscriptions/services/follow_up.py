"""What follows when a customer had Stripe change a subscription: it is written down, looked at again, and shown.

Our row is left to `subscription_sync`, which a job and Stripe's event lead to: it mails and passes on what is new, and
would find nothing new in a row that says so already.
"""

from typing import Any
from uuid import UUID

from config.kernel import tasks
from config.kernel.tenancy import organization_context
from subscriptions.models import Subscription
from subscriptions.stripe.shapes import StripeSubscription
from users.services import audit


def record(*, subscription: Subscription, actor_id: UUID | None, action: str, **facts: Any) -> None:
    """Write down what a customer wants of a subscription; in its organization's context."""
    audit.record(
        action=action,
        organization_id=subscription.organization_id,
        object_type="subscription",
        object_id=subscription.id,
        actor_id=actor_id,
        **facts,
    )


def note(*, subscription: Subscription, actor_id: UUID | None, action: str, **facts: Any) -> None:
    """Write down what Stripe was had to do, and have the worker look at the subscription."""
    with organization_context(subscription.organization_id):
        record(subscription=subscription, actor_id=actor_id, action=action, **facts)
        tasks.enqueue("subscriptions.refresh", stripe_subscription_id=subscription.stripe_subscription_id)


def shown(*, subscription: Subscription, told: StripeSubscription) -> Subscription:
    """Return the subscription as Stripe has just told it, to be shown and not saved."""
    subscription.status = told.status
    subscription.current_period_start = told.current_period_start
    subscription.current_period_end = told.current_period_end
    subscription.cancel_at_period_end = told.cancel_at_period_end
    subscription.cancel_at = told.cancel_at
    subscription.ended_at = told.ended_at
    return subscription
