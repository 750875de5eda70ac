"""Two requests about one lease, held at the one instant in which each could undo the other."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import LiteralString

import pytest

from config.kernel.errors import DomainError
from config.kernel.redis import client as redis_client
from licenses.errors import LicenseSuspended, NoSeatsAvailable, SessionExpired
from licenses.lookup import KeyHolder
from licenses.seats import tokens
from licenses.seats.seat import Seat
from licenses.services import acquiring, seats
from licenses.services.acquiring import AcquiredSeat
from tests.concurrency import history, seated_license
from tests.concurrency.seated_license import SeatedLicense, owner_connection
from tests.concurrency.together import (
    Point,
    held,
    on_its_own_connection,
    settle,
    wait_until_stuck,
)

pytestmark = pytest.mark.usefixtures("holdable")


def acquire(license_: SeatedLicense, hardware_id: str = "machine-0001") -> AcquiredSeat:
    """Take a seat."""
    return acquiring.acquire(license_key=license_.key, hardware_id=hardware_id, holder=KeyHolder())


def beat(seat: Seat) -> Seat:
    """Keep it."""
    return seats.heartbeat(claims=tokens.read(seat.signed_token), session_id=seat.session_id)


def release(seat: Seat) -> None:
    """Give it back."""
    seats.release(claims=tokens.read(seat.signed_token), session_id=seat.session_id)


def in_this_order(seat: Seat, *calls: Callable[[], object]) -> list[Future[object]]:
    """Let the calls queue up for the row of a lease, one behind the other, then let them go on."""
    futures: list[Future[object]] = []
    with (
        ThreadPoolExecutor(len(calls)) as pool,
        owner_connection() as onlooker,
        owner_connection() as owner,
        owner.transaction(),
    ):
        owner.execute("select from licenses_licensesession where id = %s for update", [seat.session_id])
        for count, call in enumerate(calls, start=1):
            futures.append(pool.submit(on_its_own_connection(call)))
            wait_until_stuck(onlooker, count=count)
    return futures


class TestTwoGrantsOfTheLastSeat:
    def test_are_decided_one_after_the_other(self) -> None:
        """The second waits for the licence's lock until the first is true, and only then counts."""
        license_ = seated_license.issue(seats=1)
        first, second = (lambda name=name: acquire(license_, name) for name in ("machine-0001", "machine-0002"))
        with ThreadPoolExecutor(1) as pool, held(Point.COMMIT, [first]) as (owner, (granting,)):
            redis_client().flushall()  # or the gate would have refused it
            refusing = pool.submit(on_its_own_connection(second))
            wait_until_stuck(owner, count=2)
        assert granting.result().is_new
        assert isinstance(refusing.exception(), NoSeatsAvailable)
        assert history.most_at_once(license_.id) == 1


class TestReleaseBeforeAcquireOfTheSameMachine:
    def test_gives_the_machine_a_new_lease_and_not_the_ended_one(self) -> None:
        license_ = seated_license.issue(seats=1)
        old = acquire(license_).seat
        released, again = in_this_order(old, lambda: release(old), lambda: acquire(license_))
        assert released.exception() is None
        new = again.result()
        assert isinstance(new, AcquiredSeat)
        assert new.seat.session_id != old.session_id
        assert history.live(license_.id) == 1
        assert beat(new.seat).expires_at >= new.seat.expires_at


class TestAcquireBeforeReleaseOfTheSameMachine:
    def test_keeps_the_lease_that_was_handed_back(self) -> None:
        license_ = seated_license.issue(seats=1)
        old = acquire(license_).seat
        again, released = in_this_order(old, lambda: acquire(license_), lambda: release(old))
        assert released.exception() is None
        new = again.result()
        assert isinstance(new, AcquiredSeat)
        assert new.seat.session_id == old.session_id
        assert beat(new.seat).session_id == old.session_id
        assert history.live(license_.id) == 1


class TestReleaseBeforeBeat:
    def test_tells_the_holder_that_its_lease_is_over(self) -> None:
        seat = acquire(seated_license.issue(seats=1)).seat
        _, beaten = in_this_order(seat, lambda: release(seat), lambda: beat(seat))
        assert isinstance(beaten.exception(), SessionExpired)


class TestLeaseThatIsWrittenOffBeforeABeat:
    def test_tells_the_holder_that_its_lease_is_over(self) -> None:
        """Whoever only tidies up does not lock the licence; the beat has seen the lease open, and finds it closed."""
        seat = acquire(seated_license.issue(seats=1)).seat
        with (
            ThreadPoolExecutor(1) as pool,
            owner_connection() as onlooker,
            owner_connection() as owner,
            owner.transaction(),
        ):
            owner.execute(
                "update licenses_licensesession set ended_at = clock_timestamp() where id = %s", [seat.session_id]
            )
            beating = pool.submit(on_its_own_connection(lambda: beat(seat)))
            wait_until_stuck(onlooker, count=1)
        assert isinstance(beating.exception(), SessionExpired)


class TestBeatBeforeRelease:
    def test_ends_the_lease(self) -> None:
        license_ = seated_license.issue(seats=1)
        seat = acquire(license_).seat
        beaten, released = in_this_order(seat, lambda: beat(seat), lambda: release(seat))
        assert (beaten.exception(), released.exception()) == (None, None)
        assert history.live(license_.id) == 0


class TestBeatThatWaitsWhileItsLeasePasses:
    def test_keeps_the_seat_and_the_newcomer_sees_it(self) -> None:
        """The beat has read the clock in time; what it then writes must not land beneath somebody else's grant."""
        license_ = seated_license.issue(seats=1)
        seat = acquire(license_).seat
        with ThreadPoolExecutor(2) as pool, owner_connection() as onlooker, owner_connection() as owner:
            owner.execute(
                "update licenses_licensesession set expires_at = clock_timestamp() + interval '0.4 s' where id = %s",
                [seat.session_id],
            )
            with owner.transaction():
                owner.execute("select from licenses_licensesession where id = %s for update", [seat.session_id])
                beating = pool.submit(on_its_own_connection(lambda: beat(seat)))
                wait_until_stuck(onlooker, count=1)
                onlooker.execute("select pg_sleep(0.5)")
                redis_client().flushall()
                asking = pool.submit(on_its_own_connection(lambda: acquire(license_, "machine-0002")))
                settle(onlooker, [beating, asking])
        assert beating.exception() is None
        assert isinstance(asking.exception(), NoSeatsAvailable)
        assert history.live(license_.id) == 1


class TestAcquireThatWaitsWhileTheLicenceChanges:
    @pytest.mark.parametrize(
        ("change", "refusal"),
        [
            ("update licenses_license set max_seats = 0 where id = %s", NoSeatsAvailable),
            ("update licenses_license set status = 'suspended' where id = %s", LicenseSuspended),
        ],
    )
    def test_goes_by_what_the_licence_has_become(self, change: LiteralString, refusal: type[DomainError]) -> None:
        license_ = seated_license.issue(seats=1)
        with (
            ThreadPoolExecutor(1) as pool,
            owner_connection() as onlooker,
            owner_connection() as owner,
            owner.transaction(),
        ):
            owner.execute(change, [license_.id])
            asking = pool.submit(on_its_own_connection(lambda: acquire(license_)))
            wait_until_stuck(onlooker, count=1)
        assert isinstance(asking.exception(), refusal)
        assert history.live(license_.id) == 0
