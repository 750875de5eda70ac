"""Reads Stripe's objects, of today's shape or an older one, into plain facts; nothing else knows a field's path."""

from subscriptions.stripe.shapes.checkout import StripeCheckout, checkout_from
from subscriptions.stripe.shapes.event import StripeEvent, event_from, invoice_id_of, subscription_id_of
from subscriptions.stripe.shapes.invoice import StripeInvoice, invoice_from
from subscriptions.stripe.shapes.payment import StripeCharge, StripeDispute, charge_from, dispute_from
from subscriptions.stripe.shapes.subscription import StripeSubscription, subscription_from

__all__ = [
    "StripeCharge",
    "StripeCheckout",
    "StripeDispute",
    "StripeEvent",
    "StripeInvoice",
    "StripeSubscription",
    "charge_from",
    "checkout_from",
    "dispute_from",
    "event_from",
    "invoice_from",
    "invoice_id_of",
    "subscription_from",
    "subscription_id_of",
]
