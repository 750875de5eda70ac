"""Knowing processes that are not our children: a server left by a killed run, the children of a killed server.

A bare process id is never trusted, because numbers are reused: a process is known by its id *and* the moment it began.
Linux is read from /proc, because a minimal Debian has no `ps`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PROC = Path("/proc")


def started_at(pid: int) -> str | None:
    """When the process began, as text to compare and nothing else; None when it does not run."""
    if sys.platform == "linux":
        fields = _stat_fields(pid)
        # Counted in clock ticks since boot; the boot's own id keeps two boots apart.
        return None if fields is None or fields[0] == "Z" else f"{_boot_id()}:{fields[19]}"
    return _ps("lstart=", "-p", str(pid)).strip() or None


def children_of(pid: int) -> list[int]:
    """The direct children of a process."""
    if sys.platform == "linux":
        fields = {int(entry.name): _stat_fields(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit()}
        return [child for child, stat in fields.items() if stat and int(stat[1]) == pid]
    pairs = (line.split() for line in _ps("pid=,ppid=", "-A").splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


def wait_until_gone(pids: Sequence[int], timeout: float) -> bool:
    """Wait for processes that are not our children to end; False when one is still there after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while any(started_at(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def postgres_on(cluster: Path) -> list[int]:
    """Processes of a PostgreSQL that runs on the data folder, its server first.

    On Linux known by program and working folder, so that sessions whose server was killed are found as well. Elsewhere
    only the server itself, by its lock file, and only when that process is a PostgreSQL.
    """
    if sys.platform == "linux":
        found = [
            int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit() and _is_postgres_in(entry, cluster)
        ]
        return sorted(found)
    try:
        pid = int((cluster / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return []
    return [pid] if "postgres" in _ps("comm=", "-p", str(pid)) else []


def end_recorded(components: Mapping[str, Mapping[str, Any]]) -> None:
    """End what a killed launcher's stack.json names and still runs, last started first, each with its group."""
    for facts in reversed(list(components.values())):
        pid, started = int(facts["pid"]), facts.get("started")
        if started and started_at(pid) == started:
            _end(pid, os.killpg)


def end_marked(name: str, value: str) -> None:
    """End processes with the variable in their environment: members of a group whose leader is gone. Linux only."""
    if sys.platform != "linux":
        return
    mark = f"{name}={value}".encode()
    for entry in PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _has_variable(entry, mark):
            _end(int(entry.name), os.kill)


def _end(pid: int, send: Callable[[int, int], None]) -> None:
    for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            send(pid, number)
        if wait_until_gone([pid], patience):
            return


def _has_variable(entry: Path, mark: bytes) -> bool:
    try:
        return mark in (entry / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile, or is another user's
        return False


def _is_postgres_in(entry: Path, cluster: Path) -> bool:
    try:
        return (entry / "comm").read_text().startswith("postgres") and (entry / "cwd").samefile(cluster)
    except OSError:  # it ended meanwhile, or is another user's
        return False


def _stat_fields(pid: int) -> list[str] | None:
    try:
        # The name in brackets may itself hold spaces and brackets: count from the last one.
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def _ps(columns: str, *selection: str) -> str:
    return subprocess.run(["ps", *selection, "-o", columns], capture_output=True, text=True, check=False).stdout
