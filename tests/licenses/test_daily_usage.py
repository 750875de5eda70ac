"""Days are closed once, when they are over, and told the same before and after; sessions go when they are old."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from config.kernel.tenancy import organization_context
from licenses.models import DailyUsage, UsageProgress
from licenses.services import daily_usage, history
from licenses.services.daily_usage import Usage
from tests.api.beneath import as_owner, at_once
from tests.concurrency import seated_license
from tests.concurrency.seated_license import SeatedLicense
from tests.jobs import as_role
from tests.licenses.past_sessions import Past, write

DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def license_(db: None) -> SeatedLicense:
    """Return a licence."""
    return seated_license.issue(seats=5)


def days_ago(number: int, hour: int, hours: int, *, closed: bool = True) -> Past:
    """Return a session that began so many days ago and lasted so many hours."""
    began = TODAY - number * DAY + timedelta(hours=hour)
    ended = began + timedelta(hours=hours)
    return Past(began, ended, ended if closed else None)


def told(license_: SeatedLicense, days: int = 10) -> Usage:
    """Return what is told of the last days."""
    last = datetime.now(UTC).date()
    with organization_context(license_.organization_id):
        return daily_usage.get_usage(
            organization_id=license_.organization_id,
            license_id=license_.id,
            first=last - timedelta(days=days - 1),
            last=last,
        )


def numbers(usage: Usage) -> list[tuple[int, int, timedelta]]:
    """Return peak, sessions and leased time of each day."""
    return [(day.occupied.peak_seats, day.occupied.sessions, day.occupied.leased) for day in usage.days]


def close() -> int:
    """Close what is over, as the worker."""
    with as_role("worker"):
        return daily_usage.close_days()


class TestUsage:
    def test_is_the_same_before_and_after_its_days_are_closed(self, license_: SeatedLicense) -> None:
        write(license_, days_ago(5, 20, 8), days_ago(5, 22, 1), days_ago(2, 3, 1), days_ago(1, 23, 1, closed=False))
        before = told(license_)
        assert close() > 0
        assert told(license_) == before
        assert before.peak_seats == 2
        assert before.sessions == 4
        assert before.leased == timedelta(hours=11)
        assert before.average_duration == timedelta(hours=11) / 4

    def test_outlives_the_sessions(self, license_: SeatedLicense, settings: Any) -> None:
        write(license_, days_ago(5, 20, 8), days_ago(3, 1, 1))
        before = told(license_)
        settings.SESSION_RETENTION_DAYS = 1
        with as_role("worker"):
            assert history.delete_old_sessions() == 0, "nothing goes before its day is closed"
            daily_usage.close_days()
            assert history.delete_old_sessions() == 2
        assert told(license_) == before

    def test_of_a_licence_that_nobody_used_has_every_day_and_no_average(self, license_: SeatedLicense) -> None:
        usage = told(license_)
        assert numbers(usage) == [(0, 0, timedelta())] * 10
        assert usage.average_duration is None


class TestClosing:
    def test_leaves_today_open(self, license_: SeatedLicense) -> None:
        now = datetime.now(UTC)
        write(license_, Past(now - timedelta(seconds=2), now, now), days_ago(3, 1, 1))
        close()
        with organization_context(license_.organization_id):
            assert list(DailyUsage.objects.values_list("day", flat=True)) == [(TODAY - 3 * DAY).date()]
            assert UsageProgress.objects.get().closed_through in {(TODAY - DAY).date(), (TODAY - 2 * DAY).date()}

    def test_catches_up_months_that_no_worker_ran(self, license_: SeatedLicense) -> None:
        write(license_, days_ago(100, 1, 2), days_ago(40, 1, 2), days_ago(2, 1, 2))
        before = told(license_, 120)
        assert close() >= 99
        assert told(license_, 120) == before
        assert close() == 0

    def test_by_many_workers_at_once_closes_each_day_once(self, license_: SeatedLicense) -> None:
        write(license_, *(days_ago(number, 1, 2) for number in range(2, 90)))
        others = [seated_license.issue(seats=1) for _ in range(5)]
        for other in others:
            write(other, *(days_ago(number, 1, 2) for number in range(2, 40)))
        before = [told(one, 95) for one in (license_, *others)]
        with as_role("worker"), ThreadPoolExecutor(6) as pool:
            closed = sum(pool.map(lambda _: _closed_in_a_thread(), range(6)))
        rest = close()  # of an organization that was locked whenever somebody came by
        assert closed + rest >= 88 + 5 * 38
        assert [told(one, 95) for one in (license_, *others)] == before
        assert as_owner("select count(*) from licenses_dailyusage") == [(88 + 5 * 38,)]


def _closed_in_a_thread() -> int:
    try:
        return daily_usage.close_days()
    finally:
        connections.close_all()


class TestRetention:
    def test_deletes_what_ended_too_long_ago_and_nothing_else(self, license_: SeatedLicense, settings: Any) -> None:
        settings.SESSION_RETENTION_DAYS = 30
        write(license_, days_ago(40, 1, 1), days_ago(31, 1, 1), days_ago(29, 1, 1), days_ago(35, 1, 1, closed=False))
        with as_role("worker"):
            daily_usage.close_days()
            assert history.delete_old_sessions() == 2
            assert history.delete_old_sessions() == 0
        assert as_owner("select count(*) from licenses_licensesession") == [(2,)]

    def test_by_many_workers_at_once_is_audited_to_the_session(self, license_: SeatedLicense, settings: Any) -> None:
        settings.SESSION_RETENTION_DAYS = 30
        write(license_, *(days_ago(60 + number % 9, number % 20, 1) for number in range(history.OLD_AT_ONCE + 700)))
        close()
        with as_role("worker"):
            deleted = at_once(4, lambda _: history.delete_old_sessions())
            deleted.append(history.delete_old_sessions())
        assert sum(deleted) == history.OLD_AT_ONCE + 700
        said = as_owner(
            "select sum((data->>'sessions')::int), count(distinct object_id), max(organization_id::text) "
            "from users_auditentry where action = 'LICENSE_SESSIONS_DELETED'"
        )
        assert said == [(sum(deleted), 1, str(license_.organization_id))]
        assert as_owner("select count(*) from licenses_licensesession") == [(0,)]


class TestLapsed:
    def test_are_closed_by_many_workers_at_once_each_with_one_entry(self, license_: SeatedLicense) -> None:
        other = seated_license.issue(seats=5)
        lapsed = [days_ago(1, number % 20, 1, closed=False) for number in range(2500)]
        write(license_, *lapsed)
        write(other, *lapsed[:10])
        running = Past(datetime.now(UTC), datetime.now(UTC) + DAY)
        write(license_, running)
        with as_role("worker"):
            closed = at_once(4, lambda _: history.record_lapsed())
            closed.append(history.record_lapsed())
        assert sum(closed) == 2510
        rows = as_owner(
            "select s.end_reason, s.ended_at = s.expires_at, count(*), count(e.id), count(distinct e.object_id) "
            "from licenses_licensesession s left join users_auditentry e on e.object_id = s.id "
            "and e.organization_id = s.organization_id and e.action = 'LICENSE_EXPIRED' "
            "and e.object_type = 'license_session' group by 1, 2 order by 1"
        )
        assert rows == [("", None, 1, 0, 0), ("expired", True, 2510, 2510, 2510)]
