"""Two requests about one lease, held at the one instant in which each could undo the other."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from config.kernel.redis import client as redis_client
from licenses.errors import NoSeatsAvailable, SessionExpired
from licenses.lookup import KeyHolder
from licenses.seats import tokens
from licenses.services import seats
from licenses.services.seats import AcquiredSeat, Seat
from tests.concurrency import history, seated_license
from tests.concurrency.seated_license import SeatedLicense, owner_connection
from tests.concurrency.together import (
    Point,
    held,
    on_its_own_connection,
    wait_until_stuck,
)

pytestmark = pytest.mark.usefixtures("holdable")


def acquire(license_: SeatedLicense, hardware_id: str = "machine-0001") -> AcquiredSeat:
    """Take a seat."""
    return seats.acquire(license_key=license_.key, hardware_id=hardware_id, holder=KeyHolder())


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


class TestBeatBeforeRelease:
    def test_ends_the_lease(self) -> None:
        license_ = seated_license.issue(seats=1)
        seat = acquire(license_).seat
        beaten, released = in_this_order(seat, lambda: beat(seat), lambda: release(seat))
        assert (beaten.exception(), released.exception()) == (None, None)
        assert history.live(license_.id) == 0
