"""`./dev bench [seats|growth|clients|servers|enumeration|audit|webhooks]`: measures, and prints Markdown tables."""

import argparse
import signal
import sys
from collections.abc import Sequence

from tests.benchmarks import audit, clients, enumeration, gate_alone, growth, report, webhooks
from tests.benchmarks.measure import Effort, measure_server, measure_servers
from tests.benchmarks.servers import contenders, production
from tests.benchmarks.world import add_many_licenses, world

FULL = Effort(rounds=5, seconds=1.5, warm_up=0.4)
QUICK = Effort(rounds=2, seconds=0.6, warm_up=0.2)
SEAT_SCENARIOS = (
    "empty_user",
    "empty_seat",
    "heartbeat",
    "acquire",
    "refused",
    "validate",
    "rows_acquire",
    "rows_hot",
    "rows_refused",
    "rows_refused_lean",
)
SERVER_SCENARIOS = ("empty_user", "heartbeat")
BASE = ("granian wsgi", 1, 4)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; the exit code is 0 when every answer was the expected one."""
    options = _parser().parse_args(arguments)
    # Without this a SIGTERM would leave the throwaway data behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    effort = QUICK if options.quick else FULL
    if options.name == "enumeration":
        _print(enumeration.table(enumeration.compare(runs=20 if options.quick else 200)))
        return 0
    if options.name == "audit":
        measured_log = audit.measure(entries=10_000 if options.quick else 100_000, organizations=50)
        _print(f"### Audit log\n\n{audit.table(measured_log)}\n\n{report.machine()}")
        return 0
    if options.name == "growth":
        grown = growth.measure(past=100_000 if options.quick else growth.PAST, tell=_tell)
        _print(f"### Cost as it grows\n\n{growth.table(grown)}\n\n{report.machine()}")
        return 0
    if options.name == "clients":
        played = clients.measure(clients=options.clients, seconds=options.minutes * 60, tell=_tell)
        _print(f"### Live clients\n\n{clients.table(played)}\n\n{report.machine()}")
        return 0 if played.sound else 1
    if options.name == "webhooks":
        with world() as made:
            burst = webhooks.measure(made, deliveries=1_000 if options.quick else 10_000, tell=_tell)
        _print(f"### A burst of webhooks\n\n{webhooks.table(burst)}\n\n{report.machine()}")
        return 0
    with world() as made:
        if options.name == "seats":
            add_many_licenses(made)
            server = production()
            measured = measure_server(made, server, SEAT_SCENARIOS, effort, _tell)
            title = f"Seats ({server.workers} × {server.threads} of the production server)"
            alone = gate_alone.table(gate_alone.measure(made.environ["REDIS_URL"]))
            table = "\n\n".join((report.seats_table(measured, server), report.goals_table(measured, server), alone))
        else:
            servers = [server for server in contenders() if options.only in server.name]
            if not servers:
                raise SystemExit(f"no server has {options.only!r} in its name")
            measured = measure_servers(made, servers, SERVER_SCENARIOS, effort, _tell)
            yardstick = next((each for each in servers if (each.name, each.workers, each.threads) == BASE), servers[0])
            title = f"Web servers (ratios to {yardstick.name}, {yardstick.workers} × {yardstick.threads or '–'})"
            table = report.servers_table(measured, servers, yardstick)
    _print(f"### {title}\n\n{table}\n\n{report.conditions(effort, measured)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument(
        "name",
        nargs="?",
        choices=("seats", "growth", "clients", "servers", "enumeration", "audit", "webhooks"),
        default="seats",
    )
    parser.add_argument("--quick", action="store_true", help="half a minute, for a first look; quote full runs only")
    parser.add_argument("--only", default="", metavar="TEXT", help="of the servers, those with TEXT in their name")
    parser.add_argument("--clients", type=int, default=10_000, help="of the live clients, how many")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the live clients, for how long")
    return parser


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
