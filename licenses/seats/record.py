"""The record of seats in PostgreSQL, which decides every grant and every beat (docs/adr/0004-seats.md).

Each act is one call of a function in the database, so one round trip and one commit. `seat_acquire` locks the licence
row (FOR NO KEY UPDATE) and only then, in a second statement, reads clock and leases: what it counts can have changed no
more. `seat_beat` locks it FOR SHARE before it reads the clock, so that a lapsed lease is never revived under an acquire
that has given its seat away. Their text is in licenses/migrations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from config.kernel.ids import new_id
from config.kernel.request_log import current_request_id
from config.kernel.tenancy import organization_context, refuse_other
from licenses import metrics
from licenses.models import EndReason
from licenses.seats.store import Lease


@dataclass(frozen=True)
class Granted:
    """A seat: a new session, or the machine's own live one handed back under a new lease number."""

    lease: Lease
    sequence: int
    is_new: bool
    seats_used: int
    now: datetime


@dataclass(frozen=True)
class Full:
    """No seat: how many are leased, of how many, and the seconds until the first of them runs out, or at most a lease.

    A borrowed seat runs for days, and may be given back in a minute: nobody is told to stay away for that long.
    """

    seats_used: int
    limit: int
    retry_after_seconds: float


@dataclass(frozen=True)
class Unusable:
    """No seat, because the licence, as it stood under its lock, may not be used."""

    now: datetime
    license_status: str
    license_expires_at: datetime | None
    grace_period_ends_at: datetime | None


@dataclass(frozen=True)
class NotActivated:
    """A seat is free, but the machine is not known to the licence, or not by this; nothing was written."""


Outcome = Granted | Full | Unusable | NotActivated


@dataclass(frozen=True)
class Beat:
    """What a beat found and did: `renewed` says whether the lease runs on; the rest says why not, if not."""

    renewed: bool
    now: datetime
    lease: Lease
    sequence: int
    ended: bool
    end_reason: str
    license_status: str
    license_expires_at: datetime | None
    grace_period_ends_at: datetime | None


@dataclass(frozen=True)
class Asked:
    """A beat that is asked for, by ids that a verified token names together.

    A `sequence` of None is a beat without a token, by the signed-in member who holds the seat.
    """

    organization_id: UUID
    license_id: UUID
    session_id: UUID
    sequence: int | None


BUSY = "busy"
"""In place of a beat: the licence was locked at that moment, and the caller had asked not to wait."""


def acquire(
    *,
    organization_id: UUID,
    license_id: UUID,
    hardware_hash: bytes,
    user_id: UUID | None,
    lease_seconds: int | None = None,
    by_id_alone: bool = False,
) -> Outcome | None:
    """Grant a seat, with its audit entry, or say why not; None when there is no such licence.

    For `lease_seconds`, or the usual lease; one that runs already is not shortened. By itself, or in the transaction of
    a caller who works for this organization. A machine that shows its id alone (`by_id_alone`), and is known by more
    than that suffices for, is NotActivated too: whoever asks has to look at what it is known by.
    """
    refuse_other(organization_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "select * from seat_acquire(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                organization_id,
                license_id,
                hardware_hash,
                by_id_alone,
                user_id,
                lease_seconds or settings.SEAT_LEASE_SECONDS,
                new_id(),
                new_id(),
                new_id(),
                current_request_id(),
            ],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    verdict, now, used, limit, is_new, session_id, lease_no, sequence, expires_at, *license_ = row
    if verdict == "full":
        lease = float(settings.SEAT_LEASE_SECONDS)
        return Full(used, limit, lease if expires_at is None else min(lease, (expires_at - now).total_seconds()))
    if verdict == "unusable":
        return Unusable(now, *license_)
    if verdict == "not_activated":
        return NotActivated()
    return Granted(Lease(session_id, lease_no, hardware_hash, expires_at), sequence, is_new, used, now)


def beat(asked: Sequence[Asked], *, wait: bool = True) -> list[Beat | str | None]:
    """Renew leases that are live, on usable licences, for tokens of the newest or the last sequence before it.

    In the order asked for; no session may be there twice. None stands for an unknown session, BUSY (unless `wait`) for
    one whose licence somebody has locked at this moment. One round trip, outside any transaction of the caller: the
    function locks, looks and renews, and touches nothing but the rows that the ids name together.
    """
    metrics.beat_batch_size.observe(len(asked))
    with connection.cursor() as cursor:
        cursor.execute(
            "select * from seat_beat(%s::uuid[], %s::uuid[], %s::uuid[], %s::bigint[], %s, %s)",
            [
                _array(one.session_id for one in asked),
                _array(one.license_id for one in asked),
                _array(one.organization_id for one in asked),
                _array(one.sequence for one in asked),
                settings.SEAT_LEASE_SECONDS,
                wait,
            ],
        )
        found = {row[0]: _beat(row) for row in cursor.fetchall()}
    return [found.get(one.session_id) for one in asked]


def _array(values: Iterable[UUID | int | None]) -> str:
    """Return PostgreSQL's text of an array: what psycopg asks of each element costs more than the whole call."""
    return f"{{{','.join('NULL' if value is None else str(value) for value in values)}}}"


def _beat(row: tuple[Any, ...]) -> Beat | str:
    session_id, renewed, busy, now, lease_no, newest, hardware_hash, expires_at, ended, *why_not = row
    if busy:
        return BUSY
    return Beat(renewed, now, Lease(session_id, lease_no, bytes(hardware_hash), expires_at), newest, ended, *why_not)


_LIVE = """
select id, lease_no, hardware_hash, expires_at from licenses_licensesession
where organization_id = %s and license_id = %s and ended_at is null and expires_at > clock_timestamp()
"""
_COUNT = """
select count(*) from licenses_licensesession
where organization_id = %s and license_id = %s and ended_at is null and expires_at > clock_timestamp()
"""


def list_live(*, organization_id: UUID, license_id: UUID) -> list[Lease]:
    """Return the live leases of a licence."""
    with organization_context(organization_id), connection.cursor() as cursor:
        cursor.execute(_LIVE, [organization_id, license_id])
        return [Lease(row[0], row[1], bytes(row[2]), row[3]) for row in cursor.fetchall()]


def count_live(*, organization_id: UUID, license_id: UUID) -> int:
    """Return how many seats of a licence are leased at this moment, inside the organization's context."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [organization_id, license_id])
        count: int = cursor.fetchone()[0]
    return count


def release(
    *, organization_id: UUID, session_id: UUID, lease_no: int | None, reason: EndReason, actor_id: UUID | None = None
) -> tuple[UUID, Lease] | None:
    """End an open session, with its audit entry, and return its licence and lease; None when there was nothing to end.

    With a `lease_no` only that lease is ended: the late release of an earlier answer does not hit a newer one.
    """
    refuse_other(organization_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "select * from seat_release(%s, %s, %s, %s, %s, %s, %s)",
            [organization_id, session_id, lease_no, reason, actor_id, new_id(), current_request_id()],
        )
        row = cursor.fetchone()
    return None if row is None else (row[0], Lease(session_id, row[1], bytes(row[2]), row[3]))
