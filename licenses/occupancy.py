"""What sessions took of the seats of their licences, by UTC day: worked out from the rows, in one sweep in SQL.

Nothing is counted while seats are acquired and given back: every lease ever granted is a row with its beginning and its
end, so the peak of a day is exact, and costs the acquire nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import connection


@dataclass(frozen=True)
class Occupied:
    """One day of one licence; what each number means is said at `licenses.models.DailyUsage`, which keeps it."""

    license_id: UUID
    day: date
    peak_seats: int = 0
    sessions: int = 0
    leased: timedelta = timedelta()
    ended_sessions: int = 0
    ended_leased: timedelta = timedelta()


# A lease ends with its session or by itself, whichever is first; one that runs has lasted until now. Each is cut into
# its days, and each day's beginnings and ends are counted up and down in their order: ends first where both fall on
# one instant, since a seat is free the moment its lease is over.
_BY_DAY = """
with moment as (
  select clock_timestamp() as now
), bounds as (
  select %(first)s::timestamp at time zone 'UTC' as since,
         least((%(last)s::timestamp + interval '1 day') at time zone 'UTC', now) as until
  from moment
), leases as (
  select license_id, acquired_at as began, least(expires_at, now) as ended, expires_at <= now as over
  from licenses_licensesession, moment, bounds
  where organization_id = %(organization)s and license_id = any(%(licenses)s) and ended_at is null
    and acquired_at < until and expires_at >= since
  union all
  select license_id, acquired_at, least(ended_at, expires_at), true
  from licenses_licensesession, bounds
  where organization_id = %(organization)s and license_id = any(%(licenses)s) and ended_at is not null
    and ended_at >= since and acquired_at < until
), pieces as (
  select license_id, day, greatest(began, starts) as began, least(ended, ends) as ended,
         began >= starts as begins, over and ended < ends as ends_here, ended - began as length
  from leases, bounds, lateral (
    select d::date as day, d at time zone 'UTC' as starts, (d + interval '1 day') at time zone 'UTC' as ends
    from generate_series(date_trunc('day', greatest(began, since) at time zone 'UTC'),
                         least(ended at time zone 'UTC', %(last)s::timestamp), interval '1 day') d
  ) days
), changes as (
  select license_id, day, began as at, 1 as change from pieces where ended > began
  union all select license_id, day, ended, -1 from pieces where ended > began
), held as (
  select license_id, day,
         sum(change) over (partition by license_id, day order by at, change rows unbounded preceding) as seats
  from changes
), peaks as (
  select license_id, day, max(seats) as seats from held group by license_id, day
)
select license_id, day, coalesce(max(seats), 0), count(*) filter (where begins), sum(ended - began),
       count(*) filter (where ends_here), coalesce(sum(length) filter (where ends_here), interval '0')
from pieces left join peaks using (license_id, day) group by license_id, day order by license_id, day
"""


def by_day(*, organization_id: UUID, license_ids: Sequence[UUID], first: date, last: date) -> list[Occupied]:
    """Return what happened on these days (both included) until now, a row for each licence and day with any session.

    Inside the organization's context. One statement, however many days and licences.
    """
    if last < first or not license_ids:
        return []
    values: dict[str, Any] = {
        "organization": organization_id,
        "licenses": list(license_ids),
        "first": first,
        "last": last,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, values)
        return [Occupied(*row) for row in cursor.fetchall()]
