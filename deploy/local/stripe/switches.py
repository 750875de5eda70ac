"""Disturbances a test can turn on: deliveries held back, doubled or reversed, API answers slowed down."""

from __future__ import annotations

import json

from deploy.local.stripe.store import Json, Transaction

OFF: Json = {
    "paused": False,  # nothing is delivered until it is off again
    "duplicate": False,  # every new event is delivered twice
    "reverse": False,  # newest first, one at a time
    "api_delay_ms": 0,  # how long each API call takes at least
    "step_delay_ms": 0,  # how long each step of the clock takes at least
}


def read(tx: Transaction) -> Json:
    """All switches as they stand; they are kept, so a restart does not mend what a test broke."""
    row = tx.sql.execute("SELECT value FROM meta WHERE name = 'switches'").fetchone()
    return OFF | (json.loads(row["value"]) if row else {})


def write(tx: Transaction, given: object) -> Json | None:
    """Change the given switches; None (and no change) when one is unknown or of the wrong type."""
    if not isinstance(given, dict) or any(type(OFF.get(name)) is not type(value) for name, value in given.items()):
        return None
    now = read(tx) | given
    tx.sql.execute("INSERT OR REPLACE INTO meta VALUES ('switches', ?)", (json.dumps(now),))
    return now
