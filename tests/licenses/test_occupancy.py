"""What sessions took of a licence's seats by day, against a count by brute force and on days worth a look."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.kernel.tenancy import organization_context
from licenses import occupancy
from licenses.occupancy import Occupied
from tests.concurrency import seated_license
from tests.concurrency.seated_license import SeatedLicense, owner_connection
from tests.licenses.past_sessions import Past, held, write

FIRST = date(2026, 3, 1)
DAYS = 4
DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
# Few different instants, so that many fall together, and on midnights.
INSTANTS = st.integers(-24, (DAYS + 1) * 24).map(lambda hours: START + timedelta(hours=hours))
MICROSECONDS = st.integers(0, DAYS * 86_400_000_000).map(lambda number: START + timedelta(microseconds=number))
MOMENTS = st.one_of(INSTANTS, MICROSECONDS)


@st.composite
def sessions(draw: st.DrawFn) -> Past:
    """A session that ended before its lease, with it, was closed late, or is open still though it has lapsed."""
    began, expires = sorted((draw(MOMENTS), draw(MOMENTS)))
    closed = draw(st.one_of(st.none(), st.just(expires), MOMENTS.filter(lambda moment: moment >= began)))
    return Past(began, expires, closed)


def by_brute_force(license_: SeatedLicense, past: Sequence[Past]) -> list[Occupied]:
    """Count at every instant at which the number of leases can have grown."""
    found = []
    for number in range(DAYS):
        starts, ends = START + number * DAY, START + (number + 1) * DAY
        instants = [starts, *(one.began for one in past if starts <= one.began < ends)]
        ended = [one for one in past if starts <= one.ended < ends]
        row = Occupied(
            license_.id,
            FIRST + timedelta(days=number),
            max(sum(one.began <= instant < one.ended for one in past) for instant in instants),
            sum(starts <= one.began < ends for one in past),
            sum((max(min(one.ended, ends) - max(one.began, starts), timedelta()) for one in past), timedelta()),
            len(ended),
            sum((one.ended - one.began for one in ended), timedelta()),
        )
        if (row.peak_seats, row.sessions, row.ended_sessions) != (0, 0, 0):
            found.append(row)
    return found


def swept(license_: SeatedLicense, first: date = FIRST, days: int = DAYS) -> list[Occupied]:
    """Return what the sweep finds."""
    with organization_context(license_.organization_id):
        return occupancy.by_day(
            organization_id=license_.organization_id,
            license_ids=[license_.id],
            first=first,
            last=first + timedelta(days=days - 1),
        )


@pytest.fixture
def license_(db: None) -> SeatedLicense:
    """Return a licence."""
    return seated_license.issue(seats=5)


class TestByDay:
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(past=st.lists(sessions(), max_size=12))
    def test_finds_what_brute_force_finds(self, license_: SeatedLicense, past: list[Past]) -> None:
        with owner_connection() as owner:
            owner.execute("delete from licenses_licensesession where license_id = %s", [license_.id])
        write(license_, *past)
        assert swept(license_) == by_brute_force(license_, past)

    def test_cuts_a_session_over_midnight_into_both_days_and_counts_it_once(self, license_: SeatedLicense) -> None:
        write(license_, held("2026-03-01T22:00", "2026-03-02T03:00"))
        hours = timedelta(hours=1)
        assert swept(license_) == [
            Occupied(license_.id, FIRST, 1, 1, 2 * hours, 0, 0 * hours),
            Occupied(license_.id, FIRST + DAY, 1, 0, 3 * hours, 1, 5 * hours),
        ]

    def test_gives_a_seat_on_in_the_same_instant_without_counting_two(self, license_: SeatedLicense) -> None:
        write(license_, held("2026-03-01T10:00", "2026-03-01T11:00"), held("2026-03-01T11:00", "2026-03-01T12:00"))
        assert [row.peak_seats for row in swept(license_)] == [1]

    def test_counts_leases_that_overlap_by_a_microsecond(self, license_: SeatedLicense) -> None:
        write(
            license_,
            held("2026-03-01T10:00", "2026-03-01T11:00:00.000001"),
            held("2026-03-01T11:00", "2026-03-01T12:00"),
        )
        assert [row.peak_seats for row in swept(license_)] == [2]

    def test_lets_an_open_lease_end_when_it_lapsed_and_a_running_one_now(self, license_: SeatedLicense) -> None:
        now = datetime.now(UTC)
        lapsed = Past(now - 3 * DAY, now - 3 * DAY + timedelta(minutes=6))
        running = Past(now - timedelta(minutes=1), now + timedelta(minutes=5))
        write(license_, lapsed, running)
        rows = swept(license_, first=(now - 4 * DAY).date(), days=6)
        leased = sum((row.leased for row in rows), timedelta())
        assert timedelta(minutes=7) <= leased < timedelta(minutes=7, seconds=30)
        assert sum(row.ended_sessions for row in rows) == 1
        assert sum(row.sessions for row in rows) == 2

    def test_keeps_licences_apart(self, license_: SeatedLicense) -> None:
        other = seated_license.issue(seats=1)
        write(other, held("2026-03-01T10:00", "2026-03-01T11:00"))
        assert swept(license_) == []

    def test_of_no_days_is_nothing(self, license_: SeatedLicense) -> None:
        write(license_, held("2026-03-01T10:00", "2026-03-01T11:00"))
        assert swept(license_, days=0) == []
