"""Opened data keys, kept in this process for a while, so that Google is not asked at every request."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

KEPT_SECONDS = 600.0
MOST_KEYS = 10_000
"""About two megabytes; the key used longest ago leaves first."""


@dataclass(frozen=True)
class _Kept:
    data_key: bytes = field(repr=False)
    until: float


class OpenedKeys:
    """Data keys by what they belong to (organization and version) and by their wrapped form.

    The wrapped form is part of the name because it comes from the database each time: a key whose row was destroyed,
    or put in another's place, is asked for no more, in whichever process it still lies.
    """

    def __init__(self, *, kept_seconds: float = KEPT_SECONDS, most: int = MOST_KEYS) -> None:
        self._kept_seconds, self._most = kept_seconds, most
        self._kept: OrderedDict[tuple[tuple[str, ...], bytes], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, context: tuple[str, ...], wrapped: bytes) -> bytes | None:
        """Return the data key, or None when it is not kept, or has been for long enough."""
        with self._lock:
            kept = self._kept.get((context, wrapped))
            if kept is None or kept.until < time.monotonic():
                self._kept.pop((context, wrapped), None)
                return None
            self._kept.move_to_end((context, wrapped))
            return kept.data_key

    def keep(self, context: tuple[str, ...], wrapped: bytes, data_key: bytes) -> None:
        """Keep a data key; the one used longest ago makes room."""
        with self._lock:
            self._kept[context, wrapped] = _Kept(data_key, time.monotonic() + self._kept_seconds)
            self._kept.move_to_end((context, wrapped))
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def forget(self, owner: str) -> None:
        """Drop every key whose context begins with `owner`."""
        with self._lock:
            for name in [name for name in self._kept if name[0][0] == owner]:
                del self._kept[name]

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()
