"""What can be done with the running stack of a home from another terminal: manage.py, its variables, psql."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from deploy.local.home import ROOT, Home
from deploy.local.postgres_binaries import find_install


class NotRunningError(RuntimeError):
    """The command needs something of a running stack that is not there; the message says what."""


def manage(home: Home, role: str, arguments: Sequence[str]) -> int:
    """Run `manage.py` with the environment of the stack, as the given database role."""
    variables = _environment_of(home, role)
    argv = [sys.executable, "manage.py", *arguments]
    return subprocess.run(argv, cwd=ROOT, env=os.environ | variables, check=False).returncode


def print_environment(home: Home, role: str) -> int:
    """Print the stack's variables as lines for `eval`."""
    for name, value in sorted(_environment_of(home, role).items()):
        print(f"export {name}={shlex.quote(value)}")
    return 0


def psql(home: Home, role: str, arguments: Sequence[str]) -> int:
    """Run psql on the stack's database as the given role, with arguments of its own."""
    url = _environment_of(home, role)["DATABASE_URL"]
    bundled = find_install() / "bin" / "psql"
    program = str(bundled) if bundled.exists() else shutil.which("psql")
    if program is None:
        raise NotRunningError("no psql found, neither with the embedded PostgreSQL nor on the PATH")
    # The URL goes by the environment: on the command line everyone could read the password.
    return subprocess.run([program, *arguments], env=os.environ | _libpq(url), check=False).returncode


def _environment_of(home: Home, role: str) -> dict[str, str]:
    if home.holder() is None:
        raise NotRunningError(f"no stack runs in {home.path}; start one with ./dev run")
    by_role = home.environment()
    if role not in by_role:
        raise NotRunningError(f"the running stack has no role {role}")
    return by_role[role]


def _libpq(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.lstrip("/"),
    }
