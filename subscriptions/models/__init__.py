"""Tables of the subscriptions app."""

from subscriptions.models.billing_flag import BillingFlag, FlagKind
from subscriptions.models.checkout import CheckoutSession, CheckoutStatus
from subscriptions.models.invoice import CYCLE, Invoice, InvoiceStatus
from subscriptions.models.plan import Plan, PlanPrice
from subscriptions.models.reconcile_run import ReconcileRun, RunKind
from subscriptions.models.stripe_object import StripeObject, StripeObjectName
from subscriptions.models.stripe_operation import OperationKind, StripeOperation
from subscriptions.models.subscription import ENDED_STATUSES, LIVE_STATUSES, Subscription, SubscriptionStatus
from subscriptions.models.webhook_event import WebhookEvent, WebhookStatus

__all__ = [
    "CYCLE",
    "ENDED_STATUSES",
    "LIVE_STATUSES",
    "BillingFlag",
    "CheckoutSession",
    "CheckoutStatus",
    "FlagKind",
    "Invoice",
    "InvoiceStatus",
    "OperationKind",
    "Plan",
    "PlanPrice",
    "ReconcileRun",
    "RunKind",
    "StripeObject",
    "StripeObjectName",
    "StripeOperation",
    "Subscription",
    "SubscriptionStatus",
    "WebhookEvent",
    "WebhookStatus",
]
