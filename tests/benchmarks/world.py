"""The world a benchmark runs in: the local stack on a throwaway home, customers with licences, and seats they hold."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.environment import for_process
from deploy.local.home import ROOT, Home
from deploy.local.ports import free_port
from deploy.local.postgres import Postgres
from deploy.local.stack import Stack
from deploy.local.supervisor import StopFlag
from tests.benchmarks.customers import Customer, become
from tests.benchmarks.scenarios import machine

CONNECTIONS = 16
SEATS_HELD = 50
LICENSES = 8
MANY_LICENSES = 1_000
# Servers of the caller's own would be measured instead of ours, and filled with customers.
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "STRIPE_SECRET_KEY")


@dataclass
class World:
    """What a run needs to know: the environment of a web process, and the customers to send load as."""

    home: Home
    environ: dict[str, str]
    customers: list[Customer]
    full: Customer
    holdings: list[tuple[Customer, str]] = field(default_factory=list)
    many_keys: list[str] = field(default_factory=list)

    def plans(self) -> list[dict[str, Any]]:
        """Return one plan a connection, with tokens that are good for the next minutes.

        The seats held are dealt out to the connections, so that no two beat for the same one. Connections also have a
        machine each for taking seats, two or so on a licence.
        """
        for customer in (*self.customers, self.full):
            customer.refresh()
        seats = [customer.acquire(machine) for customer, machine in self.holdings]
        return [
            {
                "seats": seats[index::CONNECTIONS],
                "access": customer.access,
                "license_key": customer.license_key,
                "license_keys": self.many_keys[index::CONNECTIONS] or [customer.license_key],
                "hot_license_key": self.many_keys[0] if self.many_keys else customer.license_key,
                "hardware_id": machine(index),
                "full_license_key": self.full.license_key,
                "full_license_access": self.full.access,
            }
            for index, customer in ((i, self.customers[i % LICENSES]) for i in range(CONNECTIONS))
        ]


def add_many_licenses(world: World) -> None:
    """Add the thousand licences that seats are taken on."""
    argv = [sys.executable, "-m", "tests.benchmarks.many_licenses", str(MANY_LICENSES), str(CONNECTIONS)]
    done = subprocess.run(argv, env=world.environ, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the licences could not be made: {done.stderr.strip()}")
    world.many_keys = json.loads(done.stdout)


def inherited() -> dict[str, str]:
    """Return the caller's environment without servers of their own, and without limits: one machine plays hundreds."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    return kept | {"RATELIMIT_ENABLE": "false"}


@dataclass(frozen=True)
class RunningStack:
    """A local stack that serves at `url`, and the environment of a benchmarked web process beside its own."""

    home: Home
    environ: dict[str, str]
    url: str


@contextmanager
def running_stack(servers: Mapping[str, str] | None = None) -> Iterator[RunningStack]:
    """Start the stack with durable PostgreSQL and Redis, as `./dev run` does, and take it down with all its data.

    `servers` are variables that name servers of the caller's (REDIS_URL, say), which are used in place of the stack's.
    """
    folder = Path(tempfile.mkdtemp(prefix="coditect-bench-"))
    home = Home(folder)
    caller = inherited() | dict(servers or {})
    stack = Stack(home, free_port(), caller, StopFlag())
    try:
        with redirect_stdout(sys.stderr):  # stdout is for the table
            stack.start()
        variables = home.environment()["app"] | {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.settings"}
        yield RunningStack(home, for_process(caller, variables, home), stack.url)
    finally:
        stack.stop()
        Postgres(folder / "postgres").destroy()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def world() -> Iterator[World]:
    """Start the stack and fill it with customers."""
    with running_stack() as stack:
        yield _populated(stack)


def _populated(stack: RunningStack) -> World:
    plans = ["pro"] * LICENSES + ["starter"]
    with ThreadPoolExecutor(4) as pool:
        *customers, full = pool.map(lambda plan: become(stack.url, plan=plan), plans)
    for number in range(3):
        full.acquire(f"bench-filling-{number:03}")
    holdings = [(customers[i % LICENSES], f"bench-holding-{i:03}") for i in range(SEATS_HELD)]
    return World(stack.home, stack.environ, customers, full, holdings)
