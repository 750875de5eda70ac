"""Counts the statements a piece of code sends to PostgreSQL, and shows them when they are not as many as agreed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.db import connections
from django.test.utils import CaptureQueriesContext

from config.kernel import platform_keys

UNCOUNTED = ("BEGIN", "COMMIT", "ROLLBACK")
"""Transaction borders: BEGIN travels with the statement after it, and every unit of work has one COMMIT."""


@contextmanager
def statements(expected: int) -> Iterator[None]:
    """Fail unless the block sends exactly `expected` statements, over both of the process's roles together."""
    platform_keys.reread()  # what a process does once a minute belongs to no request
    with ExitStack() as stack:
        captured = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in connections]
        yield
    sent = [query["sql"] for capture in captured for query in capture.captured_queries]
    sent = [sql for sql in sent if not sql.startswith(UNCOUNTED)]
    listed = "\n".join(f"{number}. {sql[:300]}" for number, sql in enumerate(sent, 1))
    assert len(sent) == expected, f"{len(sent)} statements instead of {expected}:\n{listed}"
