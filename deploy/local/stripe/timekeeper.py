"""Lets time pass: does what is due, one moment after the other, at each with the time it then is."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable

from deploy.local.stripe import clock, due, switches
from deploy.local.stripe.context import Context
from deploy.local.stripe.objects import checkout_sessions, dunning, renewals, subscription_states
from deploy.local.stripe.store import Json, Store

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# What each rule of `due` leads to; every one of them leaves its object in a state in which it is no longer due.
STEPS: dict[str, Callable[[Context, Json], object]] = {
    "session_expires": checkout_sessions.close,
    "cancellation": subscription_states.end,
    "unpaid_start": dunning.end_unpaid_start,
    "pending_update": dunning.end_pending_update,
    "trial_will_end": renewals.announce_trial_end,
    "trial_end": renewals.end_trial,
    "draft_is_over": dunning.collect,
    "payment_attempt": dunning.attempt,
    "period_end": renewals.roll_over,
}


class TimeRefused(Exception):
    """Time cannot be moved as asked."""


class Timekeeper:
    """Looks at the clock once a second and does what is due; moves the clock when asked."""

    def __init__(self, store: Store, base_url: str) -> None:
        self._store = store
        self._base_url = base_url
        self._stopping = threading.Event()
        self._moving = threading.Lock()
        self._thread = threading.Thread(target=self._loop, name="timekeeper", daemon=True)

    def start(self) -> None:
        """Finish a move that a crash cut short and do what fell due meanwhile, then go on in the background."""
        self._finish_move()
        self._thread.start()

    def stop(self) -> None:
        """Finish the step at hand and stop."""
        self._stopping.set()
        self._thread.join()

    def move(self, target: int, *, stop_there: bool) -> None:
        """Let time pass up to `target` (seconds), doing on the way all that falls due; TimeRefused when it is past.

        Every step commits by itself, and the target is kept: killed on the way, the next run goes on to it.
        """
        with self._moving:
            with self._store.transaction() as tx:
                at = clock.read(tx)
                if target < at.now():
                    raise TimeRefused('Time goes forwards only; {"follow": true} returns to real time.')
                clock.write(tx, at.towards(target, stop_there=stop_there))
            self._finish_move()

    def set(self, change: Callable[[clock.Clock], clock.Clock]) -> None:
        """Stop the clock, let it run or follow real time again; nothing falls due by that."""
        with self._moving, self._store.transaction() as tx:
            clock.write(tx, change(clock.read(tx)))

    def _finish_move(self) -> None:
        while self._step():
            if self._stopping.is_set():
                return
            self._dawdle()
        with self._store.transaction() as tx:
            at = clock.read(tx)
            if at.target is not None:
                clock.write(tx, at.arrived())

    def _step(self) -> bool:
        """Do the one thing that is due first, in one transaction; False when nothing is."""
        with self._store.transaction() as tx:
            at = clock.read(tx)
            first = due.earliest(tx, at.now() if at.target is None else at.target)
            if first is None:
                return False
            if at.target is not None:
                clock.write(tx, at.reached(first.moment))
            doc = tx.find(first.id)
            if doc is None:
                raise LookupError(first.id)
            STEPS[first.what](Context(tx, _moment(at, first), self._base_url), doc)
            return True

    def _dawdle(self) -> None:
        with self._store.transaction() as tx:
            milliseconds = switches.read(tx)["step_delay_ms"]
        if milliseconds:
            time.sleep(milliseconds / 1000)

    def _loop(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            try:
                with self._moving:
                    self._finish_move()
            except sqlite3.Error:
                # A full disk must not end time for good: the next tick tries again.
                log.exception("the timekeeper's step failed")


def _moment(at: clock.Clock, first: due.Due) -> int:
    """The time of a step: when it fell due, but on a move never before the step that came before it."""
    return first.moment if at.target is None else max(first.moment, at.now())
