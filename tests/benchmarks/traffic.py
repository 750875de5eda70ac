"""Plays many live clients, as a process: `python -m tests.benchmarks.traffic`, a job on stdin, a result on stdout.

An open loop: every request has a time at which it is due, whatever became of those before it, and its latency counts
from then. So a server that stops for a second is charged for all that came due in it, and the generator for its own
delays.
"""

import asyncio
import heapq
import itertools
import json
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.benchmarks.load import ANSWER_TIMEOUT_SECONDS, FailedRunError, Wire
from tests.benchmarks.scenarios import API, Request, make_request

BEAT_SECONDS = 300.0
EARLIER_SECONDS = 15.0
"""How much earlier than that a beat may come; never later."""
SPARE_SECONDS = 120.0
"""How long after the time of its first beat a lease made beforehand runs on; the run must have begun well before."""
KEPT_CONNECTIONS = 32


@dataclass(frozen=True)
class Job:
    """Machines with and without a seat, the former in the order of their first beats; requests per second by kind."""

    port: int
    seconds: float
    machines: list[dict[str, Any]]
    rates: dict[str, float]
    beat_seconds: float = BEAT_SECONDS


@dataclass
class Result:
    """Latencies in ms, errors and degraded answers by kind; how late requests were sent; who believes in which seat."""

    latencies: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    degraded: dict[str, int] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)
    believed: list[str] = field(default_factory=list)
    generator_cpu: float = 0.0


class Clients:
    """All machines: who holds a seat, who is away, and whose beat is due next."""

    def __init__(self, machines: list[dict[str, Any]], beat_seconds: float) -> None:
        self._beat_seconds = beat_seconds
        self._present = [machine for machine in machines if machine["seat"]]
        self._away = deque(machine for machine in machines if not machine["seat"])
        self._turn = itertools.count()
        self._random = random.Random(7)
        self._due: list[tuple[float, int, dict[str, Any], str]] = []
        for number, machine in enumerate(self._present):
            self._plan(machine, beat_seconds * number / len(self._present))

    def next_beat(self) -> float:
        """Return when the next beat is due, in seconds from the beginning; beats of seats given back are dropped."""
        while self._due:
            due, _, machine, session_id = self._due[0]
            if machine["seat"] and machine["seat"]["session_id"] == session_id:
                return due
            heapq.heappop(self._due)
        return float("inf")

    def beater(self) -> dict[str, Any]:
        """Return the machine whose beat is due, and plan its next one."""
        due, _, machine, _ = heapq.heappop(self._due)
        self._plan(machine, due + self._beat_seconds - self._random.uniform(0, self._beat_seconds / 20))
        return machine

    def leaver(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return a machine and the seat that it gives back from now on: none that waits for the answer to a beat."""
        tries = (self._random.randrange(len(self._present)) for _ in range(1_000))
        index = next(index for index in tries if not self._present[index].get("beating"))
        machine, self._present[index] = self._present[index], self._present[-1]
        self._present.pop()
        seat, machine["seat"] = machine["seat"], None
        return machine, seat

    def comer(self) -> dict[str, Any] | None:
        """Return the machine that has been away for longest; None when nobody is."""
        return self._away.popleft() if self._away else None

    def left(self, machine: dict[str, Any]) -> None:
        """Note that a seat was given back."""
        self._away.append(machine)

    def came(self, machine: dict[str, Any], seat: dict[str, str], due: float) -> None:
        """Note a seat that was due to be asked for at this time."""
        machine["seat"] = seat
        self._present.append(machine)
        self._plan(machine, due + self._beat_seconds - self._random.uniform(0, self._beat_seconds / 20))

    def any_present(self) -> dict[str, Any]:
        """Return one that holds a seat."""
        return self._random.choice(self._present)

    def believed(self) -> list[str]:
        """Return the sessions that their machines believe to hold."""
        return [machine["seat"]["session_id"] for machine in self._present]

    def _plan(self, machine: dict[str, Any], due: float) -> None:
        heapq.heappush(self._due, (due, next(self._turn), machine, machine["seat"]["session_id"]))


class Traffic:
    """One run."""

    def __init__(self, job: Job) -> None:
        self.result = Result()
        self._job = job
        self._clients = Clients(job.machines, job.beat_seconds)
        self._wires: deque[Wire] = deque()
        self._kinds: dict[str, Callable[[float], Any]] = {
            "acquire": self._acquire,
            "release": self._release,
            "validate": self._validate,
            "empty_seat": self._empty_seat,
        }
        # Out of step with each other, so that not all kinds come due in the same instant.
        self._first = {kind: number / len(job.rates) / job.rates[kind] for number, kind in enumerate(job.rates)}
        self._others = [(first, kind, 0) for kind, first in self._first.items()]
        heapq.heapify(self._others)
        self._began = 0.0

    async def run(self) -> Result:
        """Send what comes due until the time is over, and wait for the last answer."""
        waiting: set[asyncio.Task[None]] = set()
        cpu, self._began = time.process_time(), time.perf_counter()
        while True:
            due, start = self._next()
            if due >= self._job.seconds:
                break
            # However far behind: answers are read between any two requests.
            await asyncio.sleep(max(0.0, self._began + due - time.perf_counter()))
            task = asyncio.create_task(start())
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        await asyncio.gather(*waiting)
        self.result.generator_cpu = (time.process_time() - cpu) / (time.perf_counter() - self._began)
        self.result.believed = self._clients.believed()
        for wire in self._wires:
            await wire.close()
        return self.result

    def _next(self) -> tuple[float, Callable[[], Any]]:
        """Return what is due next; it counts as taken once it is started."""
        beat = self._clients.next_beat()
        if not self._others or beat <= self._others[0][0]:
            return beat, lambda: self._beat(beat, self._clients.beater())
        due, kind, number = self._others[0]

        def start() -> Any:
            following = self._first[kind] + (number + 1) / self._job.rates[kind]
            heapq.heapreplace(self._others, (following, kind, number + 1))
            return self._kinds[kind](due)

        return due, start

    def _beat(self, due: float, machine: dict[str, Any]) -> Any:
        machine["beating"] = True
        return self._beating(due, machine)

    async def _beating(self, due: float, machine: dict[str, Any]) -> None:
        seat = machine["seat"]
        answer = await self._ask(due, make_request("heartbeat", "POST", f"{API}/heartbeat", body=seat))
        if answer:
            seat["signed_token"] = answer["signed_token"]
        machine["beating"] = False

    def _release(self, due: float) -> Any:
        machine, seat = self._clients.leaver()
        return self._releasing(due, machine, seat)

    async def _releasing(self, due: float, machine: dict[str, Any], seat: dict[str, str]) -> None:
        request = make_request("release", "POST", f"{API}/release", body=seat, expect=(204,))
        if await self._ask(due, request) is not None:
            self._clients.left(machine)

    def _acquire(self, due: float) -> Any:
        return self._acquiring(due, self._clients.comer())

    async def _acquiring(self, due: float, machine: dict[str, Any] | None) -> None:
        if machine is None:
            self._error("acquire", "nobody is away who could come")
            return
        wanted = {"license_key": machine["license_key"], "hardware_id": machine["hardware_id"]}
        got = await self._ask(due, make_request("acquire", "POST", f"{API}/acquire", body=wanted, expect=(201,)))
        if got:
            seat = {"session_id": got["session_id"], "signed_token": got["signed_token"]}
            self._clients.came(machine, seat, due)

    async def _validate(self, due: float) -> None:
        asked = {"license_key": self._clients.any_present()["license_key"]}
        await self._ask(due, make_request("validate", "POST", f"{API}/validate", body=asked))

    async def _empty_seat(self, due: float) -> None:
        token = self._clients.any_present()["seat"]["signed_token"]
        await self._ask(due, make_request("empty_seat", "GET", "/api/benchmark/empty-seat", bearer=token))

    async def _ask(self, due: float, request: Request) -> dict[str, Any] | None:
        """Send a request and return its answer ({} for an empty one); None, and an error counted, for a wrong one."""
        wire = self._wires.popleft() if self._wires else Wire(self._job.port)
        self.result.late.append((time.perf_counter() - self._began - due) * 1000)
        try:
            status, content = await asyncio.wait_for(wire.ask(request), ANSWER_TIMEOUT_SECONDS)
        except (FailedRunError, OSError, EOFError, TimeoutError) as error:
            await wire.close()
            self._error(request.name, type(error).__name__)
            return None
        took = (time.perf_counter() - self._began - due) * 1000
        await self._keep(wire)
        if status not in request.expect:
            self._error(request.name, f"{status} {_code(content)}")
            return None
        self.result.latencies.setdefault(request.name, []).append(took)
        answer: dict[str, Any] = json.loads(content) if content else {}
        if answer.get("degraded"):
            self.result.degraded[request.name] = self.result.degraded.get(request.name, 0) + 1
        return answer

    async def _keep(self, wire: Wire) -> None:
        # Used in turn, so that none is idle for as long as makes a server close it.
        if len(self._wires) < KEPT_CONNECTIONS:
            self._wires.append(wire)
        else:
            await wire.close()

    def _error(self, kind: str, what: str) -> None:
        self.result.errors[f"{kind}: {what}"] = self.result.errors.get(f"{kind}: {what}", 0) + 1


def _code(content: bytes) -> str:
    """Return the code of a refusal: what differs from one refusal of a kind to the next is not counted apart."""
    try:
        return str(json.loads(content)["errors"][0]["code"])
    except (ValueError, LookupError, TypeError):
        return content[:80].decode("utf-8", "replace")


if __name__ == "__main__":
    json.dump(asdict(asyncio.run(Traffic(Job(**json.load(sys.stdin))).run())), sys.stdout)
