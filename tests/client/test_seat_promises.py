"""What a seat's life promises whatever happens, played against a model of the server with its own clock and leases."""

import math
import random
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from coditect_license import errors
from coditect_license.errors import OfflineGraceExceeded, Refused
from coditect_license.seat_life import Event, Grant, SeatLife, State, Try

GRACE = 1800.0
MOST_SECONDS_TO_ASK = 20.0


@dataclass(frozen=True)
class Happening:
    """What becomes of one question: how long it takes to and fro, who answers, and what the machine does before it."""

    to: float
    fro: float
    kind: str
    slept: float


@dataclass
class ServerModel:
    """The truth: when the lease really ends, by the server's own clock."""

    lease_seconds: float
    skew: float
    lease_until: float = -1.0
    offline_until: float = -1.0
    revoked: bool = False
    beats_late: int = 0

    def answer(self, asked: Try, at: float) -> Grant | Refused:
        """Return a signed answer to what arrives at this moment; `sent_at` is for the client to fill in."""
        if self.revoked:
            return _refusal("license_suspended", 403)
        if asked is Try.BEAT and at >= self.lease_until:
            self.beats_late += 1
            return _refusal("session_expired", 410)
        self.lease_until = at + self.lease_seconds
        self.offline_until = at + max(GRACE, self.lease_seconds)
        signed_at = math.floor(at + self.skew)
        return Grant(
            sent_at=0.0,
            lease=self.lease_until + self.skew - signed_at,
            grace=self.offline_until + self.skew - signed_at,
            interval=300.0,
        )


@dataclass
class Play:
    """A life and the server's model, on one time line."""

    server: ServerModel
    life: SeatLife
    now: float = 1000.0
    told: list[Event] = field(default_factory=list)
    said_no: bool = False
    promised_until: float = 0.0
    """The grace of the last answer that came through, counted from when it was asked for."""

    def look(self) -> None:
        """Check what the host would read at this moment."""
        status = self.life.status(now=self.now)
        assert status.usable or not status.held
        if status.held:
            assert self.now < self.server.lease_until, "held after its own lease"
        if status.usable:
            assert self.now < self.server.offline_until, "usable after its grace"
        if status.state is State.LOST:
            assert self.said_no or isinstance(status.reason, OfflineGraceExceeded)
            if not self.said_no:
                # The client counts on up to five seconds less than it was promised.
                assert self.now >= self.promised_until - 6, "given up inside its grace without a verdict"

    def ask(self, asked: Try, what: Happening) -> None:
        """Let one question take its course; the host may look at any moment of it."""
        sent_at, arrives = self.now, self.now + what.to
        answer = self.server.answer(asked, arrives) if what.kind in {"answered", "reply lost"} else None
        for moment in (arrives, arrives + what.fro):
            self.now = moment
            self.look()
        if isinstance(answer, Grant) and what.kind == "answered":
            self.promised_until = self.server.offline_until - what.to
            granted = Grant(sent_at, answer.lease, answer.grace, answer.interval)
            self.told += self.life.granted(granted, now=self.now)
        elif isinstance(answer, Refused) and what.kind == "answered":
            self.said_no = self.said_no or answer.code == "license_suspended"
            self.told += self.life.refused(answer, now=self.now)
        else:
            self.told += self.life.unanswered(now=self.now, retry_after=what.fro if what.kind == "busy" else None)

    def go_on(self, what: Happening) -> None:
        """Live until the next question and what becomes of it."""
        for _ in range(10):
            moment = self.life.look_again_at()
            if moment is None:
                return
            self.now = max(self.now, moment)
            self.look()
            self.now += what.slept
            self.look()
            asked = self.life.begin(now=self.now)
            if asked:
                self.ask(asked, what)
                self.look()
                return
            self.told += self.life.tick(now=self.now)
            self.look()
        raise AssertionError("it turns in circles")


def _refusal(code: str, status: int) -> Refused:
    answer: dict[str, Any] = {"errors": [{"code": code, "detail": "No."}]}
    return errors.refusal(status=status, answer=answer)


def begun(draw_jitter: Any, *, lease: float, skew: float) -> Play:
    """Return a play whose seat is acquired."""
    play = Play(ServerModel(lease, skew), SeatLife(jitter=draw_jitter))
    granted = play.server.answer(Try.ACQUIRE, play.now)
    assert isinstance(granted, Grant)
    play.promised_until = play.server.offline_until
    play.told += play.life.granted(Grant(play.now, granted.lease, granted.grace, granted.interval), now=play.now)
    return play


LEASES = st.sampled_from([4.0, 60.0, 360.0, 86_400.0])
SKEWS = st.floats(-1e6, 1e6)
TIMES = st.one_of(st.floats(0, 1), st.floats(0, MOST_SECONDS_TO_ASK / 2))
HAPPENINGS = st.builds(
    Happening,
    to=TIMES,
    fro=TIMES,
    kind=st.sampled_from(["answered", "nobody", "reply lost", "busy"]),
    slept=st.one_of(st.just(0.0), st.floats(0, 4000)),
)
JITTERS = st.integers(0, 2**32 - 1)


class TestPromises:
    @settings(max_examples=300, deadline=None)
    @given(
        happenings=st.lists(HAPPENINGS, max_size=40), lease=LEASES, skew=SKEWS, seed=JITTERS,
        revoked_after=st.integers(0, 60),
    )  # fmt: skip
    def test_never_held_after_its_lease_and_never_given_up_without_a_verdict_or_the_end_of_its_grace(
        self, happenings: list[Happening], lease: float, skew: float, seed: int, revoked_after: int
    ) -> None:
        play = begun(seeded(seed), lease=lease, skew=skew)
        for number, happening in enumerate(happenings):
            play.server.revoked = number >= revoked_after
            play.go_on(happening)
        assert play.told.count(Event.LOST) <= 1
        assert Event.LOST not in play.told[:-1]

    @settings(max_examples=200, deadline=None)
    @given(
        asked=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40),
        lease=st.sampled_from([60.0, 360.0, 86_400.0]), skew=SKEWS, seed=JITTERS,
    )  # fmt: skip
    def test_always_beats_in_time_when_the_server_answers(
        self, asked: list[tuple[float, float]], lease: float, skew: float, seed: int
    ) -> None:
        play = begun(seeded(seed), lease=lease, skew=skew)
        for to, fro in asked:
            play.go_on(Happening(to, fro, "answered", slept=0.0))
            assert play.life.status(now=play.now).held
        assert play.told == [Event.ACQUIRED]
        assert play.server.beats_late == 0

    @settings(max_examples=100, deadline=None)
    @given(outage=st.floats(0, 44), lease=st.just(360.0), skew=SKEWS, seed=JITTERS)
    def test_keeps_the_seat_through_an_outage_that_ends_while_a_call_can_still_come_in_time(
        self, outage: float, lease: float, skew: float, seed: int
    ) -> None:
        play = begun(seeded(seed), lease=lease, skew=skew)
        until = None
        while until is None or play.server.lease_until < until + lease:
            moment = play.life.look_again_at()
            assert moment is not None
            until = moment + outage if until is None else until
            kind = "answered" if max(play.now, moment) >= until else "nobody"
            play.go_on(Happening(0.1, 0.1, kind, slept=0.0))
            assert play.life.status(now=play.now).held
        assert play.server.beats_late == 0

    @settings(max_examples=100, deadline=None)
    @given(lease=LEASES, skew=SKEWS, seed=JITTERS, asking=st.floats(0, MOST_SECONDS_TO_ASK))
    def test_ends_soon_after_its_grace_when_nobody_answers(
        self, lease: float, skew: float, seed: int, asking: float
    ) -> None:
        play = begun(seeded(seed), lease=lease, skew=skew)
        for _ in range(100):
            play.go_on(Happening(asking, 0.0, "nobody", slept=0.0))
        assert play.told[-1] is Event.LOST
        assert play.server.offline_until - 6 <= play.now <= play.server.offline_until + 2 * asking
        assert play.told.count(Event.EXPIRING) == play.told.count(Event.LOST) == 1


def seeded(seed: int) -> Any:
    """Return jitter that is the same each time an example is played."""
    return random.Random(seed).random
