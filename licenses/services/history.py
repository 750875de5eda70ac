"""Keeps the history of seats true, and no longer than it is to be kept.

Nothing depends on it: a lapsed lease counts for nothing, recorded or not. Everything here is done in short transactions
that take the rows they need and leave those that somebody else has locked: an acquire or a beat never waits for more
than the closing of one batch.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, connections

from config.kernel.tenancy import SYSTEM_ALIAS, organization_context, system_context
from licenses import metrics
from licenses.models import EndReason
from users.services import audit

LAPSED_AT_ONCE = 1000
OLD_AT_ONCE = 5000

_WITH_LAPSED = """
select distinct organization_id from licenses_licensesession where ended_at is null and expires_at <= clock_timestamp()
"""
# A beat that came first has renewed the lease: its row is locked, and left out, or read again and found to run on.
_CLOSE = """
update licenses_licensesession set ended_at = expires_at, end_reason = %(expired)s
where organization_id = %(organization)s and id = any(array(
  select id from licenses_licensesession
  where organization_id = %(organization)s and ended_at is null and expires_at <= clock_timestamp()
  limit %(most)s for update skip locked
)) returning id
"""


def record_lapsed() -> int:
    """Close the sessions whose leases have run out, at the moment they did; return how many."""
    reason = "find seat leases that have run out"
    with system_context(reason=reason), connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute(_WITH_LAPSED)
        organizations = [row[0] for row in cursor.fetchall()]
    closed = sum(_until_fewer(LAPSED_AT_ONCE, _close_some, organization_id) for organization_id in organizations)
    metrics.lease_expiries.inc(closed)
    return closed


def _close_some(organization_id: UUID) -> int:
    values: dict[str, Any] = {"organization": organization_id, "expired": EndReason.EXPIRED, "most": LAPSED_AT_ONCE}
    with organization_context(organization_id):
        with connection.cursor() as cursor:
            cursor.execute(_CLOSE, values)
            closed = [row[0] for row in cursor.fetchall()]
        if closed:
            audit.record_each(
                action="LICENSE_EXPIRED",
                organization_id=organization_id,
                object_type="license_session",
                object_ids=closed,
            )
    return len(closed)


# Only what is worked into the statistics may go: days that are not closed are kept, however old. The oldest session is
# looked up licence by licence: as an EXISTS this would read the index of past sessions from end to end.
_WITH_OLD = """
select l.organization_id, l.id, kept.since from licenses_license l
join licenses_usageprogress p on p.organization_id = l.organization_id
cross join lateral (
  select least(now() - %(days)s * interval '1 day', (p.closed_through + 1)::timestamp at time zone 'UTC') as since
) kept
cross join lateral (
  select s.ended_at from licenses_licensesession s
  where s.organization_id = l.organization_id and s.license_id = l.id and s.ended_at is not null
  order by s.ended_at limit 1
) oldest
where oldest.ended_at < kept.since
"""
_DELETE = """
delete from licenses_licensesession where organization_id = %(organization)s and id = any(array(
  select id from licenses_licensesession
  where organization_id = %(organization)s and license_id = %(license)s and ended_at is not null
    and ended_at < %(since)s
  order by ended_at limit %(most)s for update skip locked
))
"""


def delete_old_sessions() -> int:
    """Delete the sessions that ended longer ago than they are kept, as far as their days are closed; return how many.

    Each transaction deletes one batch of one licence and says so in the audit log, so that a run that is killed has
    recorded exactly what it has deleted, and the next one goes on.
    """
    reason = "find sessions that are kept no longer"
    with system_context(reason=reason), connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute(_WITH_OLD, {"days": settings.SESSION_RETENTION_DAYS})
        found = cursor.fetchall()
    return sum(_until_fewer(OLD_AT_ONCE, _delete_some, *one) for one in found)


def _delete_some(organization_id: UUID, license_id: UUID, since: datetime) -> int:
    values: dict[str, Any] = {
        "organization": organization_id,
        "license": license_id,
        "since": since,
        "most": OLD_AT_ONCE,
    }
    with organization_context(organization_id):
        with connection.cursor() as cursor:
            cursor.execute(_DELETE, values)
            deleted: int = cursor.rowcount
        if deleted:
            audit.record(
                action="LICENSE_SESSIONS_DELETED",
                organization_id=organization_id,
                object_type="license",
                object_id=license_id,
                sessions=deleted,
                ended_before=since.isoformat(),
            )
    return deleted


def _until_fewer(most: int, some: Callable[..., int], *arguments: object) -> int:
    """Do a thing a batch at a time until a batch is not full; return how much was done."""
    total = done = some(*arguments)
    while done == most:
        done = some(*arguments)
        total += done
    return total
