"""How a process connects to PostgreSQL: one pool a process and role.

The pool needs no cleaning between requests: everything this code sets on a connection (the organization of the unit of
work) is set for the transaction only, which `tests/config` enforces over the whole source.
"""

import threading
import time
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from psycopg_pool import PoolTimeout

from config.kernel.errors import DomainError

POOL_WAIT_SECONDS = 1.5
"""How long a request waits for a connection before it answers 503."""
RECONNECT_SECONDS = 2.0
"""How long the pool tries by itself before it begins afresh. Its pauses double: left to its default of five minutes, it
came back 44 s after PostgreSQL did."""
OUTAGE_SECONDS = 1.0
"""How long nobody else waits for a database that has just not answered; then one request tries again."""


class Outage:
    """Remembers that PostgreSQL does not answer, so that waiting for it does not tie up every thread of the process."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lock = threading.Lock()

    def noticed(self) -> None:
        """Say that a connection could not be had."""
        self._until = time.monotonic() + OUTAGE_SECONDS

    def over(self) -> None:
        """Say that the database answered."""
        self._until = 0.0

    def lasts(self) -> bool:
        """Return whether to give up at once; during an outage one caller a second is told no, and finds out."""
        if not self._until:
            return False
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return True
            self._until = now + OUTAGE_SECONDS
        return False


outage = Outage()


def is_outage(error: BaseException) -> bool:
    """Return whether a database error means that no connection could be had, and not that a statement failed."""
    return isinstance(error.__cause__, PoolTimeout)


def changed_nothing(error: BaseException) -> bool:
    """Return whether what failed has certainly left the database as it was.

    A rule's no and an error that PostgreSQL reports roll back. A connection that breaks may have done so after the
    commit; one that could not even be had did not.
    """
    if isinstance(error, DomainError) or is_outage(error):
        return True
    state = getattr(error.__cause__, "sqlstate", None)
    # 08 is about the connection, 57P about the server going away.
    return state is not None and not state.startswith(("08", "57P"))


def connection_settings(url: str, *, pool_size: int) -> dict[str, Any]:
    """Return Django's database settings for a `postgresql://` URL, with a pool of at most `pool_size`.

    Query parameters (sslmode, sslrootcert, …) are handed to libpq. Raises ValueError for another scheme.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("a database URL starts with postgresql://")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,  # the pool keeps connections, Django must not
        # Named cursors outlive a transaction only on a connection of one's own; pgbouncer gives none.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {
            "connect_timeout": 3,
            "application_name": "coditect",
            "pool": {
                "min_size": 1,
                "max_size": pool_size,
                "timeout": POOL_WAIT_SECONDS,
                "reconnect_timeout": RECONNECT_SECONDS,
            },
            **dict(parse_qsl(parts.query)),
        },
    }
