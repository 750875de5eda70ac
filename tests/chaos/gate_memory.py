"""What Redis knows about one licence: saved, put back, aged and wiped from outside the product."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import redis

_AGE = """
for _, machine in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZINCRBY', KEYS[1], -ARGV[1], machine) end
"""


class GateMemory:
    """The two keys of a licence, seen over a connection of the test's own."""

    def __init__(self, url: str, license_id: UUID) -> None:
        self._redis = redis.Redis.from_url(url, protocol=2)
        self._leases, self._owners = f"seats:{{{license_id}}}:leases", f"seats:{{{license_id}}}:owners"
        self._saved: tuple[dict[bytes, float], Any] | None = None

    @property
    def is_saved(self) -> bool:
        """Whether there is something to restore."""
        return self._saved is not None

    def forget(self) -> None:
        """Empty it, as a server that comes back without its data."""
        self._redis.delete(self._leases, self._owners)

    def flush(self) -> None:
        """Empty all of Redis."""
        self._redis.flushall()

    def save(self) -> None:
        """Remember what it knows."""
        leases: Any = self._redis.zrange(self._leases, 0, -1, withscores=True)
        owners: Any = self._redis.hgetall(self._owners)
        self._saved = (dict(leases), owners)

    def restore(self) -> None:
        """Make it know what was saved and nothing else, as a server that comes back from an old file or copy."""
        assert self._saved is not None
        leases, owners = self._saved
        self.forget()
        if leases:
            self._redis.zadd(self._leases, leases)
            self._redis.hset(self._owners, mapping=owners)

    def age(self, span: timedelta) -> None:
        """Let time pass: every lease, and every saved one, runs out that much sooner."""
        milliseconds = round(span.total_seconds() * 1000)
        self._redis.eval(_AGE, 1, self._leases, str(milliseconds))
        self.age_saved(span)

    def age_saved(self, span: timedelta) -> None:
        """Let what was saved grow older, while there is no Redis that could."""
        milliseconds = round(span.total_seconds() * 1000)
        if self._saved is not None:
            leases, owners = self._saved
            self._saved = ({machine: score - milliseconds for machine, score in leases.items()}, owners)

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()
