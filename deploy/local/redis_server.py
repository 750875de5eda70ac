"""A Redis (or Valkey) server of our own: started, killed, paused, stopped. Used by the launcher and by tests."""

import os
import shutil
import signal
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.ports import LOOPBACK, free_port
from deploy.local.process import POLL_SECONDS, Process
from deploy.local.redis_binaries import find_server
from deploy.local.secret_file import remembered_secrets

START_TIMEOUT_SECONDS = 30.0


class RedisServerError(RuntimeError):
    """The server could not be started; the message ends with what its log says."""


class RedisServer:
    """One data folder and the server on it; the port and the password stay the same over kills and restarts.

    `durable=False` keeps nothing on disk, so a killed server comes back empty; otherwise at most the last second is
    lost. The password is kept in `<data_dir>.secrets.json`, the log is `<data_dir>.log`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        password: str | None = None,
        log: Path | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port or free_port()
        self.durable = durable
        self._secret_file = self.data_dir.with_name(f"{self.data_dir.name}.secrets.json")
        given = {"password": password} if password else None
        self._password = remembered_secrets(self._secret_file, ("password",), given)["password"]
        # The configuration comes through stdin ("-"): on the command line everyone could read the password.
        self.process = Process(
            [find_server(), "-"],
            log=log or self.data_dir.with_name(f"{self.data_dir.name}.log"),
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The connection URL, password included."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Start the server and return when it answers commands. Raises RedisServerError when it does not."""
        self.spawn()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.ready():
            if not self.process.running():
                raise RedisServerError(f"Redis ended while starting:\n{self.process.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise RedisServerError(f"Redis was not ready in time:\n{self.process.log_tail()}")
            time.sleep(POLL_SECONDS)

    def spawn(self) -> None:
        """The first half of `start`: everything but the waiting."""
        if self.process.running():
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.process.spawn(stdin=self._configuration().encode())

    def ready(self) -> bool:
        """Whether the server answers a PING; it does not while it still loads its data."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(1024)):
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def stop(self) -> None:
        """Clean stop: everything is written to disk first (when durable)."""
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self.process.kill_group()

    def pause(self) -> None:
        """Freeze the server: connections stay open and no command is answered, as on a hung machine."""
        self.process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on; nothing happens when it was not paused or does not run."""
        if self.process.running():
            self.process.send(signal.SIGCONT)

    def destroy(self) -> None:
        """Stop the server and delete its data and password."""
        self.stop()
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self._secret_file.unlink(missing_ok=True)

    def _configuration(self) -> str:
        lines = [
            f"port {self.port}",
            f"bind {LOOPBACK}",
            f"requirepass {self._password}",
            # Quoted, because a path may hold spaces.
            f'dir "{self.data_dir}"',
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            "daemonize no",
        ]
        return "\n".join(lines) + "\n"
