"""What a worker process does on its wires to the stores: each round trip is counted and named, and it can stop at one.

Between two round trips there is nothing but arithmetic, so that a process which can be killed after each of them can be
killed at every step between the stores, whatever the code in between looks like.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from config.kernel import rate_limits
from config.kernel import redis as kernel_redis
from licenses.seats import store

_STATEMENTS = [
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), name)
    for pattern, name in [
        (r"license_of_key", "look-up"),
        (r"set_config", "context"),
        (r"update licenses_licensesession", "update"),
        (r"from seat_acquire", "seat_acquire"),
        (r"from seat_beat", "seat_beat"),
        (r"from seat_release", "seat_release"),
        (r"licenses_licensesession", "session"),
        (r"for (no key )?update", "lock"),
        (r"audit", "audit"),
        (r"licenses_activation", "activation"),
    ]
]


@dataclass
class Wire:
    """The wires of this process. `stopped` is called, with a name, at the round trip that `stop_after` counts to."""

    stopped: Callable[[str], None]
    stop_after: int | None = None
    trips: int = 0
    redis_failed: bool = False
    backends: list[int] = field(default_factory=list)

    def begin(self, *, stop_after: int | None) -> None:
        """Count anew, for another call."""
        self.stop_after, self.trips, self.redis_failed = stop_after, 0, False

    def passed(self, name: str) -> None:
        """Take note of a round trip that is over."""
        self.trips += 1
        if self.trips == self.stop_after:
            self.stopped(f"after {name}")

    def tap(self) -> None:
        """Watch everything that this process says to PostgreSQL and Redis from now on."""
        self._tap_postgres()
        self._tap_redis()

    def _tap_postgres(self) -> None:
        cursors: Any = psycopg.Cursor
        sessions: Any = psycopg.Connection
        execute, commit, connect = cursors.execute, sessions.commit, sessions.connect

        def watched_execute(cursor: Any, query: Any, *rest: Any, **options: Any) -> Any:
            result = execute(cursor, query, *rest, **options)
            self.passed(_name(query))
            return result

        def watched_commit(connection: Any) -> None:
            commit(connection)
            self.passed("commit")

        def watched_connect(*rest: Any, **options: Any) -> Any:
            connection = connect(*rest, **options)
            self.backends.append(connection.info.backend_pid)
            return connection

        cursors.execute, sessions.commit, sessions.connect = watched_execute, watched_commit, watched_connect
        module: Any = psycopg
        module.connect = watched_connect

    def _tap_redis(self) -> None:
        run_many = kernel_redis.run_many
        scripts: dict[str, str] = {}

        def watched(script: Any, calls: Any) -> Any:
            if not scripts:
                for name in ("acquire_seat", "refresh_heartbeat", "release_seat", "load_leases"):
                    scripts[store._script(name).sha] = name
            result = run_many(script, calls)
            self.passed(scripts.get(script.sha, "redis") if len(calls) == 1 else "refresh_heartbeat for all")
            return result

        modules: tuple[Any, ...] = (store, rate_limits)
        for module in modules:
            module.run_many = watched
        self._tap_breaker()

    def _tap_breaker(self) -> None:
        """Watch for what Redis is not told: a breaker that is open asks it nothing, whichever licence it is about."""
        breakers: Any = kernel_redis.CircuitBreaker
        call = breakers.call

        def watched(breaker: Any, function: Any) -> Any:
            try:
                return call(breaker, function)
            except kernel_redis.RedisUnavailable:
                self.redis_failed = True
                raise

        breakers.call = watched


def _name(query: Any) -> str:
    text = query if isinstance(query, str) else str(query)
    return next((name for pattern, name in _STATEMENTS if pattern.search(text)), "statement")
