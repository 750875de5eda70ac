"""A web process as a deployment runs it: granian, its threads, its connection pool; asked over HTTP."""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx

from deploy.local.leftovers import children_of
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.process import Process
from deploy.local.stack import WEB_ARGV, answers_200
from tests.concurrency.together import wait_until
from tests.plugins import servers

START_SECONDS = 40.0


class Web:
    """One web process on a port of its own; started again on the same port after it was killed."""

    def __init__(self, name: str, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.process = Process(
            [sys.executable, *WEB_ARGV, "--host", LOOPBACK, "--port", str(self.port), "config.wsgi:application"],
            log=servers.current().folder / f"{name}.log",
            # The local settings, because those of the test suite go without the connection pool.
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.local", "RATELIMIT_ENABLE": "false"}
            | settings,
            cwd=servers.ROOT,
        )
        # As many connections as there are callers, and never through a proxy of somebody's shell.
        # A connection a request: threads that share idle ones have seen one closed beneath them by another.
        self.http = httpx.Client(
            base_url=self.url,
            timeout=60,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    def start(self) -> None:
        """Start it unless it runs, and return when it serves."""
        if not self.process.running():
            self.process.spawn()
        wait_until(self.serves, seconds=START_SECONDS)

    def serves(self) -> bool:
        """Return whether it can do its work now."""
        return answers_200(f"{self.url}/health/ready")

    def stop(self) -> None:
        """End it politely."""
        self.http.close()
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL, to the server and to the process in it that runs our code."""
        self.process.kill_group()

    def kill_workers(self) -> None:
        """SIGKILL, to the processes that run our code; the server itself lives on."""
        for pid in children_of(self.process.pid):
            os.kill(pid, signal.SIGKILL)

    def pids(self) -> set[int]:
        """Return the ids of its processes, to tell later whether they are the same ones."""
        return {self.process.pid, *children_of(self.process.pid)}


@lru_cache(maxsize=8)
def web(name: str) -> Web:
    """Return the web process of this name, the same for the whole run."""
    made = Web(name)
    atexit.register(made.stop)
    return made


@dataclass(frozen=True)
class Machine:
    """A machine that asks a web process for a seat."""

    web: Web
    license_key: str
    hardware_id: str

    def acquire(self) -> httpx.Response:
        """Ask for a seat."""
        return self.post("acquire", {"license_key": self.license_key, "hardware_id": self.hardware_id})

    def beat(self, seat: dict[str, Any]) -> httpx.Response:
        """Keep the seat that an earlier answer gave."""
        return self.post("heartbeat", {name: seat[name] for name in ("session_id", "signed_token")})

    def release(self, seat: dict[str, Any]) -> httpx.Response:
        """Give the seat back."""
        return self.post("release", {name: seat[name] for name in ("session_id", "signed_token")})

    def post(self, verb: str, body: dict[str, Any]) -> httpx.Response:
        """Send one request."""
        return self.web.http.post(f"/api/v1/licenses/{verb}", json=body)


def machines(count: int, *, web: Web, license_key: str) -> list[Machine]:
    """Return so many machines of one licence."""
    return [Machine(web, license_key, f"machine-{number:04}") for number in range(count)]


def acquires(asking: list[Machine]) -> list[Callable[[], httpx.Response]]:
    """Return the calls by which these machines ask for a seat."""
    return [machine.acquire for machine in asking]
