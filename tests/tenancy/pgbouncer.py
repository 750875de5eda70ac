"""A pgbouncer before the tests' PostgreSQL, in transaction mode, with one server connection for all its clients."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.ports import LOOPBACK, free_port
from deploy.local.process import Process
from deploy.local.unprivileged import server_account
from tests.plugins import servers

CONFIG = """
[databases]
coditect = host={loopback} port={server} dbname=coditect

[pgbouncer]
listen_addr = {loopback}
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = 1
query_wait_timeout = 30
"""


def program() -> str | None:
    """Return where pgbouncer is: named by CODITECT_PGBOUNCER, or on the path; None where there is none."""
    return os.environ.get("CODITECT_PGBOUNCER") or shutil.which("pgbouncer")


@contextmanager
def before_postgres() -> Iterator[int]:
    """Run one in front of the tests' PostgreSQL, known to the role `app`; return its port."""
    binary = program()
    assert binary is not None
    app = urlsplit(servers.current().postgres.url("app"))
    folder = servers.current().folder / "pgbouncer"
    folder.mkdir(exist_ok=True)
    port = free_port()
    users = _readable(folder / "users.txt", f'"{app.username}" "{app.password}"\n')
    config = CONFIG.format(loopback=LOOPBACK, server=app.port, port=port, users=users)
    bouncer = Process(
        [binary, str(_readable(folder / "pgbouncer.ini", config))],
        log=folder / "pgbouncer.log",
        env=dict(os.environ),
        account=server_account(),
    )
    bouncer.spawn()
    try:
        _wait_for(bouncer, port)
        yield port
    finally:
        bouncer.stop()


def _readable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o644)  # pgbouncer refuses to run as root, and so may be another user than the tests
    return path


def _wait_for(bouncer: Process, port: int) -> None:
    for _ in range(500):
        with socket.socket() as asking:
            if asking.connect_ex((LOOPBACK, port)) == 0:
                return
        assert bouncer.running(), bouncer.log_tail()
        time.sleep(0.01)
    raise AssertionError(bouncer.log_tail())
