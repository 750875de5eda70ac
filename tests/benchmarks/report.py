"""Turns samples into Markdown: medians over the rounds with their range, and ratios to the yardstick of the run."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from tests.benchmarks.measure import Effort, Measured, Sample
from tests.benchmarks.servers import Server
from tests.benchmarks.world import CONNECTIONS, LICENSES, SEATS_HELD

PACKAGES = ("granian", "gunicorn", "uvicorn", "django", "djangorestframework", "psycopg", "redis")
TITLES = {
    "empty_user": "(a) empty view, user token (1 query)",
    "empty_seat": "(a) empty view, seat token (0 queries)",
    "heartbeat": "heartbeat",
    "acquire": "acquire, 1,000 licences (a release after each)",
    "release": "release",
    "refused": "acquire refused, licence full",
    "validate": "validate",
    "rows_acquire": "(b) acquire by row locks alone, 1,000 licences",
    "rows_acquire_release": "(b) release",
    "rows_hot": "(b) acquire by row locks alone, one hot licence",
    "rows_hot_release": "(b) release",
    "rows_refused": "(b) refused by row locks alone, one hot licence",
    "rows_refused_lean": "(b) the same, by our statement without the gate",
}
GOALS = [
    ("heartbeat", "empty_seat", 0.7),
    ("acquire", "empty_user", 0.4),
    ("refused", "empty_user", 0.7),
    ("refused", "rows_refused", 5.0),
    ("refused", "rows_refused_lean", None),
    ("acquire", "rows_acquire", None),
    ("acquire", "rows_hot", None),
]
"""What is to be how many times as fast as what; None where no goal is set."""


def seats_table(measured: Measured, server: Server) -> str:
    """Return the endpoints of one server, each as a ratio to the two yardsticks."""
    by_name = {name: samples for (each, name), samples in measured.samples.items() if each == server}
    user, seat = by_name["empty_user"], by_name["empty_seat"]
    lines = [
        "| request | requests/s, median (min–max) | to empty user view | to empty seat view | p50 ms | p99 ms "
        "| web CPU ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, title in TITLES.items():
        samples = by_name[name]
        cells = [
            title,
            _rates(samples),
            ratio(samples, user),
            ratio(samples, seat),
            *_latencies(samples),
            _cpu(samples),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def goals_table(measured: Measured, server: Server) -> str:
    """Return what was aimed at beside what was reached, by rate and by CPU time of the web processes.

    An acquire counts with the release after it: so many pairs in the time of so many empty answers.
    """
    by_name = {name: samples for (each, name), samples in measured.samples.items() if each == server}
    lines = ["| what | to | goal | by rate | by web CPU |", "|---|---|---|---|---|"]
    for name, yardstick, goal in GOALS:
        mine, theirs = by_name[name], by_name[yardstick]
        costs = [one.cpu / other.cpu for one, other in zip(theirs, mine, strict=True) if one.cpu and other.cpu]
        by_cpu = f"{median(costs):.2f}" if costs else "–"
        goal_text = "–" if goal is None else f"≥ {goal:g}"
        lines.append(f"| {TITLES[name]} | {TITLES[yardstick]} | {goal_text} | {ratio(mine, theirs)} | {by_cpu} |")
    return "\n".join(lines)


def servers_table(measured: Measured, servers: Sequence[Server], yardstick: Server) -> str:
    """Return every server in the order given, with its ratios to one of them."""
    lines = [
        "| server | workers × threads | heartbeat/s, median (min–max) | ratio | p99 ms | CPU ms "
        "| empty view/s, median (min–max) | ratio | p99 ms | CPU ms |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for server in servers:
        cells = [server.name, f"{server.workers} × {server.threads or '–'}"]
        for name in ("heartbeat", "empty_user"):
            samples = measured.samples[server, name]
            cells += [_rates(samples), ratio(samples, measured.samples[yardstick, name])]
            cells += [_latencies(samples)[1], _cpu(samples)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def ratio(samples: Sequence[Sample], yardstick: Sequence[Sample]) -> str:
    """Return the median over the rounds of rate to rate: both of one round saw the same neighbours."""
    return f"{median(mine.rate / theirs.rate for mine, theirs in zip(samples, yardstick, strict=True)):.2f}"


def conditions(effort: Effort, measured: Measured) -> str:
    """Return what the figures were measured on and how, for whoever reads them later."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{effort.rounds} rounds of {effort.seconds:g} s a cell, turn by turn; {CONNECTIONS} keep-alive connections, "
        f"closed loop; {SEATS_HELD} seats held on {LICENSES} licences. "
        f"{os.cpu_count()} cores ({_processor()}) shared by web, PostgreSQL, Redis and the load, which used at most "
        f"{measured.generator_cpu:.0%} of one; load average at the end {load}. "
        f"Python {platform.python_version()}, {versions}. PostgreSQL durable (fsync, synchronous_commit), "
        "logs at INFO."
    )


def machine() -> str:
    """Return what a benchmark without a web process was measured on."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{os.cpu_count()} cores ({_processor()}), load average at the end {load}. Python {platform.python_version()}, "
        f"psycopg {version('psycopg')}. PostgreSQL durable (fsync, synchronous_commit)."
    )


def _rates(samples: Sequence[Sample]) -> str:
    rates = [sample.rate for sample in samples]
    return f"{median(rates):.0f} ({min(rates):.0f}–{max(rates):.0f})"


def _latencies(samples: Sequence[Sample]) -> tuple[str, str]:
    return f"{median(each.median for each in samples):.1f}", f"{median(each.p99 for each in samples):.1f}"


def _cpu(samples: Sequence[Sample]) -> str:
    costs = [sample.cpu for sample in samples if sample.cpu is not None]
    return f"{median(costs):.2f}" if costs else "–"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
