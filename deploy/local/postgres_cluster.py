"""Making a new PostgreSQL data folder: whole or not at all, owned by whoever runs the server."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.unprivileged import Account


class PostgresError(RuntimeError):
    """The server could not be made or started; the message ends with what its log says."""


def clean_environment() -> dict[str, str]:
    """The environment of PostgreSQL's programs; PG* variables of the person's shell would bend them."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def make_cluster(programs: Path, target: Path, account: Account | None, password: str, *, durable: bool) -> None:
    """Make the data folder beside its final place and move it there: half of one is never taken for a whole.

    `programs` is the folder of initdb; `password` becomes the superuser's. Raises PostgresError.
    """
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w", dir=partial.parent, prefix=".initdb.") as password_file:
        password_file.write(password)
        password_file.flush()
        if account:
            os.chown(partial, account.uid, account.gid)
            os.chown(password_file.name, account.uid, account.gid)
        _initdb(programs, partial, account, password_file.name, durable=durable)
    if target.exists():
        target.rmdir()
    partial.rename(target)


def _initdb(programs: Path, target: Path, account: Account | None, password_file: str, *, durable: bool) -> None:
    # macOS has no C.UTF-8; the encoding is UTF-8 either way.
    locale = "C" if sys.platform == "darwin" else "C.UTF-8"
    argv = [str(programs / "initdb"), "-D", str(target), "-U", "postgres", "-E", "UTF8"]
    argv += ["--auth=scram-sha-256", f"--pwfile={password_file}", f"--locale={locale}"]
    argv += [] if durable else ["--no-sync"]
    done = subprocess.run(
        argv,
        env=clean_environment(),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        # Out of the terminal's group: a Ctrl-C lets it finish, and the launcher then stops in order.
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode != 0:
        raise PostgresError(f"initdb failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
