"""How long to wait before asking again: exponential back-off with full jitter, inside a deadline."""

from __future__ import annotations

import random
from typing import Callable, TypeVar

from coditect_license.errors import Outage

Answer = TypeVar("Answer")
Jitter = Callable[[], float]
"""Returns a number from 0 to 1, another one each time."""

FIRST_WINDOW_SECONDS = 1.0
WIDEST_WINDOW_SECONDS = 30.0


def backoff(failures: int, *, jitter: Jitter) -> float:
    """Return how many seconds to wait after so many failures in a row (one or more)."""
    window = min(WIDEST_WINDOW_SECONDS, FIRST_WINDOW_SECONDS * 2.0 ** min(failures - 1, 30))
    return window * jitter()


def insist(
    ask: Callable[[], Answer],
    *,
    within: float,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    jitter: Jitter = random.random,
) -> Answer:
    """Ask until somebody answers, for so many seconds; raises the last Outage, and at once whatever else `ask` raises.

    A server that says when to come back is not asked before, and not waited for when that is too late.
    """
    deadline, failures = now() + within, 0
    while True:
        try:
            return ask()
        except Outage as outage:
            failures += 1
            wait = max(backoff(failures, jitter=jitter), outage.retry_after or 0.0)
            if now() + wait >= deadline:
                raise
        sleep(wait)
