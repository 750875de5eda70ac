"""Sends owed events to their endpoints, signed, again and again with growing pauses until a 2xx comes back."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import sqlite3
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from deploy.local.stripe import older_shapes, switches
from deploy.local.stripe.store import Json, Store, Transaction

log = logging.getLogger(__name__)

# Stripe tries for up to three days with growing pauses; here the first ones are short, so nobody waits for a restart.
PAUSES = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)
LAST_PAUSE = 3600
GIVE_UP_AFTER = 72 + len(PAUSES)
TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.1
SENDERS = 4


@dataclass(frozen=True)
class Due:
    """One event owed to one endpoint."""

    seq: int
    attempts: int
    event: Json
    url: str
    secret: str


def signature(body: bytes, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over `timestamp.body`, keyed with the endpoint's secret."""
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"


def post(url: str, body: bytes, secret: str) -> int:
    """Deliver one body; the status of the answer. OSError or HTTPException when there is none in time."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=TIMEOUT_SECONDS)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature(body, secret, int(time.time())),
        "User-Agent": "Stripe/1.0 (local stand-in)",
    }
    try:
        connection.request("POST", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


class Deliveries:
    """The sending half of the webhooks; owed deliveries live in the store, so a restart goes on where it stopped."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="deliveries", daemon=True)
        self._busy: set[int] = set()
        self._busy_lock = threading.Lock()

    def start(self) -> None:
        """Begin sending in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more; what is on its way is abandoned and will be sent again by the next run."""
        self._stopping.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            try:
                taken = self._take()
            except sqlite3.Error:
                # A full disk must not end deliveries for good: the next round tries again.
                log.exception("cannot read what is owed")
                continue
            for due in taken:
                # Daemons, not a pool: a receiver that hangs must not hold up the end of the process.
                threading.Thread(target=self._deliver, args=(due,), name="sender", daemon=True).start()

    def _take(self) -> list[Due]:
        """What is due now and not on its way; at most as many as there are senders, so order mostly holds."""
        with self._store.transaction() as tx, self._busy_lock:
            switched = switches.read(tx)
            free = (1 if switched["reverse"] or switched["shuffle"] else SENDERS) - len(self._busy)
            if free <= 0 or switched["paused"]:
                return []
            order = "random()" if switched["shuffle"] else "seq DESC" if switched["reverse"] else "seq"
            rows = tx.sql.execute(
                f"SELECT * FROM deliveries WHERE status = 'pending' AND next_at <= ? ORDER BY {order} LIMIT ?",  # noqa: S608
                (time.time(), SENDERS * 2),
            )
            taken: list[Due] = []
            for row in rows:
                if row["seq"] in self._busy or len(taken) == free:
                    continue
                event, endpoint = tx.find(row["event"]), tx.find(row["endpoint"])
                if event is not None and endpoint is not None:
                    secret = tx.hidden(row["endpoint"])["secret"]
                    spoken = older_shapes.spoken(tx, event, endpoint["api_version"])
                    taken.append(Due(row["seq"], row["attempts"], spoken, endpoint["url"], secret))
                    self._busy.add(row["seq"])
            return taken

    def _deliver(self, due: Due) -> None:
        status: int | None = None
        error: str | None = None
        try:
            status = post(due.url, json.dumps(due.event, indent=2).encode(), due.secret)
        except (OSError, http.client.HTTPException) as failure:
            error = f"{type(failure).__name__}: {failure}"
        try:
            with self._store.transaction() as tx:
                record(tx, due, status, error)
        finally:
            with self._busy_lock:
                self._busy.discard(due.seq)


def record(tx: Transaction, due: Due, status: int | None, error: str | None) -> None:
    """Note how an attempt went and, unless it was taken, when to try again."""
    attempts = due.attempts + 1
    taken = status is not None and 200 <= status < 300
    state = "delivered" if taken else "failed" if attempts >= GIVE_UP_AFTER else "pending"
    pause = PAUSES[attempts - 1] if attempts <= len(PAUSES) else LAST_PAUSE
    tx.sql.execute(
        "UPDATE deliveries SET status = ?, attempts = ?, next_at = ?, last_status = ?, last_error = ? WHERE seq = ?",
        (state, attempts, time.time() + pause, status, error, due.seq),
    )
    if not taken:
        log.warning("%s %s not taken (%s), again in %s s", due.event["type"], due.event["id"], status or error, pause)
