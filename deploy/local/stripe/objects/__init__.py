"""One module per resource: its shape, its rules, its routes; `OPERATIONS` is the whole API."""

from deploy.local.stripe.objects import (
    checkout_sessions,
    customers,
    events,
    invoice_items,
    invoices,
    portal_sessions,
    prices,
    products,
    subscriptions,
)

OPERATIONS = (
    *customers.OPERATIONS,
    *products.OPERATIONS,
    *prices.OPERATIONS,
    *checkout_sessions.OPERATIONS,
    *subscriptions.OPERATIONS,
    *invoice_items.OPERATIONS,
    *invoices.OPERATIONS,
    *portal_sessions.OPERATIONS,
    *events.OPERATIONS,
)
