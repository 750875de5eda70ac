"""How a process connects to PostgreSQL: one pool a process and role.

The pool needs no cleaning between requests: everything this code sets on a connection (the organization of the unit of
work) is set for the transaction only, which `tests/config` enforces over the whole source.
"""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

POOL_WAIT_SECONDS = 3.0
"""How long a request waits for a connection before it answers 503."""


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
            },
            **dict(parse_qsl(parts.query)),
        },
    }
