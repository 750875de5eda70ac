"""The one webhook endpoint that the command line names: who is told, what, and with which secret."""

from __future__ import annotations

from deploy.local.stripe import clock
from deploy.local.stripe.context import API_VERSION
from deploy.local.stripe.store import Json, Store, Transaction

ENDPOINT_ID = "we_standin"
# What the product subscribes to (what `stripe_events` applies); Stripe sends an endpoint nothing else.
SUBSCRIBED = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.refunded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
    "invoice.finalization_failed",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
)


def speak(tx: Transaction, version: str) -> None:
    """Deliver in the shapes of this API version from now on; the next start speaks the pinned one again."""
    endpoint = tx.find(ENDPOINT_ID)
    if endpoint is not None:
        tx.update({**endpoint, "api_version": version})


def register(store: Store, url: str, secret: str) -> None:
    """Make the endpoint what this run was told; what earlier runs still owe goes to the new address."""
    endpoint: Json = {
        "id": ENDPOINT_ID,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": 0,
        "description": "From the stand-in's command line",
        "enabled_events": list(SUBSCRIBED),
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }
    with store.transaction() as tx:
        known = tx.find(ENDPOINT_ID)
        if known is None:
            tx.insert({**endpoint, "created": clock.now(tx)})
        else:
            tx.update({**endpoint, "created": known["created"]})
        tx.set_hidden(ENDPOINT_ID, {"secret": secret})
