"""Counts how often somebody does something, in Redis through django-ratelimit; says when they did it too often.

Without Redis a limit that guards credentials counts in this process alone (so several pods together let more through,
but nobody may guess freely), and every other limit lets through: an outage of Redis must not become one of ours.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django_ratelimit.core import get_usage

from config.kernel.redis import RedisUnavailable, breaker

PERIODS_SECONDS = {"m": 60, "h": 3600}


@dataclass(frozen=True)
class Rate:
    """So many times in a period, written `10/m` or `20/h`."""

    text: str

    @property
    def count(self) -> int:
        """How many times are allowed."""
        return int(self.text.partition("/")[0])

    @property
    def seconds(self) -> int:
        """The length of the period."""
        return PERIODS_SECONDS[self.text.partition("/")[2]]


class ProcessCounter:
    """Fixed windows counted in this process; used for credentials while Redis is away."""

    MOST_KEYS = 10_000

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts: dict[tuple[str, str, int], int] = {}
        self._lock = threading.Lock()

    def hit(self, group: str, value: str, rate: Rate) -> int | None:
        """Count one; return the seconds to wait when that was one too many, else None."""
        now = int(self._clock())
        window = now // rate.seconds
        with self._lock:
            if len(self._counts) >= self.MOST_KEYS:
                self._counts.clear()
            key = (group, value, window)
            self._counts[key] = self._counts.get(key, 0) + 1
            over = self._counts[key] > rate.count
        return (window + 1) * rate.seconds - now if over else None


_in_process = ProcessCounter()


def hit(request: HttpRequest, *, group: str, value: str, rate: Rate, guards_credentials: bool) -> int | None:
    """Count one for `value`; return the whole seconds to wait when that was one too many, else None."""
    try:
        usage = _usage(request, group, value, rate, increment=True)
    except RedisUnavailable:
        return _in_process.hit(group, value, rate) if guards_credentials else None
    if usage is None or not usage["should_limit"]:
        return None
    return max(1, int(usage["time_left"]))


def counted(request: HttpRequest, *, group: str, value: str, rate: Rate) -> int | None:
    """Return how many were counted for `value` in the period that is running, None when Redis does not say."""
    try:
        usage = _usage(request, group, value, rate, increment=False)
    except RedisUnavailable:
        return None
    return int(usage["count"]) if usage else None


def _usage(request: HttpRequest, group: str, value: str, rate: Rate, *, increment: bool) -> dict[str, Any] | None:
    def ask() -> dict[str, Any] | None:
        usage: dict[str, Any] | None = get_usage(
            request, group=group, key=lambda *_: value, rate=rate.text, increment=increment
        )
        return usage

    return breaker.call(ask)
