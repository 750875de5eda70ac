"""Idempotency keys: the first answer to a key is given again, another request under it is refused."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deploy.local.stripe.errors import ApiError, invalid
from deploy.local.stripe.store import Transaction

KEEP_SECONDS = 24 * 3600
MAX_KEY_LENGTH = 255


@dataclass(frozen=True)
class SavedAnswer:
    """The answer that a key got the first time."""

    status: int
    body: str
    request_id: str


class KeysInFlight:
    """The keys of requests that are being worked on now: a second one under the same key gets 409, as at Stripe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Keep the key to ourselves for the block; ApiError 409 when someone else has it."""
        with self._lock:
            if key in self._keys:
                raise invalid(
                    "There is currently another in-progress request using this Idempotent Key (that probably means you "
                    "submitted twice, and the other request is still going through). Please try again later.",
                    code="idempotency_key_in_use",
                    status=409,
                )
            self._keys.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(key)


def check_key(key: str) -> None:
    """Refuse keys longer than Stripe takes."""
    if len(key) > MAX_KEY_LENGTH:
        raise invalid(f"Idempotency-Key must be at most {MAX_KEY_LENGTH} characters.")


def fingerprint(method: str, path: str, params: dict[str, Any]) -> str:
    """What makes two requests the same: method, path and parameters, whatever their order."""
    text = json.dumps([method, path, params], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def recall(tx: Transaction, key: str, wanted: str, now: int) -> SavedAnswer | None:
    """The saved answer of this key, None when it is new; `idempotency_error` when it belongs to another request."""
    tx.sql.execute("DELETE FROM idempotency WHERE created < ?", (now - KEEP_SECONDS,))
    row = tx.sql.execute("SELECT * FROM idempotency WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    if row["fingerprint"] != wanted:
        raise ApiError(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    return SavedAnswer(row["status"], row["body"], row["request_id"])


def save(tx: Transaction, key: str, wanted: str, status: int, body: str, request_id: str, now: int) -> None:
    """Keep the answer of an operation that was begun, also when it is an error (Stripe keeps 500s too)."""
    tx.sql.execute(
        "INSERT INTO idempotency (key, fingerprint, status, body, request_id, created) VALUES (?, ?, ?, ?, ?, ?)",
        (key, wanted, status, body, request_id, now),
    )
