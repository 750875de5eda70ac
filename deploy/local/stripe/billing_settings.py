"""What Stripe lets an account decide about billing: how often a failed payment is retried, and what comes after."""

from __future__ import annotations

import json
from typing import Any

from deploy.local.stripe.store import Json, Transaction

AFTER_LAST_RETRY = ("canceled", "unpaid", "past_due")
DEFAULTS: Json = {
    # Days between one failed attempt and the next: 4 attempts within 15 days of the period's end.
    "retry_days": [3, 5, 7],
    "after_last_retry": "canceled",
    # How long a renewal's invoice stays a draft before it is finalized and charged: an hour at Stripe.
    "draft_seconds": 3600,
    # Whether renewals cannot be finalized, as when automatic tax cannot tell where a customer is.
    "finalization_fails": False,
}


def read(tx: Transaction) -> Json:
    """All settings; they are kept."""
    row = tx.sql.execute("SELECT value FROM meta WHERE name = 'billing'").fetchone()
    return DEFAULTS | (json.loads(row["value"]) if row else {})


def write(tx: Transaction, given: object) -> Json | None:
    """Change the given settings; None (and no change) when one is unknown or makes no sense."""
    if not isinstance(given, dict) or not all(_sensible(name, value) for name, value in given.items()):
        return None
    settings = read(tx) | given
    tx.sql.execute("INSERT OR REPLACE INTO meta VALUES ('billing', ?)", (json.dumps(settings),))
    return settings


def _sensible(name: str, value: Any) -> bool:
    if name == "retry_days":
        return isinstance(value, list) and all(type(days) is int and 0 < days <= 60 for days in value)
    if name == "after_last_retry":
        return value in AFTER_LAST_RETRY
    if name == "finalization_fails":
        return type(value) is bool
    return name == "draft_seconds" and type(value) is int and 0 <= value <= 72 * 3600
