"""Disturbances of webhooks and answers that a test can turn on; kept, so a restart does not mend what a test broke."""

from __future__ import annotations

import json
from typing import Any

from deploy.local.stripe.store import Json, Transaction

OFF: Json = {
    "paused": False,  # nothing is delivered until it is off again
    "duplicate": False,  # every new event is delivered twice
    "twin": False,  # every new event has a twin: another id, the same fact
    "reverse": False,  # newest first, one at a time
    "shuffle": False,  # in no order at all, one at a time
    "delivery_delay_ms": 0,  # how long each new delivery waits at least
    "drop_next": 0,  # how many of the next deliveries are lost for good
    "drop_share": 0.0,  # which share of the new deliveries is lost for good
    "drop_types": [],  # events of these types (`invoice.*`) are lost for good
    "livemode": False,  # new events say that they are of live mode
    "api_delay_ms": 0,  # how long each API call takes at least
    "step_delay_ms": 0,  # how long each step of the clock takes at least
}


def read(tx: Transaction) -> Json:
    """All switches as they stand."""
    row = tx.sql.execute("SELECT value FROM meta WHERE name = 'switches'").fetchone()
    return OFF | (json.loads(row["value"]) if row else {})


def write(tx: Transaction, given: object) -> Json | None:
    """Change the given switches; None (and no change) when one is unknown or makes no sense."""
    if not isinstance(given, dict) or not all(_sensible(name, value) for name, value in given.items()):
        return None
    now = read(tx) | given
    tx.sql.execute("INSERT OR REPLACE INTO meta VALUES ('switches', ?)", (json.dumps(now),))
    return now


def _sensible(name: str, value: Any) -> bool:
    kind = type(OFF.get(name))
    if kind is float:
        return type(value) in (int, float) and 0 <= value <= 1
    if kind is int:
        return type(value) is int and value >= 0
    if kind is list:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return type(value) is kind
