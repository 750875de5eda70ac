"""Generates the load, as a process of its own: `python -m tests.benchmarks.load`, a job on stdin, a result on stdout.

A closed loop: each of N connections sends its next request when the last one is answered. So a slow server gets fewer
requests and the latencies show its service under N at once, not the delay of a queue that grows without end.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.benchmarks.scenarios import SCENARIOS, Request

HOST = "127.0.0.1"
ANSWER_TIMEOUT_SECONDS = 15.0


class FailedRunError(RuntimeError):
    """An answer was not the expected one: the run measured something else and counts for nothing."""


@dataclass(frozen=True)
class Job:
    """What to send where: one plan a connection (see `scenarios`), counted for `seconds` after `warm_up` seconds."""

    port: int
    scenario: str
    plans: list[dict[str, Any]]
    warm_up: float
    seconds: float


@dataclass
class Result:
    """Latencies in ms by the request's name, all answers by name, the share of one core that the generator used."""

    seconds: float
    latencies: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    generator_cpu: float = 0.0


async def run(job: Job) -> Result:
    """Send the load; raises FailedRunError for any unexpected answer."""
    result = Result(job.seconds)
    began, cpu = time.perf_counter(), time.process_time()
    count_from = began + job.warm_up
    stop_at = count_from + job.seconds
    await asyncio.gather(*(_connection(job, plan, result, count_from, stop_at) for plan in job.plans))
    result.generator_cpu = (time.process_time() - cpu) / (time.perf_counter() - began)
    return result


async def _connection(job: Job, plan: dict[str, Any], result: Result, count_from: float, stop_at: float) -> None:
    """Play one connection's scenario until the time is over; what is answered outside the window is not counted."""
    scenario = SCENARIOS[job.scenario](plan)
    wire = Wire(job.port)
    request = next(scenario)
    try:
        while True:
            sent = time.perf_counter()
            body = await asyncio.wait_for(wire.exchange(request), ANSWER_TIMEOUT_SECONDS)
            answered = time.perf_counter()
            result.answers[request.name] = result.answers.get(request.name, 0) + 1
            if count_from <= answered < stop_at:
                result.latencies.setdefault(request.name, []).append((answered - sent) * 1000)
            if answered >= stop_at and request.may_stop:
                return
            request = scenario.send(body)
    finally:
        await wire.close()


class Wire:
    """One HTTP/1.1 connection, kept alive while the server allows it; opening it anew counts as time of the request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, request: Request) -> Any:
        """Send one request and return the decoded body of its answer; raises FailedRunError for an unexpected one."""
        status, content = await self.ask(request)
        if status not in request.expect:
            raise FailedRunError(f"{request.name} was answered {status}: {content[:500].decode('utf-8', 'replace')}")
        return json.loads(content) if content else None

    async def ask(self, request: Request) -> tuple[int, bytes]:
        """Send one request and return the status and content of its answer, whatever they are."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._port)
        reader, writer = self._streams
        writer.write(request.text)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ", 2)[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        if "content-length" not in headers and status != 204:
            raise FailedRunError(f"{request.name}: an answer without Content-Length, which this client cannot read")
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection", "").lower() == "close":
            await self.close()
        return status, content

    async def close(self) -> None:
        """Close the connection, if it is open."""
        if self._streams is not None:
            writer = self._streams[1]
            self._streams = None
            writer.close()
            await writer.wait_closed()


if __name__ == "__main__":
    try:
        outcome = asyncio.run(run(Job(**json.load(sys.stdin))))
    except (FailedRunError, OSError, asyncio.IncompleteReadError, TimeoutError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    json.dump(asdict(outcome), sys.stdout)
