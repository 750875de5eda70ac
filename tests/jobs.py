"""Runs background jobs inside a test, as the role the worker has."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.db import connections

from config.kernel import tasks
from tests.plugins import servers


@contextmanager
def as_role(role: str) -> Iterator[None]:
    """Connect as another database role for the time of the block."""
    connection = connections["default"]
    before = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    parts = urlsplit(servers.current().postgres.url(role))
    connection.close()
    connection.settings_dict.update({"USER": parts.username or "", "PASSWORD": parts.password or ""})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


def run_jobs() -> None:
    """Run every job that is due, and those they cause, until none is left."""
    with as_role("worker"):
        tasks.run_worker(until_idle=True)
