"""Whoever shows a token older than the last two has copied it: refused, counted, and told of once an hour."""

from dataclasses import replace

import pytest

from licenses.errors import TokenSuperseded
from licenses.lookup import KeyHolder
from licenses.seats import tokens
from licenses.seats.seat import Seat
from licenses.services import acquiring, seats
from tests.concurrency import seated_license
from tests.concurrency.seated_license import owner_connection
from tests.concurrency.together import at_once

_TOLD = "select data ->> 'suspected' from users_auditentry where action = 'LICENSE_CLONE_SUSPECTED' and object_id = %s"
_COUNTED = "select clones_suspected from licenses_licensesession where id = %s"
_AN_HOUR_LATER = (
    "update licenses_licensesession set clone_reported_at = clone_reported_at - interval '1 hour' where id = %s"
)


@pytest.fixture
def seat(db: None) -> Seat:
    """Return a seat that was beaten for three times."""
    license_ = seated_license.issue(seats=1)
    seat = acquiring.acquire(license_key=license_.key, hardware_id="machine-0001", holder=KeyHolder()).seat
    for _ in range(3):
        seat = beat(seat)
    return seat


def beat(seat: Seat, *, back: int = 0) -> Seat:
    """Beat with the newest token, or one so many beats older."""
    claims = tokens.read(seat.signed_token)
    claims = replace(claims, sequence=claims.sequence - back)
    return seats.heartbeat(claims=claims, session_id=claims.session_id)


def clone_beats(seat: Seat) -> None:
    """Beat with a copy that is two beats old."""
    with pytest.raises(TokenSuperseded):
        beat(seat, back=2)


def ask(query: str, seat: Seat) -> list[object]:
    """Return the first column of what the database answers."""
    with owner_connection() as owner:
        return [row[0] for row in owner.execute(query.encode(), [seat.session_id]).fetchall()]


class TestClone:
    def test_is_not_suspected_in_the_newest_token_nor_in_the_one_before(self, seat: Seat) -> None:
        beat(seat, back=1)
        beat(seat)
        assert (ask(_TOLD, seat), ask(_COUNTED, seat)) == ([], [0])

    def test_is_refused_counted_and_told_of_and_costs_the_holder_nothing(self, seat: Seat) -> None:
        clone_beats(seat)
        assert (ask(_TOLD, seat), ask(_COUNTED, seat)) == (["1"], [1])
        assert beat(seat).session_id == seat.session_id

    def test_is_told_of_once_an_hour(self, seat: Seat) -> None:
        for _ in range(3):
            clone_beats(seat)
        assert (ask(_TOLD, seat), ask(_COUNTED, seat)) == (["1"], [3])
        with owner_connection() as owner:
            owner.execute(_AN_HOUR_LATER, [seat.session_id])
        clone_beats(seat)
        assert sorted(map(str, ask(_TOLD, seat))) == ["1", "4"]

    def test_is_told_of_once_by_ten_that_beat_at_once(self, seat: Seat) -> None:
        at_once([lambda: clone_beats(seat)] * 10)
        assert (len(ask(_TOLD, seat)), ask(_COUNTED, seat)) == (1, [10])
