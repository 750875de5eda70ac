"""The thread that keeps a seat: a daemon, which keeps no program alive, and which nothing ends but the seat's end."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from coditect_license.processes import SECONDS_AT_EXIT

log = logging.getLogger(__name__)

LONGEST_NAP_SECONDS = 10.0
"""Waiting counts no suspend: this soon after waking up somebody looks at the clock that does."""
PAUSE_AFTER_FAILURE_SECONDS = 1.0


class Kept(Protocol):
    """What the thread keeps."""

    def live(self) -> float | None:
        """Do what is due, and return in how many seconds to do so again; None at the end."""
        ...

    def give_back_once(self, timeout: float) -> None:
        """Give it back, in one attempt."""
        ...


class Heartbeat:
    """Lets one seat live, until it has ended or the process does."""

    def __init__(self, seat: Kept) -> None:
        self._seat = seat
        self._woken = threading.Event()
        self._leaving = False
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="coditect-license-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Have it look again at once."""
        self._woken.set()

    def begin_leaving(self) -> None:
        """Have it give the seat back, after the question that it may be in the middle of."""
        self._leaving = True
        self._woken.set()

    def wait_until_left(self, seconds: float) -> None:
        """Return when that is done, or the time is up."""
        self._left.wait(seconds)

    def _run(self) -> None:
        try:
            while not self._leaving:
                nap = self._live()
                if nap is None:
                    return
                self._woken.wait(max(0.0, min(nap, LONGEST_NAP_SECONDS)))
                self._woken.clear()
            self._give_back()
        finally:
            self._left.set()

    def _live(self) -> float | None:
        try:
            return self._seat.live()
        except Exception:  # whatever it is, the next try may succeed, and the host is not to hear of it
            log.exception("Keeping the seat failed, and goes on.")
            return PAUSE_AFTER_FAILURE_SECONDS

    def _give_back(self) -> None:
        try:
            self._seat.give_back_once(SECONDS_AT_EXIT)
        except Exception:  # the process ends: nobody could do anything about it, and the lease ends by itself
            log.debug("The seat was not given back at the end.", exc_info=True)
