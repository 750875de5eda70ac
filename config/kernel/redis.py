"""The connection to Redis, behind a circuit breaker, so that an outage costs milliseconds and never an error."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import NoScriptError, ResponseError
from redis.retry import Retry

from config.kernel.process_metrics import breaker_open, redis_calls_lost

logger = logging.getLogger(__name__)

SOCKET_TIMEOUT_SECONDS = 0.25
OPEN_SECONDS = 1.0
"""How long nobody asks a Redis that has just failed; then one caller tries again."""

Result = TypeVar("Result")


class RedisUnavailable(Exception):
    """Redis did not answer in time, or the breaker is open; the caller goes on without it."""


@lru_cache(maxsize=1)
def client() -> redis.Redis:
    """Return this process's Redis client; it keeps its own connection pool and never retries by itself."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


def run_many(script: Script, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
    """Call a script with each pair of keys and arguments, in one trip, and return the answers; raises RedisError.

    A restarted Redis that does not know the script has run none of them: it is given it, and asked again. On a
    connection of the pool itself, because what the client does around one costs more than the packing and the wire.
    """
    pool = client().connection_pool
    connection: Any = pool.get_connection()
    try:
        answers = _ask(connection, script, calls)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            connection.send_command("SCRIPT", "LOAD", script.script)
            connection.read_response()
            answers = _ask(connection, script, calls)
    except BaseException:
        connection.disconnect()  # answers may be left on it that belong to nobody
        raise
    finally:
        pool.release(connection)
    for answer in answers:
        if isinstance(answer, redis.RedisError):
            raise answer
    return answers


def _ask(connection: Any, script: Script, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
    commands = [("EVALSHA", script.sha, len(keys), *keys, *arguments) for keys, arguments in calls]
    connection.send_packed_command(connection.pack_commands(commands))
    answers: list[Any] = []
    for _ in commands:
        try:
            answers.append(connection.read_response())
        except ResponseError as error:
            answers.append(error)
    return answers


class CircuitBreaker:
    """Lets calls through while Redis answers; after a failure, refuses them for OPEN_SECONDS without trying."""

    def __init__(self, *, open_seconds: float = OPEN_SECONDS) -> None:
        self._open_seconds = open_seconds
        self._open_until = 0.0
        self._lock = threading.Lock()

    def call(self, function: Callable[[], Result]) -> Result:
        """Return `function()`; raises RedisUnavailable when Redis fails or has failed a moment ago."""
        with self._lock:
            now = time.monotonic()
            if now < self._open_until:
                redis_calls_lost.of("open").inc()
                raise RedisUnavailable("the breaker is open")
            if self._open_until:
                # One caller probes; the others go on without Redis until it has an answer.
                self._open_until = now + self._open_seconds
        try:
            result = function()
        except (redis.RedisError, OSError) as error:
            if not self._open_until:
                logger.warning("redis does not answer, going on without it: %s", type(error).__name__)
            self._open_until = time.monotonic() + self._open_seconds
            redis_calls_lost.of("failed").inc()
            breaker_open.set(1)
            raise RedisUnavailable(str(error)) from error
        if self._open_until:
            logger.warning("redis answers again")
            self._open_until = 0.0
            breaker_open.set(0)
        return result

    def reset(self) -> None:
        """Forget past failures."""
        self._open_until = 0.0
        breaker_open.set(0)


breaker = CircuitBreaker()
