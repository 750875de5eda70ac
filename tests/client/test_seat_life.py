"""A seat's life with time moved by hand: what is asked when, what the host hears, and what its status says."""

from itertools import pairwise
from typing import Any

import pytest

from coditect_license import errors
from coditect_license.errors import OfflineGraceExceeded, Refused
from coditect_license.seat_life import Event, Grant, SeatLife, State, Try

LEASE, GRACE, INTERVAL = 360.0, 1800.0, 300.0
SAFE_LEASE = 355.0
"""What the client counts on: five seconds less than it was promised."""


def refused(code: str, status: int = 403) -> Refused:
    """Return a signed no."""
    answer: dict[str, Any] = {"errors": [{"code": code, "detail": "No."}]}
    return errors.refusal(status=status, answer=answer)


class Lived:
    """A life whose time a test moves; answers come at once."""

    def __init__(self, *, jitter: float = 1.0) -> None:
        self.life = SeatLife(jitter=lambda: jitter)
        self.now = 0.0
        self.told: list[Event] = []
        self.grant()

    def grant(self, *, lease: float = LEASE, grace: float = GRACE) -> None:
        self.told += self.life.granted(
            Grant(sent_at=self.now, lease=lease, grace=grace, interval=INTERVAL), now=self.now
        )

    def fail(self, **options: Any) -> None:
        self.told += self.life.unanswered(now=self.now, **options)

    def refuse(self, code: str, status: int = 403) -> None:
        self.told += self.life.refused(refused(code, status), now=self.now)

    def until_asking(self) -> Try:
        """Move the time until something is to be asked, telling what happens on the way; return what it is."""
        for _ in range(10):
            moment = self.life.look_again_at()
            assert moment is not None
            self.now = max(self.now, moment)
            asked = self.life.begin(now=self.now)
            if asked:
                return asked
            self.told += self.life.tick(now=self.now)
        raise AssertionError("nothing is ever asked")

    def sleep(self, seconds: float) -> None:
        """Move the time with nobody looking: a laptop that is shut."""
        self.now += seconds

    @property
    def state(self) -> State:
        return self.life.status(now=self.now).state


class TestBeats:
    @pytest.mark.parametrize(("jitter", "first", "later"), [(0.0, 147.9, 251.5), (1.0, 295.8, 295.8)])
    def test_come_from_a_random_phase_and_then_only_ever_earlier_than_asked_for(
        self, jitter: float, first: float, later: float
    ) -> None:
        lived = Lived(jitter=jitter)
        assert lived.until_asking() is Try.BEAT
        began = lived.now
        lived.grant()
        assert lived.until_asking() is Try.BEAT
        assert [began, lived.now - began] == pytest.approx([first, later], abs=0.1)
        assert lived.told == [Event.ACQUIRED]

    def test_come_as_often_as_the_server_asks_when_the_lease_would_allow_less(self) -> None:
        lived = Lived()
        lived.grant(lease=86_400.0)
        lived.until_asking()
        assert lived.now == INTERVAL

    def test_come_before_a_lease_ends_that_is_shorter_than_the_interval(self) -> None:
        lived = Lived()
        lived.grant(lease=4.0)
        assert lived.until_asking() is Try.BEAT
        assert lived.now < 3.0

    def test_are_not_begun_twice(self) -> None:
        lived = Lived()
        lived.until_asking()
        assert lived.life.begin(now=lived.now + 1) is None


class TestTrouble:
    def test_is_told_once_and_over_when_somebody_answers(self) -> None:
        lived = Lived()
        for _ in range(2):
            assert lived.until_asking() is Try.BEAT
            lived.fail()
            assert lived.state is State.DEGRADED
        assert lived.until_asking() is Try.BEAT
        lived.grant()
        assert lived.told == [Event.ACQUIRED, Event.DEGRADED, Event.RESTORED]
        assert lived.life.status(now=lived.now).lease_seconds == SAFE_LEASE

    def test_is_three_beats_inside_the_lease_and_then_the_seat_anew_as_late_as_that_helps(self) -> None:
        lived = Lived()
        asked = []
        for _ in range(4):
            asked.append((lived.until_asking(), round(lived.now, 1)))
            lived.fail()
        assert asked == [(Try.BEAT, 295.8), (Try.BEAT, 296.8), (Try.BEAT, 298.8), (Try.ACQUIRE, 345.1)]
        assert lived.told == [Event.ACQUIRED, Event.DEGRADED, Event.OFFLINE]

    def test_waits_as_long_as_the_server_asks(self) -> None:
        lived = Lived()
        lived.until_asking()
        began = lived.now
        lived.fail(retry_after=20.0)
        assert lived.until_asking() is Try.BEAT
        assert lived.now == began + 20

    def test_is_told_as_offline_when_the_lease_ends_while_the_server_wants_us_to_wait(self) -> None:
        lived = Lived()
        lived.until_asking()
        lived.fail(retry_after=200.0)
        assert lived.until_asking() is Try.ACQUIRE
        assert lived.told == [Event.ACQUIRED, Event.DEGRADED, Event.OFFLINE]


class TestOffline:
    def offline(self) -> Lived:
        """Return a life that nobody answers to any more."""
        lived = Lived()
        while lived.state is not State.OFFLINE:
            lived.until_asking()
            lived.fail()
        return lived

    def test_asks_for_the_seat_every_five_minutes_until_the_grace_is_over(self) -> None:
        lived = self.offline()
        asked = []
        while lived.state is State.OFFLINE:
            assert lived.life.status(now=lived.now).usable
            assert lived.until_asking() is Try.ACQUIRE
            asked.append(lived.now)
            lived.fail()
        assert [round(after - before) for before, after in pairwise(asked)] == [300, 300, 300, 250]
        assert lived.now == GRACE - 5
        assert lived.told[2:] == [Event.OFFLINE, Event.EXPIRING, Event.LOST]
        status = lived.life.status(now=lived.now)
        assert (status.state, status.usable) == (State.LOST, False)
        assert isinstance(status.reason, OfflineGraceExceeded)

    def test_warns_five_minutes_before_the_end(self) -> None:
        lived = self.offline()
        lived.sleep(lived.life.status(now=lived.now).grace_seconds - 300)
        while (told := lived.life.tick(now=lived.now)) == []:
            lived.until_asking()
            lived.fail()
            if Event.EXPIRING in lived.told:
                break
        assert Event.EXPIRING in [*lived.told, *told]

    def test_ends_when_the_seat_is_granted_anew(self) -> None:
        lived = self.offline()
        lived.until_asking()
        lived.grant()
        assert lived.told[-1] is Event.RESTORED
        assert lived.life.status(now=lived.now).held
        assert lived.until_asking() is Try.BEAT

    def test_may_find_the_seat_taken(self) -> None:
        lived = self.offline()
        lived.until_asking()
        lived.refuse("no_seats_available", 429)
        assert lived.told[-1] is Event.LOST
        assert isinstance(lived.life.status(now=lived.now).reason, errors.NoSeatsAvailable)


class TestVerdicts:
    @pytest.mark.parametrize(
        ("code", "status"),
        [("session_expired", 410), ("session_not_found", 404), ("token_mismatch", 403), ("token_superseded", 403),
         ("authentication_failed", 401), ("a_code_of_tomorrow", 403)],
    )  # fmt: skip
    def test_against_the_lease_make_it_ask_anew_at_once_and_hold_nothing_meanwhile(
        self, code: str, status: int
    ) -> None:
        lived = Lived()
        lived.until_asking()
        lived.refuse(code, status)
        assert not lived.life.status(now=lived.now).held
        assert lived.life.begin(now=lived.now) is Try.ACQUIRE
        lived.grant()
        assert lived.told == [Event.ACQUIRED]
        assert lived.state is State.ACTIVE

    @pytest.mark.parametrize(
        ("code", "status"),
        [("license_suspended", 403), ("license_expired", 403), ("license_inactive", 403), ("session_taken_over", 410)],
    )
    def test_against_the_licence_or_for_another_machine_lose_the_seat_at_once(self, code: str, status: int) -> None:
        lived = Lived()
        lived.until_asking()
        lived.refuse(code, status)
        assert lived.told == [Event.ACQUIRED, Event.LOST]
        assert lived.life.begin(now=lived.now + 3600) is None

    def test_that_the_question_was_malformed_decide_nothing(self) -> None:
        lived = Lived()
        lived.until_asking()
        lived.refuse("invalid", 400)
        assert lived.told == [Event.ACQUIRED, Event.DEGRADED]


class TestSleep:
    def test_through_the_lease_is_not_told_when_the_seat_is_still_to_be_had(self) -> None:
        lived = Lived()
        lived.sleep(8 * 3600)
        assert not lived.life.status(now=lived.now).usable
        assert lived.life.tick(now=lived.now) == []
        assert lived.until_asking() is Try.ACQUIRE
        lived.grant()
        assert lived.told == [Event.ACQUIRED]

    def test_through_the_grace_is_followed_by_three_tries_before_the_seat_is_lost(self) -> None:
        """The network of a laptop that wakes up takes a moment."""
        lived = Lived()
        lived.sleep(8 * 3600)
        woke = lived.now
        for _ in range(3):
            assert lived.state is State.OFFLINE
            assert not lived.life.status(now=lived.now).usable
            lived.until_asking()
            lived.fail(retry_after=300.0)
        assert lived.told[-1] is Event.LOST
        assert lived.now <= woke + 60

    def test_while_offline_too(self) -> None:
        lived = TestOffline().offline()
        lived.sleep(8 * 3600)
        lived.until_asking()
        lived.fail()
        assert lived.state is State.OFFLINE
        lived.until_asking()
        lived.grant()
        assert lived.told[-1] is Event.RESTORED


class TestEnd:
    def test_by_the_host_is_told_once_and_nothing_is_asked_or_believed_after_it(self) -> None:
        lived = Lived()
        lived.until_asking()
        assert lived.life.release() == [Event.RELEASED]
        assert lived.life.release() == []
        lived.grant()
        lived.fail()
        lived.refuse("license_suspended")
        assert lived.state is State.RELEASED
        assert lived.life.look_again_at() is None
        assert lived.told == [Event.ACQUIRED]

    def test_of_what_never_began_is_not_told(self) -> None:
        assert SeatLife(jitter=lambda: 1.0).release() == []

    def test_a_grant_that_is_over_before_it_came_is_none(self) -> None:
        life = SeatLife(jitter=lambda: 1.0)
        assert life.granted(Grant(sent_at=0.0, lease=1.0, grace=1.0, interval=300.0), now=0.5) == []
        assert life.status(now=0.5).state is State.WAITING
        lived = Lived()
        lived.until_asking()
        lived.grant(lease=-5.0, grace=-5.0)
        assert lived.told[-1] is Event.DEGRADED
        assert lived.life.begin(now=lived.now) is None
