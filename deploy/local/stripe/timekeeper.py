"""What happens by the passing of time alone: sessions expire, scheduled cancellations come."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable

from deploy.local.stripe.context import Context
from deploy.local.stripe.objects import checkout_sessions, subscription_changes
from deploy.local.stripe.store import Store

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0


class Timekeeper:
    """Looks at the clock once a second and does what is due; trials, renewals and dunning belong here too."""

    def __init__(self, store: Store, clock: Callable[[], int], base_url: str) -> None:
        self._store = store
        self._clock = clock
        self._base_url = base_url
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="timekeeper", daemon=True)

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the step at hand and stop."""
        self._stopping.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            try:
                with self._store.transaction() as tx:
                    ctx = Context(tx, self._clock(), self._base_url)
                    checkout_sessions.expire_overdue(ctx)
                    subscription_changes.end_overdue(ctx)
            except sqlite3.Error:
                # A full disk must not end time for good: the next tick tries again.
                log.exception("the timekeeper's step failed")
