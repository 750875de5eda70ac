"""What is owed to an endpoint: put down together with the event itself, unless a switch loses it."""

from __future__ import annotations

import random
import time
from fnmatch import fnmatchcase

from deploy.local.stripe import switches
from deploy.local.stripe.store import Json, Transaction


def add(tx: Transaction, event: Json, endpoint: str, switched: Json) -> None:
    """Owe an event to an endpoint. What is lost is put down as `dropped` and never sent."""
    status = "dropped" if _lost(tx, event["type"], switched) else "pending"
    tx.sql.execute(
        "INSERT INTO deliveries (event, endpoint, status, next_at) VALUES (?, ?, ?, ?)",
        # Deliveries go by real time, for they reach a real receiver, however far the clock was moved.
        (event["id"], endpoint, status, time.time() + switched["delivery_delay_ms"] / 1000),
    )


def _lost(tx: Transaction, event_type: str, switched: Json) -> bool:
    if any(fnmatchcase(event_type, wanted) for wanted in switched["drop_types"]):
        return True
    left = switches.read(tx)["drop_next"]
    if left:
        switches.write(tx, {"drop_next": left - 1})
        return True
    return random.random() < float(switched["drop_share"])  # noqa: S311 - no secret hangs on it
