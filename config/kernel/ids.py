"""Identifiers: UUID version 7, time-ordered, made in Python so that no PostgreSQL newer than 16 is needed."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """Return a new time-ordered id (RFC 9562, version 7); rows made later sort later, so indexes stay compact."""
    return uuid7()
