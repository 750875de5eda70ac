"""A PostgreSQL server of our own: made, started, prepared with roles, stopped. Used by the launcher and by tests."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from deploy.local.leftovers import children_of, postgres_on, wait_until_gone
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.postgres_binaries import carries_vector, find_install
from deploy.local.postgres_cluster import PostgresError, clean_environment, make_cluster
from deploy.local.process import POLL_SECONDS, Process
from deploy.local.secret_file import remembered_secrets
from deploy.local.unprivileged import reachable_folder, reachable_install, server_account

ROLES_SQL = Path(__file__).resolve().parents[1] / "postgres" / "roles.sql"
LOGIN_ROLES = ("migrator", "app", "worker", "system")
START_TIMEOUT_SECONDS = 60.0
# Not synchronous_commit=off: a SIGKILLed server would lose committed rows, and tests kill servers to prove it cannot.
UNSAFE_BUT_FAST = ("fsync=off", "full_page_writes=off")


class Postgres:
    """One data folder and the server on it.

    `durable=False` is for throwaway data: a crash of the machine may lose or break it, a crash of the server not.
    Passwords are kept in `<data_dir>.secrets.json`, readable by the owner only; the log is `<data_dir>.log`.
    """

    def __init__(
        self, data_dir: Path, *, port: int | None = None, durable: bool = True, log: Path | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port or free_port()
        self.durable = durable
        self._account = server_account(self.data_dir)
        self._install = find_install()
        self._bin = reachable_install(self._account, self._install) / "bin"
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._secrets = remembered_secrets(
            self.data_dir.with_name(f"{self.data_dir.name}.secrets.json"), ("superuser", *LOGIN_ROLES)
        )
        # Where the data really is: elsewhere when the server's user cannot reach the folder asked for.
        self._cluster = reachable_folder(self._account, self.data_dir, throwaway=not durable)
        # SIGINT is PostgreSQL's fast stop: open sessions are ended, nothing is lost.
        self.process = Process(
            self._server_argv(),
            log=log or self.data_dir.with_name(f"{self.data_dir.name}.log"),
            env=clean_environment(),
            account=self._account,
            stop_signal=signal.SIGINT,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def url(self, role: str, database: str = "coditect") -> str:
        """A connection URL for "superuser", "migrator", "app", "worker" or "system", password included."""
        user = "postgres" if role == "superuser" else f"coditect_{role}"
        return f"postgresql://{user}:{self._secrets[role]}@{LOOPBACK}:{self.port}/{database}"

    @property
    def is_new(self) -> bool:
        """Whether the next start has to make the data folder first, which takes seconds."""
        return not (self._cluster / "PG_VERSION").exists()

    def identity(self) -> str:
        """Which cluster this is: another text once the data folder was deleted and made anew."""
        made = (self._cluster / "PG_VERSION").stat()
        return f"{made.st_ino}:{made.st_mtime_ns}"

    def start(self) -> None:
        """Make the data folder when it is new, start the server, return when it takes connections.

        Raises PostgresError when it does not within a minute, or when another server runs on the folder.
        """
        self.spawn()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.ready():
            if not self.process.running():
                # A killed server's sessions hold its shared memory for a moment longer than itself.
                if "still in use" not in self.process.log_tail(3) or time.monotonic() > deadline:
                    raise PostgresError(f"PostgreSQL ended while starting:\n{self.process.log_tail()}")
                time.sleep(0.2)
                self.process.spawn()
            if time.monotonic() > deadline:
                self.kill()
                raise PostgresError(f"PostgreSQL was not ready in time:\n{self.process.log_tail()}")
            time.sleep(POLL_SECONDS)

    def spawn(self) -> None:
        """The first half of `start`: everything but the waiting."""
        if self.process.running():
            return
        if running := postgres_on(self._cluster):
            raise PostgresError(f"a PostgreSQL already runs on {self.data_dir} (pid {running[0]})")
        if self.is_new:
            make_cluster(self._bin, self._cluster, self._account, self._secrets["superuser"], durable=self.durable)
        _forget_foreign_pid(self._cluster)
        self.process.spawn()

    def ready(self) -> bool:
        """Whether a real session can be opened now."""
        try:
            psycopg.connect(self.url("superuser", "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Fast, clean stop: open transactions are rolled back, all committed data is on disk."""
        self.process.stop(timeout=20)

    def kill(self) -> None:
        """End the server as a power cut would: SIGKILL to it and to every process it started."""
        if not self.process.running():
            return
        # Stopped first, so that it can start no further child between the count and the kill.
        self.process.send(signal.SIGSTOP)
        children = children_of(self.process.pid)
        self.process.kill_group()
        _kill_all(children)

    def end_leftovers(self) -> None:
        """End a server on this folder that an earlier, killed run left behind, and its orphaned sessions."""
        pids = postgres_on(self._cluster)
        for pid in pids:
            _signal(pid, signal.SIGINT)
        if not wait_until_gone(pids, 10.0):
            _kill_all(postgres_on(self._cluster))

    def destroy(self) -> None:
        """Stop the server and delete its data and secrets."""
        self.stop()
        shutil.rmtree(self._cluster, ignore_errors=True)
        if self.data_dir.is_symlink():
            self.data_dir.unlink()
            shutil.rmtree(self._cluster.parent, ignore_errors=True)
        self.data_dir.with_name(f"{self.data_dir.name}.secrets.json").unlink(missing_ok=True)

    def prepare(self, database: str) -> None:
        """Bring roles, database, `vector` extension and grants to what the application expects. Idempotent."""
        with psycopg.connect(self.url("superuser", "template1"), autocommit=True) as admin:
            # In template1 as well, so that a database made for tests is born with it.
            self._create_vector(admin)
            if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        with psycopg.connect(self.url("superuser", database)) as admin:
            self._create_vector(admin)
            admin.execute(ROLES_SQL.read_bytes())
            # Test databases are made by the migrator; production never grants this.
            admin.execute("ALTER ROLE coditect_migrator CREATEDB")
            for role in LOGIN_ROLES:
                admin.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                        sql.Identifier(f"coditect_{role}"), sql.Literal(self._secrets[role])
                    )
                )

    def _create_vector(self, admin: psycopg.Connection) -> None:
        if carries_vector(self._install):
            admin.execute("CREATE EXTENSION IF NOT EXISTS vector")

    def _server_argv(self) -> list[str]:
        settings = [
            f"listen_addresses={LOOPBACK}",
            "unix_socket_directories=",  # TCP only: a socket's path may not be longer than about 100 bytes
            "max_connections=200",
            "timezone=UTC",
            "log_timezone=UTC",
            *(() if self.durable else UNSAFE_BUT_FAST),
        ]
        options = [word for setting in settings for word in ("-c", setting)]
        return [str(self._bin / "postgres"), "-D", str(self._cluster), "-p", str(self.port), *options]


def _forget_foreign_pid(cluster: Path) -> None:
    """Drop a lock file whose process id now belongs to something else, as after a restart of a container.

    PostgreSQL sees only that *some* process of its user has that number, and would refuse to start for ever. That no
    server runs on the folder is known here.
    """
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _kill_all(pids: Sequence[int]) -> None:
    for pid in pids:
        _signal(pid, signal.SIGKILL)
    wait_until_gone(pids, 10.0)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
