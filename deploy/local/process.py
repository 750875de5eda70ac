"""One child process of the launcher: started in its own group, logged to a file, ended without leaving anything."""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from deploy.local.unprivileged import Account

LOG_LIMIT_BYTES = 20_000_000
POLL_SECONDS = 0.02


class Process:
    """A program that can be started again and again; at most one instance runs at a time."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str],
        cwd: Path | str = "/",
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.argv = list(argv)
        self.log = log
        self.env = dict(env)
        self.cwd = cwd
        self.account = account
        self.stop_signal = stop_signal
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running (or last) instance; 0 before the first start."""
        return self._popen.pid if self._popen else 0

    def spawn(self, *, stdin: bytes | None = None, stdout: IO[bytes] | None = None) -> None:
        """Start the program and return at once. Raises OSError when it cannot be executed at all.

        `stdin` is written to it whole (a few KiB at most); its output goes to the log, or to `stdout` when given.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        _rotate(self.log)
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [*_bound_to_this_process(self.stop_signal), *self.argv],
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=stdout or log,
                stderr=log,
                env=self.env,
                cwd=self.cwd,
                # Its own group: Ctrl-C in the terminal reaches the launcher alone, which then stops all in order.
                start_new_session=True,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
        if stdin is not None and self._popen.stdin is not None:
            with self._popen.stdin as pipe:
                pipe.write(stdin)

    def running(self) -> bool:
        """Whether the program is alive; reaps it when it is not."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code of a finished instance (negative: the signal that ended it), None while it runs."""
        return self._popen.poll() if self._popen else None

    def ask_to_stop(self) -> None:
        """Send the polite signal and return at once."""
        if self._popen and self.running():
            self._popen.send_signal(self.stop_signal)
            self._popen.send_signal(signal.SIGCONT)  # a frozen program acts on it only when woken

    def stop(self, timeout: float = 10.0) -> None:
        """End the program politely; whoever is left of its group after `timeout` seconds is killed."""
        self.ask_to_stop()
        if self._popen:
            try:
                self._popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        self.kill_group()

    def kill_group(self) -> None:
        """SIGKILL the program and what it started: a server's children must not go on holding its port."""
        if self._popen is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program itself. Raises ProcessLookupError when it does not run."""
        if not self.running() or self._popen is None:
            raise ProcessLookupError(f"{self.argv[0]} does not run")
        self._popen.send_signal(number)

    def log_tail(self, lines: int = 12) -> str:
        """The end of the log, for a message to a person."""
        if not self.log.exists():
            return ""
        text = self.log.read_bytes()[-20_000:].decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))


def _bound_to_this_process(number: signal.Signals) -> list[str]:
    """A prefix that makes Linux signal the program when this process dies, however it dies.

    The kernel ties the signal to the *thread* that forked, so a short-lived thread must not ask for it. `setpriv`
    does it after fork and exec, which a `preexec_fn` in a threaded process cannot do safely.
    """
    if threading.current_thread() is not threading.main_thread() or not _setpriv():
        return []
    return [_setpriv(), "--pdeathsig", number.name, "--"]


@functools.cache
def _setpriv() -> str:
    program = shutil.which("setpriv") if sys.platform == "linux" else None
    if program is None:
        return ""
    probe = subprocess.run([program, "--pdeathsig", "SIGTERM", "--", "true"], capture_output=True, check=False)
    return program if probe.returncode == 0 else ""
