"""One module per resource: its shape, its rules, its routes; `OPERATIONS` is the whole API."""

from deploy.local.stripe.context import Operation
from deploy.local.stripe.objects import (
    charges,
    checkout_sessions,
    customers,
    disputes,
    events,
    invoice_changes,
    invoice_items,
    invoice_payments,
    invoices,
    payment_intents,
    payment_methods,
    portal_sessions,
    previews,
    prices,
    products,
    refunds,
    subscriptions,
)

OPERATIONS: tuple[Operation, ...] = (
    *customers.OPERATIONS,
    *products.OPERATIONS,
    *prices.OPERATIONS,
    *checkout_sessions.OPERATIONS,
    *subscriptions.OPERATIONS,
    *invoice_items.OPERATIONS,
    *previews.OPERATIONS,
    *invoices.OPERATIONS,
    *invoice_changes.OPERATIONS,
    *invoice_payments.OPERATIONS,
    *payment_methods.OPERATIONS,
    *payment_intents.OPERATIONS,
    *charges.OPERATIONS,
    *refunds.OPERATIONS,
    *disputes.OPERATIONS,
    *portal_sessions.OPERATIONS,
    *events.OPERATIONS,
)
