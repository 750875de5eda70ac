"""Sends a burst of so many requests over N connections, as a process of its own: a job on stdin, latencies on stdout.

Unlike `load` it ends when all are answered and not when a time is over: `python -m tests.benchmarks.burst`.
"""

import asyncio
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.benchmarks.load import ANSWER_TIMEOUT_SECONDS, FailedRunError, Wire
from tests.benchmarks.scenarios import Request


@dataclass(frozen=True)
class Burst:
    """What to send where: `number` events made of the templates in turn, ids from `first` on, signed with `secret`."""

    port: int
    path: str
    number: int
    first: int
    connections: int
    secret: str
    templates: list[dict[str, Any]]


@dataclass
class Answered:
    """How long each answer took, in ms, and all of them together, in seconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)


def event_id(number: int) -> str:
    """Return the id of the event of this number."""
    return f"evt_bench_{number:07}"


async def send(burst: Burst) -> Answered:
    """Send everything; raises FailedRunError unless each answer is 200."""
    answered = Answered()
    numbers = iter(range(burst.first, burst.first + burst.number))
    began = time.perf_counter()
    await asyncio.gather(*(_connection(burst, numbers, answered) for _ in range(burst.connections)))
    answered.seconds = time.perf_counter() - began
    return answered


async def _connection(burst: Burst, numbers: Iterator[int], answered: Answered) -> None:
    wire = Wire(burst.port)
    try:
        for number in numbers:
            request = _request(burst, number)
            sent = time.perf_counter()
            await asyncio.wait_for(wire.exchange(request), ANSWER_TIMEOUT_SECONDS)
            answered.latencies.append((time.perf_counter() - sent) * 1000)
    finally:
        await wire.close()


def _request(burst: Burst, number: int) -> Request:
    template = burst.templates[number % len(burst.templates)]
    body = json.dumps({**template, "id": event_id(number)})
    now = int(time.time())
    digest = hmac.new(burst.secret.encode(), f"{now}.{body}".encode(), hashlib.sha256).hexdigest()
    head = (
        f"POST {burst.path} HTTP/1.1\r\nHost: 127.0.0.1:{burst.port}\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: t={now},v1={digest}\r\nContent-Length: {len(body.encode())}\r\n\r\n"
    )
    return Request("delivery", (200,), (head + body).encode())


if __name__ == "__main__":
    try:
        outcome = asyncio.run(send(Burst(**json.load(sys.stdin))))
    except (FailedRunError, OSError, asyncio.IncompleteReadError, TimeoutError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    json.dump(asdict(outcome), sys.stdout)
