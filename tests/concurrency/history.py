"""What the record says about the seats of a licence: now, and at every instant of its past."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from tests.concurrency.seated_license import owner_connection

_LIVE = (
    "select count(*) from licenses_licensesession "
    "where license_id = %s and ended_at is null and expires_at > clock_timestamp()"
)
_LEASES = (
    "select acquired_at, least(expires_at, coalesce(ended_at, 'infinity')) from licenses_licensesession "
    "where license_id = %s"
)


def live(license_id: UUID) -> int:
    """Return how many seats are leased at this moment."""
    with owner_connection() as owner:
        return _count(owner.execute(_LIVE, [license_id]).fetchone())


def most_at_once(license_id: UUID) -> int:
    """Return the largest number of seats that were ever leased at one instant.

    Exact, where sampling is not: every lease ever granted is a row with its beginning and its end.
    """
    with owner_connection() as owner:
        leases = owner.execute(_LEASES, [license_id]).fetchall()
    changes: list[tuple[datetime, int]] = []
    for began, ended in leases:
        assert isinstance(began, datetime)
        assert isinstance(ended, datetime)
        changes += [(began, 1), (ended, -1)]
    held = most = 0
    # An end sorts before a beginning of the same instant: a seat is free the moment its lease is over.
    for _, change in sorted(changes):
        held += change
        most = max(most, held)
    return most


@contextmanager
def watched(license_id: UUID) -> Iterator[list[int]]:
    """Count the leased seats over and over while the block runs; the counts are in the list it is given."""
    counts: list[int] = []
    over = threading.Event()

    def watch() -> None:
        with owner_connection() as owner:
            while not over.is_set():
                counts.append(_count(owner.execute(_LIVE, [license_id]).fetchone()))
                over.wait(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield counts
    finally:
        over.set()
        watcher.join()


def _count(row: tuple[object, ...] | None) -> int:
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]
