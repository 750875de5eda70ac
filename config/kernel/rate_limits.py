"""Counts how often somebody does something, in Redis; says when they did it too often.

Windows and names of the counters are django-ratelimit's. It would ask Redis up to three times a limit, so the counting
itself is a script that does all limits of a request in one round trip.

Without Redis a limit that guards credentials counts in this process alone (so several pods together let more through,
but nobody may guess freely), and every other limit lets through: an outage of Redis must not become one of ours.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from django.conf import settings
from django_ratelimit import ALL, core
from redis.commands.core import Script

from config.kernel.batching import Batcher
from config.kernel.errors import DependencyUnavailable
from config.kernel.redis import RedisUnavailable, breaker, client, run_many

PATIENCE_SECONDS = 1.0
"""How long a thread waits for others to count for it; longer than Redis may take to answer or to fail."""
PERIODS_SECONDS = {"m": 60, "h": 3600}


@dataclass(frozen=True)
class Rate:
    """So many times in a period, written `10/m` or `20/h`."""

    text: str

    @cached_property
    def count(self) -> int:
        """How many times are allowed."""
        return int(self.text.partition("/")[0])

    @cached_property
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


@dataclass(frozen=True)
class Hit:
    """One that counts: what is limited (`group`), for whom (`value`), how often, and whether credentials hang on it."""

    group: str
    value: str
    rate: Rate
    guards_credentials: bool = False


def count(hits: Sequence[Hit]) -> int | None:
    """Count one for each, up to the first that was one too many; return the whole seconds to wait then, else None."""
    windows = [core._get_window(hit.value, hit.rate.seconds) for hit in hits]
    arguments: list[int] = []
    for hit in hits:
        arguments += [hit.rate.count * settings.RATE_LIMIT_FACTOR, hit.rate.seconds + core.EXPIRATION_FUDGE]
    keys = [_counter(hit, window) for hit, window in zip(hits, windows, strict=True)]
    try:
        exceeded = _counts().submit(_Question(keys, arguments))
    except (RedisUnavailable, DependencyUnavailable):
        return _count_in_process(hits)
    return max(1, windows[exceeded - 1] - int(core.time.time())) if exceeded else None


def counted(hit: Hit) -> int | None:
    """Return how many were counted in the period that is running, None when Redis does not say."""
    key = _counter(hit, core._get_window(hit.value, hit.rate.seconds))
    try:
        found = breaker.call(lambda: client().get(key))
    except RedisUnavailable:
        return None
    return int(found or 0)


def _count_in_process(hits: Sequence[Hit]) -> int | None:
    for hit in hits:
        wait = _in_process.hit(hit.group, hit.value, hit.rate) if hit.guards_credentials else None
        if wait is not None:
            return wait
    return None


def _counter(hit: Hit, window: int) -> str:
    name: str = core._make_cache_key(hit.group, window, hit.rate.text, hit.value, ALL)
    return name


@dataclass(frozen=True, eq=False)  # two that look alike are two hits, and both are counted
class _Question:
    keys: list[str]
    arguments: list[int]


def _ask(questions: list[_Question]) -> list[int]:
    calls = [(one.keys, one.arguments) for one in questions]
    return [int(answer) for answer in breaker.call(lambda: run_many(_script(), calls))]


@lru_cache(maxsize=1)
def _counts() -> Batcher[_Question, int]:
    """Return the process's questions to Redis: those of several threads go together."""
    return Batcher(_ask, key=lambda question: question, most=100, patience=PATIENCE_SECONDS)


@lru_cache(maxsize=1)
def _script() -> Script:
    return client().register_script((Path(__file__).parent / "lua/count_hits.lua").read_text())
