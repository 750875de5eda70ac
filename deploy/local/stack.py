"""What the local stack consists of and the order in which it comes up: this is the file to read first."""

import http.client
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.local.bootstrap import Admin, run_bootstrap, stamp_of
from deploy.local.environment import DATABASE, MARK, Servers, environments, for_process
from deploy.local.home import ROOT, Home
from deploy.local.leftovers import end_marked, end_recorded, started_at
from deploy.local.ports import LOOPBACK, is_free, kept_or_free
from deploy.local.postgres import Postgres
from deploy.local.process import Process
from deploy.local.progress import note
from deploy.local.redis_server import RedisServer
from deploy.local.supervisor import Component, StopFlag, Supervisor

WEBHOOK_PATH = "/api/v1/webhooks/stripe"
# One place for the web server's options, because they are tuned by measuring.
WEB_ARGV = ["-m", "granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", "16"]
WEB_ARGV += ["--respawn-failed-workers", "--no-access-log"]


class PortTakenError(RuntimeError):
    """The web port is used by another program; the message says how to choose another."""


@dataclass(frozen=True, slots=True)
class Started:
    """A stack that serves, and what is worth telling about it."""

    admin: Admin
    stripe_url: str | None


class Stack:
    """One run of the whole product on one home."""

    def __init__(self, home: Home, port: int, caller: Mapping[str, str], stop: StopFlag) -> None:
        self.home = home
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}"
        self._caller = caller
        self._stop = stop
        self._supervisor = Supervisor(stop, self._publish)

    def start(self) -> Started:
        """Bring everything up: servers side by side, then bootstrap if anything changed, then web and worker."""
        end_recorded(self.home.stack())
        end_marked(MARK, str(self.home.path))
        if not is_free(self.port):
            raise PortTakenError(
                f"port {self.port} is already used by another program. Choose another: PORT={self.port + 1} ./dev run"
            )
        servers = self._servers()
        by_role = environments(self._caller, self.home, servers, self.url)
        self._supervisor.launch(self._server_components(servers))
        self._supervisor.wait_for("redis", "postgres")
        if servers.postgres:
            servers.postgres.prepare(DATABASE)
            by_role["superuser"] = {"DATABASE_URL": servers.postgres.url("superuser", DATABASE)}
        self.home.write_environment(by_role)
        admin = self._bootstrap(servers, by_role["migrator"])
        self._supervisor.launch([self._web(by_role["app"]), self._worker(by_role["worker"])])
        self._supervisor.wait_for()
        return Started(admin, f"http://{LOOPBACK}:{servers.stripe_port}" if servers.stripe_port else None)

    def watch(self) -> None:
        """Bring back whatever dies until a stop is asked for."""
        self._supervisor.watch()

    @property
    def running(self) -> bool:
        """Whether there is anything to stop."""
        return self._supervisor.has_components

    def stop(self) -> None:
        """Stop everything in reverse order and withdraw stack.json."""
        self._supervisor.stop()
        self.home.stack_file.unlink(missing_ok=True)

    def _servers(self) -> Servers:
        """Decide what is ours to run, on the ports of the last run where they are still free."""
        known = self.home.ports()
        ports = {name: kept_or_free(known.get(name)) for name in ("postgres", "redis", "stripe")}
        self.home.remember_ports(ports)
        postgres = redis = None
        if not self._caller.get("DATABASE_URL"):
            postgres = Postgres(
                self.home.path / "postgres", port=ports["postgres"], log=self.home.logs / "postgres.log"
            )
            postgres.end_leftovers()
        if not self._caller.get("REDIS_URL"):
            redis = RedisServer(self.home.path / "redis", port=ports["redis"], log=self.home.logs / "redis.log")
        return Servers(postgres, redis, None if self._caller.get("STRIPE_SECRET_KEY") else ports["stripe"])

    def _server_components(self, servers: Servers) -> list[Component]:
        # Redis and Stripe first: they are up while a new PostgreSQL still makes its data folder.
        components = []
        if servers.redis:
            redis = servers.redis
            redis.process.env[MARK] = str(self.home.path)
            components.append(Component("redis", redis.process, redis.spawn, redis.ready, redis.url))
        if servers.stripe_port:
            components.append(self._stripe(servers.stripe_port))
        if servers.postgres:
            postgres = servers.postgres
            if postgres.is_new:
                note("  …   postgres   making a new data folder")
            url = postgres.url("app", DATABASE)
            components.append(
                Component(
                    "postgres", postgres.process, postgres.spawn, postgres.ready, url, tidy=postgres.end_leftovers
                )
            )
        return components

    def _bootstrap(self, servers: Servers, variables: Mapping[str, str]) -> Admin:
        # A database that is not ours may have changed behind our back: only our own is ever taken for unchanged.
        stamp = stamp_of(self.home, servers.postgres, variables) if servers.postgres else ""
        known_stamp, email = self.home.last_bootstrap()
        if stamp and stamp == known_stamp:
            return Admin(email=email, password=None)
        self._supervisor.wait_for("stripe")  # only the seeding of plans talks to it
        admin = run_bootstrap(self.home, for_process(self._caller, variables, self.home), self._stop)
        # Taken again: bootstrap itself makes keys, which are part of the stamp.
        if servers.postgres:
            self.home.remember_bootstrap(stamp_of(self.home, servers.postgres, variables), admin.email)
        return admin

    def _stripe(self, port: int) -> Component:
        url = f"http://{LOOPBACK}:{port}"
        secret = self.home.secrets()["STRIPE_WEBHOOK_SECRET"]
        argv = ["-m", "deploy.local.stripe", "--port", str(port), "--data", str(self.home.path / "stripe")]
        argv += ["--webhook-url", self.url + WEBHOOK_PATH, "--webhook-secret", secret]
        process = self._python("stripe", argv, {})
        return Component("stripe", process, process.spawn, lambda: answers_200(f"{url}/health"), url)

    def _web(self, variables: Mapping[str, str]) -> Component:
        argv = [*WEB_ARGV, "--host", LOOPBACK, "--port", str(self.port), "config.wsgi:application"]
        process = self._python("web", argv, variables)
        return Component("web", process, process.spawn, lambda: answers_200(f"{self.url}/health/ready"), self.url)

    def _worker(self, variables: Mapping[str, str]) -> Component:
        process = self._python("worker", ["manage.py", "worker"], variables)
        return Component("worker", process, process.spawn, process.running, None)

    def _python(self, name: str, argv: Sequence[str], variables: Mapping[str, str]) -> Process:
        return Process(
            [sys.executable, *argv],
            log=self.home.logs / f"{name}.log",
            env=for_process(self._caller, variables, self.home),
            cwd=ROOT,
        )

    def _publish(self, components: Sequence[Component]) -> None:
        self.home.write_stack(
            {
                component.name: {
                    "pid": component.process.pid,
                    "url": component.url,
                    "started": started_at(component.process.pid),
                }
                for component in components
            }
        )


def answers_200(url: str) -> bool:
    """Whether a GET is answered with 200 within two seconds."""
    try:
        # Never through a proxy of the person's shell: this is loopback.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False
