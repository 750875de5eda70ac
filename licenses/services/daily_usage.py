"""Works out what licences were used for, once their days are over, and tells it for any days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import connections
from django.db.models import Min

from config.kernel import clock
from config.kernel.redis import RedisUnavailable
from config.kernel.tenancy import SYSTEM_ALIAS, organization_context, system_context
from licenses import occupancy
from licenses.models import DailyUsage, DenialCount, License, LicenseSession, UsageProgress
from licenses.occupancy import Occupied
from licenses.seats import denials

SETTLED_AFTER = timedelta(minutes=15)
"""How long after midnight a day is closed: by then every acquire of it is committed, or cut off by its time limit."""
DAYS_AT_ONCE = 31


@dataclass(frozen=True)
class DayOfUse:
    """One day of one licence, and how often nobody could be given a seat of it."""

    occupied: Occupied
    denials: int


@dataclass(frozen=True)
class Usage:
    """Days of use of one licence, in their order and without a gap, and what they come to."""

    days: tuple[DayOfUse, ...]

    @property
    def peak_seats(self) -> int:
        """The most seats that were leased at one instant."""
        return max(day.occupied.peak_seats for day in self.days)

    @property
    def sessions(self) -> int:
        """How many sessions began."""
        return sum(day.occupied.sessions for day in self.days)

    @property
    def denials(self) -> int:
        """How many callers found no seat free."""
        return sum(day.denials for day in self.days)

    @property
    def leased(self) -> timedelta:
        """How long seats were leased, all together."""
        return sum((day.occupied.leased for day in self.days), timedelta())

    @property
    def average_duration(self) -> timedelta | None:
        """How long a session lasted that ended within these days; None when none did."""
        ended = sum(day.occupied.ended_sessions for day in self.days)
        lasted = sum((day.occupied.ended_leased for day in self.days), timedelta())
        return lasted / ended if ended else None


def get_usage(*, organization_id: UUID, license_id: UUID, first: date, last: date) -> Usage:
    """Return the days of a licence from `first` to `last`, both included, inside the organization's context.

    What is closed is read, what is not (today, always) is worked out now. A gate that does not answer leaves out
    refusals of the last minutes.
    """
    # Asked for first: a day that is closed meanwhile is found twice then, and not missed.
    progress = UsageProgress.objects.first()
    usage = {
        row.day: Occupied(
            license_id, row.day, row.peak_seats, row.sessions, row.leased, row.ended_sessions, row.ended_leased
        )
        for row in DailyUsage.objects.filter(license_id=license_id, day__gte=first, day__lte=last)
    }
    today = clock.now().date()
    still_open = max(first, progress.closed_through + timedelta(days=1)) if progress else first
    for row in occupancy.by_day(
        organization_id=organization_id, license_ids=[license_id], first=still_open, last=min(last, today)
    ):
        usage.setdefault(row.day, row)
    refused = _denials(license_id=license_id, first=first, last=last)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return Usage(tuple(DayOfUse(usage.get(day, Occupied(license_id, day)), refused.get(day, 0)) for day in days))


def _denials(*, license_id: UUID, first: date, last: date) -> dict[date, int]:
    """Return how many callers were refused by day: each counter at the most that is known of it."""
    kept = DenialCount.objects.filter(license_id=license_id, day__gte=first, day__lte=last)
    counted = {(row.day, row.source): row.count for row in kept}
    try:
        told = denials.read([license_id])
    except RedisUnavailable:
        told = []
    for one in told:
        if first <= one.day <= last:
            counted[one.day, one.source] = max(one.count, counted.get((one.day, one.source), 0))
    by_day: dict[date, int] = {}
    for (day, _), count in counted.items():
        by_day[day] = by_day.get(day, 0) + count
    return by_day


_BEHIND = """
select distinct l.organization_id from licenses_license l
left join licenses_usageprogress p on p.organization_id = l.organization_id
where p.closed_through is null or p.closed_through < %s
"""


def close_days() -> int:
    """Work out every day that is over and not closed; return how many days of organizations were closed.

    Any number may run at once: an organization's progress is locked while its days are closed, in the same transaction
    as they; who finds it locked goes on to the next.
    """
    over = (clock.now() - SETTLED_AFTER).date() - timedelta(days=1)
    reason = "find organizations whose usage is to be worked out"
    with system_context(reason=reason), connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute(_BEHIND, [over])
        organizations = [row[0] for row in cursor.fetchall()]
    return sum(_close_organization(organization_id, over) for organization_id in organizations)


def _close_organization(organization_id: UUID, over: date) -> int:
    closed = 0
    while True:
        with organization_context(organization_id):
            days = _close_some(organization_id, over)
        closed += days
        if days < DAYS_AT_ONCE:
            return closed


def _close_some(organization_id: UUID, over: date) -> int:
    """Close the next days, a month at most, and return how many: none when somebody else is at it."""
    licenses = list(License.objects.values_list("id", flat=True))
    progress = _locked_progress(organization_id, licenses)
    if progress is None or progress.closed_through >= over:
        return 0
    first = progress.closed_through + timedelta(days=1)
    last = min(over, progress.closed_through + timedelta(days=DAYS_AT_ONCE))
    rows = occupancy.by_day(organization_id=organization_id, license_ids=licenses, first=first, last=last)
    DailyUsage.objects.bulk_create(DailyUsage(organization_id=organization_id, **vars(row)) for row in rows)
    UsageProgress.objects.filter(organization_id=organization_id).update(closed_through=last)
    return (last - first).days + 1


def _locked_progress(organization_id: UUID, licenses: Sequence[UUID]) -> UsageProgress | None:
    """Return how far an organization's usage is worked out, locked; None while another works on it."""
    if not UsageProgress.objects.exists():
        began = License.objects.aggregate(first=Min("issued_at"))["first"]
        earliest = LicenseSession.objects.filter(license_id__in=licenses).aggregate(first=Min("acquired_at"))["first"]
        first = min(moment for moment in (began, earliest, clock.now()) if moment is not None)
        row = UsageProgress(organization_id=organization_id, closed_through=_day(first) - timedelta(days=1))
        UsageProgress.objects.bulk_create([row], ignore_conflicts=True)
    return UsageProgress.objects.select_for_update(skip_locked=True).first()


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
