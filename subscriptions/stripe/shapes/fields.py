"""What is the same in all of Stripe's objects: every id may be a string or the object itself, times are seconds."""

from datetime import UTC, datetime
from typing import Any


def id_of(value: Any) -> str | None:
    """Return the id that a field holds, as a string or within an expanded object; None for anything else."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) else None


def time_of(value: int | None) -> datetime | None:
    """Return a time in UTC."""
    return None if value is None else datetime.fromtimestamp(value, UTC)
