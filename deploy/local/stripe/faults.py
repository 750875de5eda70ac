"""Faults that a test can order: the next calls to a path fail, at once or slowly, before or after their effect."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from deploy.local.stripe.errors import ApiError
from deploy.local.stripe.store import Json, Transaction

ANSWERS = (409, 429, 500, 503)
BLANK: Json = {
    "answer": 500,  # the status of the answer
    "method": "*",
    "path": "/v1/*",
    "times": 1,  # how many calls meet it
    "commit": False,  # whether the call takes effect all the same: an answer lost on its way
    "seconds": 0,  # how long the answer is held back: a time-out, for whoever does not wait that long
}


@dataclass(frozen=True)
class Fault:
    """What one call meets."""

    answer: int
    commit: bool
    seconds: float

    def strike(self) -> ApiError:
        """Hold the answer back as long as was ordered; then what it is."""
        time.sleep(self.seconds)
        if self.answer == 429:
            message, kind, code = "Request rate limit exceeded.", "invalid_request_error", "rate_limit"
        elif self.answer == 409:
            message, kind, code = "This object cannot be accessed right now.", "invalid_request_error", "lock_timeout"
        else:
            return ApiError(self.answer, "An error that was ordered occurred.", kind="api_error")
        return ApiError(self.answer, message, kind=kind, code=code)


def ordered(tx: Transaction) -> list[Json]:
    """The faults that calls will still meet, oldest first."""
    row = tx.sql.execute("SELECT value FROM meta WHERE name = 'faults'").fetchone()
    found: list[Json] = json.loads(row["value"]) if row else []
    return found


def order(tx: Transaction, given: object) -> Json | None:
    """Order one more; None when it makes no sense."""
    if not isinstance(given, dict) or not all(_sensible(name, value) for name, value in given.items()):
        return None
    fault = BLANK | given
    _write(tx, [*ordered(tx), fault])
    return fault


def clear(tx: Transaction) -> None:
    """No more faults."""
    _write(tx, [])


def meet(tx: Transaction, method: str, path: str) -> Fault | None:
    """The fault that this call meets, if any; it is then one less."""
    waiting = ordered(tx)
    for fault in waiting:
        if fnmatchcase(method, fault["method"]) and fnmatchcase(path, fault["path"]):
            fault["times"] -= 1
            _write(tx, [each for each in waiting if each["times"] > 0])
            return Fault(fault["answer"], fault["commit"], fault["seconds"])
    return None


def _write(tx: Transaction, faults: list[Json]) -> None:
    tx.sql.execute("INSERT OR REPLACE INTO meta VALUES ('faults', ?)", (json.dumps(faults),))


def _sensible(name: str, value: Any) -> bool:
    if name == "answer":
        return type(value) is int and value in ANSWERS
    if name in ("method", "path"):
        return isinstance(value, str)
    if name == "times":
        return type(value) is int and value > 0
    if name == "commit":
        return type(value) is bool
    return name == "seconds" and type(value) in (int, float) and 0 <= value <= 120
