"""The billing portal at Stripe: how it is set up, and links into it."""

import hashlib
import json
from typing import Any

import stripe

from config.kernel.ids import new_id
from subscriptions.stripe import client, reads
from subscriptions.stripe.errors import NotAtStripe

MARK = "coditect_portal_of"
"""The metadata by which our configuration is known again; its value is the address of the service it belongs to."""
FEATURES: dict[str, Any] = {
    "payment_method_update": {"enabled": True},
    "invoice_history": {"enabled": True},
    "subscription_cancel": {"enabled": True, "mode": "at_period_end", "proration_behavior": "none"},
    # A change of plan here would pass the check of seats by, and what a customer is called we would not follow.
    "subscription_update": {"enabled": False},
    "subscription_pause": {"enabled": False},
    "customer_update": {"enabled": False},
}


def ensure_configuration(*, known_id: str | None, service_url: str) -> str:
    """Return the id of this service's configuration, made or brought up to date; of several, the oldest.

    Two who make it at once are given one: they ask under one key. Raises RefusedByStripe, PaymentProviderUnavailable.
    """
    found = _known(known_id) or _marked(service_url)
    wanted: Any = {
        "features": FEATURES,
        "login_page": {"enabled": False},
        "default_return_url": service_url,
        "metadata": {MARK: service_url},
    }
    if found is None:
        made = client.write(
            lambda at, options: at.v1.billing_portal.configurations.create(wanted, options),
            idempotency_key=f"portal:{hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()}",
        )
        return made.id
    configuration_id = str(found["id"])
    wanted["active"] = True
    if not _has(found, wanted):
        # It is asked for a state: again, or by two at once, it comes to the same.
        client.write(
            lambda at, options: at.v1.billing_portal.configurations.update(configuration_id, wanted, options),
            idempotency_key=str(new_id()),
        )
    return configuration_id


def open_session(*, configuration_id: str, customer_id: str, return_url: str, idempotency_key: str) -> str:
    """Return the address of the customer's portal, good for a few minutes; raises NotAtStripe, RefusedByStripe."""
    wanted: Any = {"configuration": configuration_id, "customer": customer_id, "return_url": return_url}

    def order(at: stripe.StripeClient, options: stripe.RequestOptions) -> stripe.billing_portal.Session:
        return at.v1.billing_portal.sessions.create(wanted, options)

    return client.write(order, idempotency_key=idempotency_key, patience=client.SOMEBODY_WAITS).url


def _known(configuration_id: str | None) -> dict[str, Any] | None:
    if configuration_id is None:
        return None
    try:
        return client.read(lambda at: at.v1.billing_portal.configurations.retrieve(configuration_id)).to_dict()
    except NotAtStripe:  # the account is another one now
        return None


def _marked(service_url: str) -> dict[str, Any] | None:
    """Return the oldest of the configurations that are marked as this service's."""
    listed = reads.pages(lambda page: lambda at: at.v1.billing_portal.configurations.list(page))
    ours = [one for one in listed if (one.get("metadata") or {}).get(MARK) == service_url]
    return ours[-1] if ours else None  # the newest come first


def _has(found: Any, wanted: Any) -> bool:
    """Return whether something is as wanted; what is not mentioned may be as it likes."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_has(found.get(name), value) for name, value in wanted.items())
    return bool(found == wanted)
