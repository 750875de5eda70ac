"""Measures servers and scenarios turn by turn, so that a neighbour's load on the machine hits all of them alike."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from deploy.local.home import ROOT
from tests.benchmarks.load import Job, Result
from tests.benchmarks.processor import cpu_seconds
from tests.benchmarks.servers import Running, Server, serving
from tests.benchmarks.world import World


@dataclass(frozen=True)
class Effort:
    """How long is measured: rounds, and in each the seconds per server and scenario after a warm-up."""

    rounds: int
    seconds: float
    warm_up: float


@dataclass(frozen=True)
class Sample:
    """One turn of one kind of request: answers per second, latencies in ms, CPU ms of the web processes an answer.

    What a scenario sends beside the request it is named after is part of that one's CPU time, and has none itself.
    """

    rate: float
    median: float
    p99: float
    cpu: float | None


@dataclass
class Measured:
    """All samples by server and name of the request, in the order of the rounds."""

    samples: dict[tuple[Server, str], list[Sample]]
    generator_cpu: float


def measure_server(
    world: World, server: Server, scenarios: Sequence[str], effort: Effort, tell: Callable[[str], None]
) -> Measured:
    """Play the scenarios turn by turn against one running server.

    Raises RuntimeError when it does not start or an answer is another than the scenario expects.
    """
    measured = Measured({}, 0.0)
    with serving(server, world.environ, world.home.logs / "benchmarked.log") as running:
        for number in range(effort.rounds):
            tell(f"round {number + 1} of {effort.rounds}")
            _turn(world, running, scenarios, effort, measured)
    return measured


def measure_servers(
    world: World, servers: Sequence[Server], scenarios: Sequence[str], effort: Effort, tell: Callable[[str], None]
) -> Measured:
    """Give each server its turn in each round, started anew, in an order that shifts by one; raises RuntimeError."""
    measured = Measured({}, 0.0)
    for number in range(effort.rounds):
        shift = number % len(servers)
        for server in (*servers[shift:], *servers[:shift]):
            tell(f"round {number + 1} of {effort.rounds}: {server.name}, {server.workers} × {server.threads or '–'}")
            with serving(server, world.environ, world.home.logs / "benchmarked.log") as running:
                _turn(world, running, scenarios, effort, measured)
    return measured


def _turn(world: World, running: Running, scenarios: Sequence[str], effort: Effort, measured: Measured) -> None:
    plans = world.plans()
    for scenario in scenarios:
        before = cpu_seconds(running.session)
        result = _load(Job(running.port, scenario, plans, effort.warm_up, effort.seconds))
        after = cpu_seconds(running.session)
        cpu = None if before is None or after is None else (after - before) * 1000 / result.answers[scenario]
        measured.generator_cpu = max(measured.generator_cpu, result.generator_cpu)
        for name, latencies in result.latencies.items():
            sample = _sample(latencies, result.seconds, cpu if name == scenario else None)
            measured.samples.setdefault((running.server, name), []).append(sample)


def _load(job: Job) -> Result:
    argv = [sys.executable, "-m", "tests.benchmarks.load"]
    done = subprocess.run(argv, input=json.dumps(asdict(job)), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the run of {job.scenario} failed: {done.stderr.strip()}")
    return Result(**json.loads(done.stdout))


def _sample(latencies: list[float], seconds: float, cpu: float | None) -> Sample:
    ordered = sorted(latencies)
    return Sample(
        rate=len(ordered) / seconds,
        median=ordered[len(ordered) // 2],
        p99=ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        cpu=cpu,
    )
