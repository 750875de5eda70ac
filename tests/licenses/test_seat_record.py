"""The record of seats: which beats it accepts, what a release ends, what an acquire starts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.kernel.errors import DomainError
from config.kernel.ids import new_id
from config.kernel.redis import client as redis_client
from config.kernel.tenancy import organization_context
from licenses import errors
from licenses.lookup import KeyHolder
from licenses.models import EndReason, License, LicenseStatus
from licenses.seats import record, tokens
from licenses.seats.seat import Seat
from licenses.services import acquiring, holders, seats
from licenses.services.history import record_lapsed
from tests.concurrency import history, seated_license
from tests.concurrency.seated_license import SeatedLicense, owner_connection
from tests.concurrency.together import on_its_own_connection, wait_until_stuck

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def license_(db: None) -> SeatedLicense:
    """Return a licence of two seats."""
    return seated_license.issue(seats=2)


@pytest.fixture
def seat(license_: SeatedLicense) -> Seat:
    """Return a seat of it."""
    return acquire(license_)


def acquire(license_: SeatedLicense, hardware_id: str = "machine-0001") -> Seat:
    """Take a seat."""
    return acquiring.acquire(license_key=license_.key, hardware_id=hardware_id, holder=KeyHolder()).seat


def beat(seat: Seat, **changed: object) -> Seat:
    """Keep a seat, by claims that differ from its token's where `changed` says so."""
    claims = replace(tokens.read(seat.signed_token), **changed)  # type: ignore[arg-type]
    return seats.heartbeat(claims=claims, session_id=claims.session_id)


def release(seat: Seat) -> None:
    """Give a seat back."""
    seats.release(claims=tokens.read(seat.signed_token), session_id=seat.session_id)


def set_expiry(seat: Seat, *, seconds: float) -> None:
    """Let the lease run out so many seconds from now, in the record."""
    with owner_connection() as owner:
        owner.execute(
            "update licenses_licensesession set expires_at = now() + make_interval(secs => %s) where id = %s",
            [seconds, seat.session_id],
        )


def passed(moment: datetime) -> None:
    """Wait until the database's clock has passed a moment."""
    with owner_connection() as owner:
        owner.execute("select pg_sleep_until(%s)", [moment + timedelta(milliseconds=5)])


class TestBeat:
    def test_renews_the_lease_and_the_token(self, seat: Seat) -> None:
        renewed = beat(seat)
        assert renewed.session_id == seat.session_id
        assert renewed.expires_at > seat.expires_at
        assert tokens.read(renewed.signed_token).sequence == tokens.read(seat.signed_token).sequence + 1
        assert renewed.degraded is False

    def test_accepts_the_token_before_the_newest_because_an_answer_may_be_lost(self, seat: Seat) -> None:
        newest = beat(seat)
        again = [beat(seat) for _ in range(3)]
        assert {tokens.read(one.signed_token).sequence for one in again} == {tokens.read(newest.signed_token).sequence}
        beat(newest)

    def test_refuses_a_token_older_than_that(self, seat: Seat) -> None:
        beat(beat(seat))
        with pytest.raises(errors.TokenSuperseded):
            beat(seat)

    def test_never_revives_a_lapsed_lease(self, seat: Seat) -> None:
        set_expiry(seat, seconds=-0.001)
        for _ in range(2):
            with pytest.raises(errors.SessionExpired):
                beat(seat)

    def test_never_revives_a_released_lease(self, seat: Seat) -> None:
        release(seat)
        with pytest.raises(errors.SessionExpired):
            beat(seat)

    def test_does_not_shorten_a_lease(self, seat: Seat) -> None:
        """Of two crossing beats the one with the earlier clock may write last."""
        set_expiry(seat, seconds=1000)
        assert beat(seat).expires_at > seat.expires_at + timedelta(seconds=600)

    @pytest.mark.parametrize(
        ("fields", "refusal"),
        [
            ({"status": LicenseStatus.SUSPENDED}, errors.LicenseSuspended),
            ({"status": LicenseStatus.INACTIVE}, errors.LicenseInactive),
            ({"expires_at": datetime.now(UTC) - AN_HOUR}, errors.LicenseExpired),
            (
                {"status": LicenseStatus.SUSPENDED, "grace_period_ends_at": datetime.now(UTC) - AN_HOUR},
                errors.LicenseSuspended,
            ),
        ],
    )
    def test_is_refused_on_a_licence_that_may_not_be_used(
        self, license_: SeatedLicense, seat: Seat, fields: dict[str, Any], refusal: type[DomainError]
    ) -> None:
        license_.change(**fields)
        with pytest.raises(refusal):
            beat(seat)

    def test_is_accepted_while_grace_runs(self, license_: SeatedLicense, seat: Seat) -> None:
        license_.change(status=LicenseStatus.SUSPENDED, grace_period_ends_at=datetime.now(UTC) + AN_HOUR)
        assert beat(seat).expires_at > seat.expires_at

    @pytest.mark.parametrize("name", ["organization_id", "license_id", "session_id"])
    def test_finds_nothing_where_the_ids_do_not_belong_together(self, seat: Seat, name: str) -> None:
        """The function that renews looks over the wall between organizations: it must be asked for all three."""
        other = acquire(seated_license.issue(seats=1))
        foreign = getattr(tokens.read(other.signed_token), name)
        for stranger in (foreign, new_id()) if name != "session_id" else (foreign,):
            with pytest.raises(errors.SessionNotFound):
                beat(seat, **{name: stranger})

    def test_with_the_token_of_another_session_is_a_mismatch(self, license_: SeatedLicense, seat: Seat) -> None:
        other = acquire(license_, "machine-0002")
        with pytest.raises(errors.TokenMismatch):
            seats.heartbeat(claims=tokens.read(seat.signed_token), session_id=other.session_id)


class TestRelease:
    def test_is_fine_twice(self, license_: SeatedLicense, seat: Seat) -> None:
        release(seat)
        release(seat)
        assert history.live(license_.id) == 0

    def test_by_an_outdated_lease_number_frees_nothing(self, license_: SeatedLicense, seat: Seat) -> None:
        again = acquire(license_)
        assert again.session_id == seat.session_id
        release(seat)
        assert history.live(license_.id) == 1
        release(again)
        assert history.live(license_.id) == 0

    def test_of_an_unknown_session_is_told(self, seat: Seat) -> None:
        claims = replace(tokens.read(seat.signed_token), session_id=new_id())
        with pytest.raises(errors.SessionNotFound):
            seats.release(claims=claims, session_id=claims.session_id)

    def test_frees_the_seat_in_the_gate_as_well(self, license_: SeatedLicense) -> None:
        for number in range(5):
            release(acquire(license_, f"machine-{number:04}"))

    def test_of_a_lapsed_lease_is_recorded_as_an_expiry(self, seat: Seat) -> None:
        set_expiry(seat, seconds=-5)
        release(seat)
        with owner_connection() as owner:
            row = owner.execute(
                "select end_reason, ended_at = expires_at from licenses_licensesession where id = %s", [seat.session_id]
            ).fetchone()
        assert row == ("expired", True)


class TestWall:
    def test_nobodys_seat_is_reached_from_the_work_of_another_organization(
        self, license_: SeatedLicense, seat: Seat
    ) -> None:
        """The functions set the organization themselves: what they are handed must not move their caller's."""
        other = seated_license.issue(seats=1)
        with organization_context(other.organization_id):
            with pytest.raises(RuntimeError):
                record.release(
                    organization_id=license_.organization_id,
                    session_id=seat.session_id,
                    lease_no=None,
                    reason=EndReason.FORCED,
                )
            with pytest.raises(RuntimeError):
                record.acquire(
                    organization_id=license_.organization_id,
                    license_id=license_.id,
                    hardware_hash=b"another machine",
                    user_id=None,
                )
            assert License.objects.get().id == other.id
        assert history.live(license_.id) == 1


class TestAudit:
    def test_tells_each_lease_that_ran_out_once_whoever_finds_it(self, license_: SeatedLicense, seat: Seat) -> None:
        set_expiry(seat, seconds=-1)
        second = acquire(license_)
        set_expiry(second, seconds=-1)
        release(second)
        third = acquire(license_)
        set_expiry(third, seconds=-1)
        with organization_context(license_.organization_id):
            assert holders.end_all(license_=License.objects.get()) == 0
        record_lapsed()
        with owner_connection() as owner:
            told = owner.execute(
                "select action, object_id from users_auditentry where object_type = 'license_session' order by id"
            ).fetchall()
        taken = (one.session_id for one in (seat, second, third))
        assert told == [(action, one) for one in taken for action in ("LICENSE_ACQUIRED", "LICENSE_EXPIRED")]


class TestAcquire:
    def test_refused_by_the_record_leaves_no_reservation_behind(self, license_: SeatedLicense, seat: Seat) -> None:
        acquire(license_, "machine-0002")
        redis_client().flushall()  # or the gate would have refused it
        with pytest.raises(errors.NoSeatsAvailable):
            acquire(license_, "machine-0003")
        release(seat)
        acquire(license_, "machine-0004")

    def test_that_breaks_a_rule_leaves_no_reservation_behind(self, license_: SeatedLicense) -> None:
        license_.change(require_activation=True, max_seats=1)
        with pytest.raises(errors.ActivationRequired):
            acquire(license_)
        license_.change(require_activation=False)
        acquire(license_, "machine-0002")

    def test_starts_a_new_session_after_its_own_lapsed(self, license_: SeatedLicense, seat: Seat) -> None:
        set_expiry(seat, seconds=-0.001)
        again = acquire(license_)
        assert again.session_id != seat.session_id
        assert history.live(license_.id) == 1

    def test_begins_anew_when_its_lease_runs_out_and_is_closed_while_it_is_looked_at(
        self, license_: SeatedLicense, seat: Seat
    ) -> None:
        """What closes lapsed sessions takes no lock on the licence: it may come between the look and the hand-back."""
        license_.change(max_seats=1)
        set_expiry(seat, seconds=1)
        with owner_connection() as owner, ThreadPoolExecutor(1) as pool:
            with owner.transaction():
                owner.execute("select from licenses_licensesession where id = %s for update", [seat.session_id])
                call = pool.submit(on_its_own_connection(lambda: acquire(license_)))
                wait_until_stuck(owner, count=1)
                owner.execute("select pg_sleep(1)")
                owner.execute(
                    "update licenses_licensesession set ended_at = expires_at, end_reason = 'expired' where id = %s",
                    [seat.session_id],
                )
            again = call.result()
        assert again.session_id != seat.session_id
        beat(again)
        assert (history.live(license_.id), history.most_at_once(license_.id)) == (1, 1)

    def test_does_not_shorten_its_own_lease(self, license_: SeatedLicense, seat: Seat) -> None:
        set_expiry(seat, seconds=1000)
        assert acquire(license_).expires_at > seat.expires_at + timedelta(seconds=600)

    def test_frees_the_seat_by_itself_when_the_lease_has_passed(self, license_: SeatedLicense, settings: Any) -> None:
        """Real time, both stores: no cleaner runs."""
        settings.SEAT_LEASE_SECONDS = 1
        holders = [acquire(license_, f"machine-000{number}") for number in (1, 2)]
        with pytest.raises(errors.NoSeatsAvailable) as refusal:
            acquire(license_, "machine-0003")
        assert refusal.value.retry_after == 1
        passed(holders[1].expires_at)
        acquire(license_, "machine-0003")
        with pytest.raises(errors.SessionExpired):
            beat(holders[0])
        assert history.most_at_once(license_.id) == 2
