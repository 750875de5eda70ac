"""Lets time pass: does what is due, one moment after the other, at each with the time it then is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from deploy.local.stripe import clock, due, moments, switches
from deploy.local.stripe.context import Context
from deploy.local.stripe.objects import checkout_sessions, dunning, renewals, subscription_states, test_clocks
from deploy.local.stripe.store import Json, Store, Transaction

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
        self._finish_test_clocks()
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

    def move_customer(self, customer: str, target: int) -> None:
        """Let time pass for one customer only, on a test clock that it is given if it has none.

        LookupError when there is no such customer, TimeRefused when the target is past.
        """
        with self._moving:
            with self._store.transaction() as tx:
                ctx = Context(tx, moments.of_customer(tx, customer), self._base_url)
                doc = tx.find(customer, "customer")
                if doc is None or doc.get("deleted"):
                    raise LookupError(customer)
                if target <= ctx.now:
                    raise TimeRefused("Time goes forwards only.")
                test_clock = _clock_of(ctx, doc)
                test_clocks.begin(ctx, test_clock, target)
            self._finish_test_clock(test_clock["id"])

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

    def _finish_test_clocks(self) -> None:
        with self._store.transaction() as tx:
            advancing = tx.select(test_clocks.KIND, "json_extract(doc, '$.status') = 'advancing'")
        for test_clock in advancing:
            self._finish_test_clock(test_clock["id"])

    def _finish_test_clock(self, test_clock: str) -> None:
        while self._step_on(test_clock):
            if self._stopping.is_set():
                return
            self._dawdle()

    def _step_on(self, test_clock: str) -> bool:
        """Like `_step`, on a test clock that is advancing; with nothing left to do it has arrived."""
        with self._store.transaction() as tx:
            doc, reached = tx.find(test_clock) or {}, int(tx.hidden(test_clock)["reached"])
            if doc.get("status") != "advancing":
                return False
            first = due.earliest(tx, doc["status_details"]["advancing"]["target_frozen_time"], test_clock)
            if first is None:
                test_clocks.arrive(Context(tx, clock.now(tx), self._base_url), doc)
                return False
            moment = max(first.moment, reached)
            tx.set_hidden(test_clock, {"reached": moment})
            self._do(tx, first, moment)
            return True

    def _step(self) -> bool:
        """Do the one thing that is due first, in one transaction; False when nothing is."""
        with self._store.transaction() as tx:
            at = clock.read(tx)
            first = due.earliest(tx, at.now() if at.target is None else at.target)
            if first is None:
                return False
            if at.target is not None:
                clock.write(tx, at.reached(first.moment))
            self._do(tx, first, _moment(at, first))
            return True

    def _do(self, tx: Transaction, first: due.Due, moment: int) -> None:
        doc = tx.find(first.id)
        if doc is None:
            raise LookupError(first.id)
        STEPS[first.what](Context(tx, moment, self._base_url), doc)

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
                    self._finish_test_clocks()
            except Exception:  # whatever breaks must not end time for good: the next tick tries again
                log.exception("the timekeeper's step failed")


def _clock_of(ctx: Context, customer: Json) -> Json:
    """The test clock of a customer, who gets one that stands at this moment if there is none."""
    if customer["test_clock"]:
        return ctx.get(test_clocks.KIND, customer["test_clock"])
    made = ctx.create(test_clocks.new(ctx, ctx.now, "One customer's own"))
    moments.put_on(ctx.tx, customer, made["id"])
    return made


def _moment(at: clock.Clock, first: due.Due) -> int:
    """The time of a step: when it fell due, but on a move never before the step that came before it."""
    return first.moment if at.target is None else max(first.moment, at.now())
