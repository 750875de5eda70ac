"""Tables of the subscriptions app."""

from subscriptions.models.checkout import CheckoutSession, CheckoutStatus
from subscriptions.models.plan import Plan
from subscriptions.models.stripe_operation import OperationKind, StripeOperation
from subscriptions.models.subscription import LIVE_STATUSES, Subscription, SubscriptionStatus
from subscriptions.models.webhook_event import WebhookEvent, WebhookStatus

__all__ = [
    "LIVE_STATUSES",
    "CheckoutSession",
    "CheckoutStatus",
    "OperationKind",
    "Plan",
    "StripeOperation",
    "Subscription",
    "SubscriptionStatus",
    "WebhookEvent",
    "WebhookStatus",
]
