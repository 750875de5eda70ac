"""Calls the host's callbacks, on a thread of their own: a slow or failing one never holds up a heartbeat."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from typing import Callable

from coditect_license.seat_life import Event, Status

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeatEvent:
    """What happened, and how the seat stood right after it."""

    kind: Event
    status: Status


Callback = Callable[[SeatEvent], object]
_LAST = frozenset({Event.LOST, Event.RELEASED})


class Dispatcher:
    """The callbacks of one seat, called in the order of what happened; the thread ends with the seat."""

    def __init__(self) -> None:
        self._callbacks: list[tuple[Event, Callback]] = []
        self._waiting: queue.SimpleQueue[SeatEvent] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def on(self, kind: Event, callback: Callback) -> None:
        """Call this whenever that happens, from now on."""
        self._callbacks.append((kind, callback))

    def tell(self, event: SeatEvent) -> None:
        """Have the callbacks called; returns at once."""
        if not self._callbacks:
            return
        self._waiting.put(event)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="coditect-license-callbacks", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            event = self._waiting.get()
            for kind, callback in list(self._callbacks):
                if kind is event.kind:
                    _call(callback, event)
            if event.kind in _LAST:
                return


def _call(callback: Callback, event: SeatEvent) -> None:
    try:
        callback(event)
    except SystemExit:
        log.warning("A callback for %r called sys.exit, which ends no program from here.", event.kind.value)
    except BaseException:
        log.exception("A callback for %r failed.", event.kind.value)
