"""Ten thousand live clients that beat, leave and come for minutes, on the whole stack, while Redis is killed twice.

The yardstick is a view that only reads a seat token, asked in between all the time, so that whatever slows the machine
bears on it too. In the end the record must have the very seats that the clients believe in.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from deploy.local.home import ROOT
from deploy.local.redis_server import RedisServer
from tests.benchmarks.processor import cpu_seconds
from tests.benchmarks.servers import production, serving
from tests.benchmarks.traffic import BEAT_SECONDS, EARLIER_SECONDS, KEPT_CONNECTIONS, Job, Result
from tests.benchmarks.world import RunningStack, running_stack

LICENSES = 100
AWAY_SHARE = 0.05
RATES = {"acquire": 2.0, "release": 2.0, "validate": 5.0, "empty_seat": 5.0}
YARDSTICK = "empty_seat"
GOAL = 2.0
REDIS_DOWN_SECONDS = 2.0
REDIS_DIES_AFTER = (1 / 3, 2 / 3)
"""At which parts of the run."""
ENDS_WITHIN_SECONDS = 60.0
_LIVE = "select id::text from licenses_licensesession where ended_at is null and expires_at > now()"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """What the clients saw, on how much of the machine, and where they and the record differ."""

    clients: int
    seconds: float
    result: Result
    only_believed: int
    only_recorded: int
    load_before: tuple[float, float, float]
    web_cpu: float | None

    @property
    def sound(self) -> bool:
        """Whether nothing went wrong for any client, and the record has what they believe."""
        return not (self.result.errors or self.only_believed or self.only_recorded)


def measure(*, clients: int, seconds: float, tell: Tell) -> Measured:
    """Seat the clients, play them for so long, killing Redis twice, and compare them with the record."""
    load_before = os.getloadavg()
    with (
        tempfile.TemporaryDirectory(prefix="coditect-bench-redis-") as folder,
        RedisServer(Path(folder) / "redis") as redis,
        running_stack({"REDIS_URL": redis.url}) as stack,
        serving(production(), stack.environ, stack.home.logs / "benchmarked.log") as running,
    ):
        machines = _seated(stack, clients)
        tell(f"{clients:,} machines have a seat")
        began, cpu = time.perf_counter(), cpu_seconds(running.session)
        result = _play(Job(running.port, seconds, machines, RATES), stack, redis, tell)
        spent = None if cpu is None else ((cpu_seconds(running.session) or 0) - cpu) / (time.perf_counter() - began)
        with psycopg.connect(stack.home.environment()["migrator"]["DATABASE_URL"]) as owner:
            recorded = {str(row[0]) for row in owner.execute(_LIVE).fetchall()}
    believed = set(result.believed)
    return Measured(clients, seconds, result, len(believed - recorded), len(recorded - believed), load_before, spent)


def table(measured: Measured) -> str:
    """Return what was measured as Markdown: a line a kind of request, then what went wrong."""
    result = measured.result
    lines = [
        "| request | answers | degraded | p50 ms | p95 ms | p99 ms | p95 to empty view |",
        "|---|---|---|---|---|---|---|",
    ]
    yardstick = percentile(result.latencies[YARDSTICK], 0.95)
    for kind in ("heartbeat", *RATES):
        latencies = result.latencies.get(kind, [])
        if not latencies:
            continue
        p50, p95, p99 = (percentile(latencies, part) for part in (0.5, 0.95, 0.99))
        cells = [kind, f"{len(latencies):,}", f"{result.degraded.get(kind, 0):,}", f"{p50:.1f}", f"{p95:.1f}"]
        lines.append(f"| {' | '.join([*cells, f'{p99:.1f}', f'{p95 / yardstick:.2f}'])} |")
    errors = "; ".join(f"{what} × {times:,}" for what, times in sorted(result.errors.items())) or "0"
    load = ", ".join(f"{value:.1f}" for value in measured.load_before)
    web = "–" if measured.web_cpu is None else f"{measured.web_cpu:.0%}"
    return "\n".join(lines) + (
        f"\n\nErrors: {errors}. Seats that only a client believes in: {measured.only_believed}; that only the record "
        f"has: {measured.only_recorded}; both: {len(result.believed) - measured.only_believed:,}. Goal for the last "
        f"column: ≤ {GOAL:g}.\n\n"
        f"{measured.clients:,} clients on {LICENSES} licences, each beating every {BEAT_SECONDS:g} s or up to "
        f"{EARLIER_SECONDS:g} s earlier, for {measured.seconds / 60:g} minutes; an open loop, latencies from the time "
        f"each request was due, {KEPT_CONNECTIONS} kept connections and more when needed. Redis killed "
        f"{len(REDIS_DIES_AFTER)} times, down {REDIS_DOWN_SECONDS:g} s each. Of one core the generator used "
        f"{result.generator_cpu:.0%}, the web process {web}; requests were sent "
        f"{percentile(result.late, 0.5):.1f} ms late (median; p99 {percentile(result.late, 0.99):.1f}), which their "
        f"latencies include. Load average before: {load}."
    )


def percentile(values: list[float], part: float) -> float:
    """Return the value that this part of all lies at or below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def _seated(stack: RunningStack, clients: int) -> list[dict[str, object]]:
    away = max(LICENSES, int(clients * AWAY_SHARE))
    numbers = [str(LICENSES), str(clients), str(away), str(BEAT_SECONDS)]
    argv = [sys.executable, "-m", "tests.benchmarks.seated_clients", *numbers]
    done = subprocess.run(argv, env=stack.environ, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the clients could not be seated: {done.stderr.strip()}")
    made: list[dict[str, object]] = json.loads(done.stdout)
    return made


def _play(job: Job, stack: RunningStack, redis: RedisServer, tell: Tell) -> Result:
    """Run the generator and kill Redis meanwhile; raises RuntimeError when it fails or does not end."""
    folder = stack.home.path
    job_file, result_file, complaints = (folder / f"traffic.{name}" for name in ("job", "result", "stderr"))
    job_file.write_text(json.dumps(asdict(job)))
    with job_file.open() as stdin, result_file.open("w") as stdout, complaints.open("w") as stderr:
        argv = [sys.executable, "-m", "tests.benchmarks.traffic"]
        generator = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=stderr, cwd=ROOT)
        began = time.monotonic()
        try:
            for part in REDIS_DIES_AFTER:
                _wait(generator, began + job.seconds * part)
                redis.kill()
                tell("Redis is killed")
                time.sleep(REDIS_DOWN_SECONDS)
                redis.start()
                tell("Redis is back")
            generator.wait(began + job.seconds + ENDS_WITHIN_SECONDS - time.monotonic())
        except subprocess.TimeoutExpired:
            raise RuntimeError("the generator did not end in time") from None
        finally:
            generator.kill()
            generator.wait()
    if generator.returncode:
        raise RuntimeError(f"the traffic failed: {complaints.read_text().strip()}")
    return Result(**json.loads(result_file.read_text()))


def _wait(generator: "subprocess.Popen[bytes]", until: float) -> None:
    """Wait for a time at which the generator still runs; if it ends before, there is something to be seen there."""
    while time.monotonic() < until and generator.poll() is None:
        time.sleep(0.2)
