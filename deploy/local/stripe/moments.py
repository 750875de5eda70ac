"""Whose time it is: that of a customer's test clock, or the stand-in's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.local.stripe import clock
from deploy.local.stripe.store import Json, Transaction

# These carry the clock of their customer, so that what is due on it is found.
WITH_CLOCK = ("subscription", "invoice", "invoiceitem")


def of_customer(tx: Transaction, customer: str | None) -> int:
    """The moment it is for a customer (or, without one, at all), in seconds."""
    test_clock = _test_clock(tx, customer)
    return clock.now(tx) if test_clock is None else int(test_clock["frozen_time"])


def of_call(tx: Transaction, path: str, ids: Mapping[str, Any], params: Mapping[str, Any]) -> int:
    """The moment at which an API call happens; Checkout sessions go by no test clock, as at Stripe."""
    if path.startswith("/v1/checkout"):
        return clock.now(tx)
    named = [*ids.values(), params.get("customer"), params.get("subscription"), params.get("charge")]
    for each in named:
        doc = tx.find(each) if isinstance(each, str) else None
        customer = doc and (doc["id"] if doc["object"] == "customer" else doc.get("customer"))
        if customer:
            return of_customer(tx, customer)
    return clock.now(tx)


def _test_clock(tx: Transaction, customer: str | None) -> Json | None:
    doc = tx.find(customer, "customer") if customer else None
    return tx.find(doc["test_clock"]) if doc and doc.get("test_clock") else None


def put_on(tx: Transaction, customer: Json, test_clock: str) -> None:
    """From now on the customer, and all that is billed to it, goes by this clock."""
    tx.update({**customer, "test_clock": test_clock})
    for kind in WITH_CLOCK:
        for doc in tx.select(kind, "json_extract(doc, '$.customer') = ?", (customer["id"],)):
            tx.update({**doc, "test_clock": test_clock})
