"""What Stripe's objects look like now; raises NotAtStripe, PaymentProviderUnavailable."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from subscriptions.stripe import client
from subscriptions.stripe.client import Patience
from subscriptions.stripe.shapes import (
    StripeCharge,
    StripeDispute,
    StripeInvoice,
    StripeSubscription,
    charge_from,
    dispute_from,
    invoice_from,
    subscription_from,
)
from subscriptions.stripe.shapes.fields import id_of

PAGE = 100
TYPES_AT_ONCE = 20
"""How many types of events Stripe may be asked for in one list; it takes names only, no patterns."""


def fetch_subscription(*, subscription_id: str, patience: Patience = client.NOBODY_WAITS) -> StripeSubscription:
    """Return a subscription as it stands at Stripe now, with its latest invoice."""
    return subscription_from(
        client.read(
            lambda stripe: stripe.v1.subscriptions.retrieve(subscription_id, {"expand": ["latest_invoice"]}),
            patience=patience,
        ).to_dict()
    )


def fetch_invoice(*, invoice_id: str) -> StripeInvoice:
    """Return an invoice as it stands at Stripe now."""
    return invoice_from(client.read(lambda stripe: stripe.v1.invoices.retrieve(invoice_id)).to_dict())


def fetch_charge(*, charge_id: str) -> StripeCharge:
    """Return a charge as it stands at Stripe now."""
    return charge_from(client.read(lambda stripe: stripe.v1.charges.retrieve(charge_id)).to_dict())


def fetch_dispute(*, dispute_id: str) -> StripeDispute:
    """Return a dispute as it stands at Stripe now."""
    return dispute_from(client.read(lambda stripe: stripe.v1.disputes.retrieve(dispute_id)).to_dict())


def find_invoice_of(*, charge: StripeCharge) -> str | None:
    """Return the id of the invoice that a charge paid, or None when it paid none."""
    if charge.invoice_id is not None or charge.payment_intent_id is None:
        return charge.invoice_id
    intent = charge.payment_intent_id
    found = client.read(
        lambda stripe: stripe.v1.invoice_payments.list(
            {"payment": {"type": "payment_intent", "payment_intent": intent}, "limit": 1}
        )
    ).data
    return id_of(found[0].to_dict()["invoice"]) if found else None


def list_payments(*, subscription_id: str) -> list[str]:
    """Return the ids of the payment intents that paid something for a subscription."""
    found: list[str] = []
    for invoice in pages(
        lambda page: lambda stripe: stripe.v1.invoices.list({"subscription": subscription_id, **page})
    ):
        if not invoice.get("amount_paid"):
            continue
        found += _intents_of(invoice["id"])
    return found


def _intents_of(invoice_id: str) -> list[str]:
    payments = client.read(
        lambda stripe: stripe.v1.invoice_payments.list({"invoice": invoice_id, "status": "paid", "limit": PAGE})
    ).data
    intents = [id_of(payment.to_dict()["payment"].get("payment_intent")) for payment in payments]
    return [intent for intent in intents if intent is not None]


def list_subscriptions() -> Iterator[StripeSubscription]:
    """Return every subscription there is, ended ones included, each with its latest invoice."""
    listed = pages(
        lambda page: (
            lambda stripe: stripe.v1.subscriptions.list({"status": "all", "expand": ["data.latest_invoice"], **page})
        )
    )
    return (subscription_from(one) for one in listed)


def list_events(*, types: Sequence[str], since: datetime) -> Iterator[dict[str, Any]]:
    """Return the events of these types since a moment, as they would be posted; Stripe keeps them for 30 days."""
    span: Any = {"gte": int(since.timestamp())}
    for first in range(0, len(types), TYPES_AT_ONCE):
        asked = list(types[first : first + TYPES_AT_ONCE])
        for event in pages(_listing({"types": asked, "created": span})):
            # The SDK makes numbers of what travels as text ("2900.5"); as text it is what would have been posted.
            yield json.loads(json.dumps(event, default=str))


def _listing(wanted: dict[str, Any]) -> Any:
    return lambda page: lambda stripe: stripe.v1.events.list({**wanted, **page})


def pages(asked: Any) -> Iterator[dict[str, Any]]:
    """Walk a list of Stripe's page by page; each page is a request of its own, with its own retries."""
    page: dict[str, Any] = {"limit": PAGE}
    while True:
        listed = client.read(asked(page))
        rows = [one.to_dict() for one in listed.data]
        yield from rows
        if not listed.has_more or not rows:
            return
        page["starting_after"] = rows[-1]["id"]
