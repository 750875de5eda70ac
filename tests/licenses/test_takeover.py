"""A member moves to another machine: the old session ends, the new one has its seat, at no moment one too many."""

import pytest

from config.kernel.ids import new_id
from config.kernel.redis import client as redis_client
from licenses.errors import (
    AuthenticationRequired,
    NoSeatsAvailable,
    SessionExpired,
    SessionNotFound,
    SessionTakenOver,
)
from licenses.lookup import KeyHolder
from licenses.seats import tokens
from licenses.seats.seat import Seat
from licenses.services import acquiring, seats
from licenses.services.acquiring import AcquiredSeat
from tests.concurrency import history, seated_license
from tests.concurrency.seated_license import SeatedLicense, owner_connection
from tests.concurrency.together import at_once

ADA, BEN = new_id(), new_id()
OLD, NEW = "machine-old-1", "machine-new-1"


@pytest.fixture
def license_(db: None) -> SeatedLicense:
    """Return a licence of one seat."""
    return seated_license.issue(seats=1)


def acquire(license_: SeatedLicense, hardware_id: str, **more: object) -> AcquiredSeat:
    """Take a seat as Ada, unless `holder` says otherwise."""
    values = {"holder": KeyHolder(ADA), **more}
    return acquiring.acquire(license_key=license_.key, hardware_id=hardware_id, **values)  # type: ignore[arg-type]


def beat(seat: Seat) -> Seat:
    """Keep a seat."""
    return seats.heartbeat(claims=tokens.read(seat.signed_token), session_id=seat.session_id)


class TestTakeover:
    def test_moves_the_only_seat_to_the_new_machine_and_tells_the_old_one(self, license_: SeatedLicense) -> None:
        old = acquire(license_, OLD).seat
        new = acquire(license_, NEW, takeover_session_id=old.session_id)
        assert (new.is_new, new.seats_used) == (True, 1)
        assert beat(new.seat).session_id == new.seat.session_id
        with pytest.raises(SessionTakenOver):
            beat(old)
        assert history.most_at_once(license_.id) == history.live(license_.id) == 1
        with owner_connection() as owner:
            reasons = owner.execute(
                "select data ->> 'reason', actor_id from users_auditentry where object_id = %s and action = %s",
                [old.session_id, "LICENSE_RELEASED"],
            ).fetchall()
        assert reasons == [("taken_over", ADA)]

    def test_leaves_the_gate_with_the_new_machine_and_without_the_old(self, license_: SeatedLicense) -> None:
        old = acquire(license_, OLD).seat
        new = acquire(license_, NEW, takeover_session_id=old.session_id).seat
        (owner,) = redis_client().hvals(f"seats:{{{license_.id}}}:owners")
        assert owner == f"{new.session_id}:1".encode()

    def test_asked_again_gives_the_same_seat(self, license_: SeatedLicense) -> None:
        old = acquire(license_, OLD).seat
        first = acquire(license_, NEW, takeover_session_id=old.session_id).seat
        again = acquire(license_, NEW, takeover_session_id=old.session_id)
        assert (again.is_new, again.seat.session_id) == (False, first.session_id)

    def test_of_the_machines_own_session_hands_it_back(self, license_: SeatedLicense) -> None:
        own = acquire(license_, OLD).seat
        again = acquire(license_, OLD, takeover_session_id=own.session_id)
        assert (again.is_new, again.seat.session_id) == (False, own.session_id)

    def test_is_nobodys_but_the_members_who_holds_it(self, license_: SeatedLicense) -> None:
        old = acquire(license_, OLD).seat
        with pytest.raises(SessionNotFound):
            acquire(license_, NEW, holder=KeyHolder(BEN), takeover_session_id=old.session_id)
        with pytest.raises(AuthenticationRequired):
            acquire(license_, NEW, holder=KeyHolder(), takeover_session_id=old.session_id)
        with pytest.raises(SessionNotFound):
            acquire(license_, NEW, takeover_session_id=new_id())
        assert beat(old).session_id == old.session_id

    def test_reaches_no_other_licence(self, license_: SeatedLicense) -> None:
        old = acquire(license_, OLD).seat
        other = seated_license.issue(seats=1)
        with pytest.raises(SessionNotFound):
            acquire(other, NEW, takeover_session_id=old.session_id)
        assert beat(old).session_id == old.session_id

    def test_that_gets_no_seat_leaves_the_old_one(self, license_: SeatedLicense) -> None:
        """The limit was lowered under the leases that are out: one that is given up is not to be had again."""
        old = acquire(license_, OLD).seat
        license_.change(max_seats=0)
        with pytest.raises(NoSeatsAvailable):
            acquire(license_, NEW, takeover_session_id=old.session_id)
        assert beat(old).session_id == old.session_id

    def test_of_a_released_session_is_an_acquire_like_any_other(self, license_: SeatedLicense) -> None:
        old = acquire(license_, OLD).seat
        seats.release(claims=tokens.read(old.signed_token), session_id=old.session_id)
        assert acquire(license_, NEW, takeover_session_id=old.session_id).is_new
        with pytest.raises(SessionExpired):
            beat(old)

    def test_by_ten_machines_at_once_gives_one_of_them_the_seat(self, license_: SeatedLicense) -> None:
        old = acquire(license_, OLD).seat

        def take(number: int) -> bool:
            try:
                acquire(license_, f"machine-new-{number}", takeover_session_id=old.session_id)
            except NoSeatsAvailable:
                return False
            return True

        assert sum(at_once([lambda number=number: take(number) for number in range(10)])) == 1  # type: ignore[misc]
        assert history.most_at_once(license_.id) == history.live(license_.id) == 1
