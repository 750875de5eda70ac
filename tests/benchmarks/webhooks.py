"""What a burst of Stripe's deliveries costs: how soon each is acknowledged, and how fast the worker applies them.

The yardstick is a plain Django view that only inserts a row, asked turn by turn with the webhook while the worker is at
its work, so that it and its neighbours on the machine bear on both alike.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import psycopg

from deploy.local.home import ROOT
from tests.benchmarks.burst import Answered, Burst, event_id
from tests.benchmarks.servers import production, serving
from tests.benchmarks.world import CONNECTIONS, World

TURNS = 10
WEBHOOK, ROW = "/api/v1/webhooks/stripe", "/api/benchmark/row"
APPLIED_WITHIN_SECONDS = 3600.0
_LEFT = "select count(*) from subscriptions_webhookevent where stripe_event_id like 'evt_bench_%%' and status <> %s"
_APPLIED = """
select count(*), count(*) filter (where status = 'completed'), count(*) filter (where attempts > 1),
  extract(epoch from max(processed_at) - min(received_at))::float
from subscriptions_webhookevent where stripe_event_id like 'evt_bench_%'
"""
# What would be there twice if an event had been applied twice with effect.
_EFFECTS = """
select (select count(*) from licenses_license), (select count(*) from emails_emaillog),
  (select count(*) from users_auditentry where action like 'LICENSE%' or action like 'SUBSCRIPTION%')
"""


@dataclass
class Measured:
    """The bursts by path, a turn each; how many events were stored, applied, tried again; seconds; load before it."""

    turns: dict[str, list[Answered]] = field(default_factory=dict)
    load_before: float = 0.0
    stored: int = 0
    applied: int = 0
    tried_again: int = 0
    applied_within: float = 0.0


def measure(world: World, *, deliveries: int, tell: Callable[[str], None]) -> Measured:
    """Deliver so many different events and wait until the worker has applied them.

    Raises RuntimeError when one is not acknowledged, not applied, or applied with an effect it should not have.
    """
    measured = Measured(load_before=os.getloadavg()[0])
    url = world.home.environment()["migrator"]["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("create table benchmark_row (id bigint generated always as identity, body text)")
        owner.execute("grant insert on benchmark_row to coditect_app")
        effects = owner.execute(_EFFECTS).fetchone()
        with serving(production(), world.environ, world.home.logs / "benchmarked.log") as running:
            for turn in range(TURNS):
                tell(f"turn {turn + 1} of {TURNS}")
                for path in (WEBHOOK, ROW) if turn % 2 else (ROW, WEBHOOK):
                    _turn(world, running.port, path, turn, deliveries // TURNS, measured)
        tell("all are acknowledged; the worker goes on")
        _wait_until_applied(owner, tell)
        row = owner.execute(_APPLIED).fetchone() or ()
        measured.stored, measured.applied, measured.tried_again, measured.applied_within = row
        if (measured.stored, measured.applied) != (deliveries, deliveries):
            raise RuntimeError(f"{deliveries} were acknowledged, {measured.stored} stored, {measured.applied} applied")
        if owner.execute(_EFFECTS).fetchone() != effects:
            raise RuntimeError("news that changed nothing left a trace")
    return measured


def table(measured: Measured) -> str:
    """Return what was measured as Markdown."""
    lines = [
        "| | answers/s, median of turns (min–max) | p50 ms | p99 ms | most ms |",
        "|---|---|---|---|---|",
    ]
    for path, name in ((WEBHOOK, "webhook: verified, stored, queued"), (ROW, "plain view that inserts a row")):
        turns = measured.turns[path]
        rates = [len(turn.latencies) / turn.seconds for turn in turns]
        p50, p99 = (median(_quantile(turn, share) for turn in turns) for share in (0.5, 0.99))
        most = max(max(turn.latencies) for turn in turns)
        spread = f"{median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})"
        lines.append(f"| {name} | {spread} | {p50:.1f} | {p99:.1f} | {most:.0f} |")
    rate = measured.applied / measured.applied_within
    return "\n".join(lines) + (
        f"\n\n{measured.stored:,} events acknowledged over {CONNECTIONS} connections, {measured.applied:,} applied "
        f"({measured.tried_again:,} of them at a second attempt, none with an effect of its own) by one worker process "
        f"in {measured.applied_within:.0f} s: {rate:.1f} events/s, each with a request to the Stripe stand-in on the "
        f"same machine, and the deliveries beside it. {TURNS} turns; load average before it {measured.load_before:.1f}."
    )


def _quantile(turn: Answered, share: float) -> float:
    ordered = sorted(turn.latencies)
    return ordered[int(len(ordered) * share)]


def _turn(world: World, port: int, path: str, turn: int, number: int, measured: Measured) -> None:
    burst = Burst(port, path, number, turn * number, CONNECTIONS, _secret(world), _templates(world))
    argv = [sys.executable, "-m", "tests.benchmarks.burst"]
    done = subprocess.run(argv, input=json.dumps(asdict(burst)), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the burst on {path} failed: {done.stderr.strip()}")
    answered = Answered(**json.loads(done.stdout))
    measured.turns.setdefault(path, []).append(answered)


def _secret(world: World) -> str:
    return world.environ["STRIPE_WEBHOOK_SECRETS"].split(",")[0]


def _templates(world: World) -> list[dict[str, Any]]:
    """Return the news of every subscription there is, to be sent again under other ids."""
    asked = urllib.request.Request(
        f"{world.environ['STRIPE_API_BASE']}/v1/events?limit=100&type=customer.subscription.created",
        headers={"Authorization": f"Bearer {world.environ['STRIPE_SECRET_KEY']}"},
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]
    return found


def _wait_until_applied(owner: psycopg.Connection[Any], tell: Callable[[str], None]) -> None:
    deadline = time.monotonic() + APPLIED_WITHIN_SECONDS
    while True:
        ((left,),) = owner.execute(_LEFT, ["completed"]).fetchall()
        if not left:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{left} events, {event_id(0)} among them perhaps, were not applied in time")
        tell(f"{left} left")
        time.sleep(5)
