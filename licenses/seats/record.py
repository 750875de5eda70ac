"""The record of seats in PostgreSQL, which decides every grant and every beat (docs/adr/0004-seats.md).

Acquire locks the licence row (FOR NO KEY UPDATE) and only then, in a second statement, reads clock and leases: what it
counts can have changed no more. A beat locks it FOR SHARE before it reads the clock, so that a lapsed lease is never
revived under an acquire that has given its seat away.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection

from config.kernel.ids import new_id
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
    """No seat: how many are leased, the leases themselves, and the seconds until the first of them runs out."""

    seats_used: int
    leases: tuple[Lease, ...]
    retry_after_seconds: float


@dataclass(frozen=True)
class Beat:
    """What a beat found and did: `renewed` says whether the lease runs on; the rest says why not, if not."""

    renewed: bool
    now: datetime
    lease: Lease
    sequence: int
    ended: bool
    license_status: str
    license_expires_at: datetime | None
    grace_period_ends_at: datetime | None


# Statement two of an acquire: the licence's row is locked, nothing that it reads can change any more.
_LOOK = """
with moment as (select clock_timestamp() as now)
select m.now,
       (select count(*) from licenses_licensesession s where s.organization_id = %(organization)s
          and s.license_id = %(license)s and s.ended_at is null and s.expires_at > m.now) as live,
       own.id
from moment m left join licenses_licensesession own
  on own.organization_id = %(organization)s and own.license_id = %(license)s and own.hardware_hash = %(machine)s
  and own.ended_at is null and own.expires_at > m.now
"""
_LIVE = """
select id, lease_no, hardware_hash, expires_at from licenses_licensesession
where organization_id = %(organization)s and license_id = %(license)s and ended_at is null and expires_at > %(now)s
order by expires_at
"""
_HAND_BACK = """
update licenses_licensesession
set lease_no = lease_no + 1, last_heartbeat_at = %(now)s,
    expires_at = greatest(expires_at, %(now)s + %(lease)s * interval '1 second')
where id = %(session)s and organization_id = %(organization)s returning lease_no, sequence, expires_at
"""
# The machine's own lapsed session is closed, so that it is not in the way of the one-open-session constraint.
_OPEN = """
with closed as (
  update licenses_licensesession set ended_at = expires_at, end_reason = %(expired)s
  where organization_id = %(organization)s and license_id = %(license)s and hardware_hash = %(machine)s
    and ended_at is null returning 1
)
insert into licenses_licensesession (id, organization_id, license_id, user_id, hardware_hash, lease_no, sequence,
                                     acquired_at, last_heartbeat_at, expires_at, end_reason)
select %(session)s, %(organization)s, %(license)s, %(user)s, %(machine)s, 1, 1,
       %(now)s, %(now)s, %(now)s + %(lease)s * interval '1 second', ''
from (select count(*) from closed) done returning expires_at
"""


def acquire(
    *,
    organization_id: UUID,
    license_id: UUID,
    hardware_hash: bytes,
    user_id: UUID | None,
    limit: int,
    lease_seconds: int | None = None,
) -> Granted | Full:
    """Grant a seat or say that none is free; the caller holds the licence's row lock in this transaction.

    For `lease_seconds`, or the usual lease; one that runs already is not shortened.
    """
    values = {
        "organization": organization_id,
        "license": license_id,
        "machine": hardware_hash,
        "user": user_id,
        "lease": lease_seconds or settings.SEAT_LEASE_SECONDS,
        "expired": EndReason.EXPIRED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, values)
        now, used, own_session = cursor.fetchone()
        if own_session is not None:
            cursor.execute(_HAND_BACK, {**values, "session": own_session, "now": now})
            lease_no, sequence, expires_at = cursor.fetchone()
            lease = Lease(own_session, lease_no, hardware_hash, expires_at)
            return Granted(lease, sequence, is_new=False, seats_used=used, now=now)
        if used >= limit:
            cursor.execute(_LIVE, {**values, "now": now})
            live = tuple(Lease(row[0], row[1], bytes(row[2]), row[3]) for row in cursor.fetchall())
            wait = (live[0].expires_at - now).total_seconds() if live else float(settings.SEAT_LEASE_SECONDS)
            return Full(used, live, wait)
        session_id = new_id()
        cursor.execute(_OPEN, {**values, "session": session_id, "now": now})
        (expires_at,) = cursor.fetchone()
    lease = Lease(session_id, 1, hardware_hash, expires_at)
    return Granted(lease, 1, is_new=True, seats_used=used + 1, now=now)


def beat(*, organization_id: UUID, license_id: UUID, session_id: UUID, sequence: int | None) -> Beat | None:
    """Renew a lease that is live, on a usable licence, for a token of the newest or the last sequence before it.

    Returns None for an unknown session. One round trip, outside any transaction of the caller: the function
    `seat_beat` locks, looks and renews, and touches nothing but the rows that the (verified) ids name together.
    A `sequence` of None is a beat without a token, by the signed-in member who holds the seat.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select * from seat_beat(%s::uuid[], %s::uuid[], %s::uuid[], %s::bigint[], %s)",
            [[session_id], [license_id], [organization_id], [sequence], settings.SEAT_LEASE_SECONDS],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    _, renewed, now, lease_no, newest, hardware_hash, expires_at, ended, status, license_expires_at, grace = row
    lease = Lease(session_id, lease_no, bytes(hardware_hash), expires_at)
    return Beat(renewed, now, lease, newest, ended, status, license_expires_at, grace)


_LOCK_LICENSE_OF = """
select from licenses_license l join licenses_licensesession s on s.license_id = l.id
where s.organization_id = %(organization)s and s.id = %(session)s for no key update of l
"""
_COUNT = """
select count(*) from licenses_licensesession
where organization_id = %s and license_id = %s and ended_at is null and expires_at > clock_timestamp()
"""


def count_live(*, organization_id: UUID, license_id: UUID) -> int:
    """Return how many seats of a licence are leased at this moment, inside the organization's context."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [organization_id, license_id])
        count: int = cursor.fetchone()[0]
    return count


def release(
    *, organization_id: UUID, session_id: UUID, lease_no: int | None, reason: EndReason
) -> tuple[UUID, Lease] | None:
    """End an open session and return its licence and lease; None when there was nothing to end.

    With a `lease_no` only that lease is ended: the late release of an earlier answer does not hit a newer one. The
    licence is locked as in an acquire, or one that is looking at the lease now could hand back what has just ended.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_LICENSE_OF, {"organization": organization_id, "session": session_id})
        cursor.execute(
            "update licenses_licensesession set end_reason = case when expires_at > clock_timestamp() then %(reason)s "
            "else %(expired)s end, ended_at = least(clock_timestamp(), expires_at) "
            "where organization_id = %(organization)s and id = %(session)s and ended_at is null "
            "and (%(lease_no)s::bigint is null or lease_no = %(lease_no)s) "
            "returning license_id, lease_no, hardware_hash, expires_at",
            {
                "reason": reason,
                "expired": EndReason.EXPIRED,
                "organization": organization_id,
                "session": session_id,
                "lease_no": lease_no,
            },
        )
        row = cursor.fetchone()
    return None if row is None else (row[0], Lease(session_id, row[1], bytes(row[2]), row[3]))
