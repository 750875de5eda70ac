"""Beats that arrive in a process together share one transaction in the record, and one trip to the gate after it."""

from enum import Enum
from functools import lru_cache

from django.db import InterfaceError, OperationalError, connection

from config.kernel.batching import Batcher
from config.kernel.database import changed_nothing, is_outage
from licenses.seats import record, store
from licenses.seats.record import Asked, Beat

MOST_AT_ONCE = 100
PATIENCE_SECONDS = 10.0
"""Longer than a batch takes by the time limits of the pool and the role: a connection, a lock, a statement."""


class Alone(Enum):
    """In place of an answer: this beat has to be made by itself."""

    ALONE = "alone"


Told = tuple[Beat | None, bool]
"""What the record found (None: no such session), and whether the gate has been told."""


def beat(asked: Asked) -> Told:
    """Renew a lease as `record.beat` does, together with the beats of other threads, and tell the gate.

    A beat whose licence is locked at the moment waits for it by itself and keeps nobody else; so does one that makes a
    batch fail. Inside a transaction of the caller's it is made there: others' answers cannot wait for that to commit.
    """
    if connection.in_atomic_block:
        return _alone(asked)
    answer = _batches().submit(asked)
    return _alone(asked) if isinstance(answer, Alone) else answer


def _alone(asked: Asked) -> Told:
    (found,) = record.beat([asked])
    if isinstance(found, Beat) and found.renewed:
        return found, store.confirm(license_id=asked.license_id, lease=found.lease)
    return _found(found), True


def _together(asked: list[Asked]) -> list[Told | Alone]:
    """Make beats, waiting for no licence: also when there is one only, since whoever comes meanwhile waits for it."""
    try:
        found = record.beat(asked, wait=False)
    except Exception as error:
        if len(asked) == 1:
            raise
        # Without a database all have failed; anything else may be one's fault, and shows when each goes by itself.
        if isinstance(error, OperationalError | InterfaceError) and (is_outage(error) or not changed_nothing(error)):
            raise
        return [Alone.ALONE] * len(asked)
    renewed = [
        (one.license_id, beat.lease)
        for one, beat in zip(asked, found, strict=True)
        if isinstance(beat, Beat) and beat.renewed
    ]
    told = store.confirm_all(renewed)
    return [Alone.ALONE if each == record.BUSY else (_found(each), told) for each in found]


def _found(each: Beat | str | None) -> Beat | None:
    return each if isinstance(each, Beat) else None


@lru_cache(maxsize=1)
def _batches() -> Batcher[Asked, Told | Alone]:
    """Return the process's batches. Two beats of one session are made one after the other, unless they are the same."""
    return Batcher(_together, key=lambda asked: asked.session_id, most=MOST_AT_ONCE, patience=PATIENCE_SECONDS)
