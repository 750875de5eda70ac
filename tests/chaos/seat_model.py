"""A model of the seats that is played against the real services and the real stores, by chance, step by step.

Each step is something a machine, an administrator, time or bad luck with Redis does. After each, the record must hold
no more live leases than the limit allows, and every client that believes in a lease must be right. Time passes by
moving every timestamp in both stores into the past, which to code that only compares is the same.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from config.kernel.ids import new_id
from config.kernel.redis import breaker
from deploy.local.redis_server import RedisServer
from licenses.errors import NoSeatsAvailable, SessionExpired
from licenses.lookup import KeyHolder
from licenses.machines import hardware_hash
from licenses.seats import store, tokens
from licenses.services import seats
from licenses.services.seats import Seat
from tests.chaos.gate_memory import GateMemory
from tests.concurrency.seated_license import SeatedLicense, owner_connection
from tests.concurrency.together import Point, on_its_own_connection, settle

MACHINES = [f"machine-{letter}-000" for letter in "abcd"]
LEASE = timedelta(seconds=360)
_PASS = """
update licenses_licensesession set acquired_at = acquired_at - %(span)s, expires_at = expires_at - %(span)s,
  last_heartbeat_at = last_heartbeat_at - %(span)s, ended_at = ended_at - %(span)s where license_id = %(license)s
"""
_LIVE = """
select id, expires_at from licenses_licensesession
where license_id = %s and ended_at is null and expires_at > clock_timestamp()
"""


@dataclass(frozen=True)
class World:
    """What a game is played on; `around` wraps each call of a service, which is how a test takes a lock away."""

    license: SeatedLicense
    redis: RedisServer
    around: Callable[[], AbstractContextManager[Any]]


class SeatModel(RuleBasedStateMachine):
    """The game."""

    machines = st.sampled_from(MACHINES)

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.owner = owner_connection()
        self.memory = GateMemory(world.redis.url, world.license.id)
        self.believed: dict[str, Seat] = {}
        self.first_answer: dict[str, Seat] = {}
        self.until: dict[str, datetime] = {}
        self.limit = self.allowed = 2
        self.redis_is = "up"
        self.gate_may_be_wrong = False

    @initialize()
    def begin(self) -> None:
        """Start with two free seats, an empty gate and Redis running."""
        self.owner.execute("delete from licenses_licensesession where license_id = %s", [self.world.license.id])
        self.world.license.change(max_seats=2)
        self.memory.forget()
        breaker.reset()

    def teardown(self) -> None:
        """Leave Redis running."""
        self.world.redis.resume()
        self.world.redis.start()
        self.owner.close()
        self.memory.close()

    # What machines do

    @rule(machine=machines, answered=st.booleans())
    def acquires(self, machine: str, answered: bool) -> None:
        """A machine asks; the answer may be lost."""
        live = self.live()
        outcome = self.ask(machine)
        self.hear(machine, outcome if answered or not isinstance(outcome, Seat) else None, live=len(live))

    @rule(asking=st.lists(machines, min_size=2, max_size=4, unique=True), without_redis=st.booleans())
    def acquire_together(self, asking: list[str], without_redis: bool) -> None:
        """Several ask at once, and all of them have come as far as they can before the first one writes."""
        live = len(self.live())
        if without_redis and self.redis_is == "up":
            self.redis_dies()
        with ThreadPoolExecutor(len(asking)) as pool, owner_connection() as barrier:
            barrier.execute("select pg_advisory_lock(%s)", [int(Point.INSERT)])
            calls = [pool.submit(on_its_own_connection(partial(self.ask, machine))) for machine in asking]
            settle(self.owner, calls)
            barrier.execute("select pg_advisory_unlock(%s)", [int(Point.INSERT)])
        for machine, call in zip(asking, calls, strict=True):
            # Whom the gate refused was refused beside others that were being granted.
            self.hear(machine, call.result(), live=live + len(asking) - 1)

    @rule(machine=machines, answered=st.booleans())
    def beats(self, machine: str, answered: bool) -> None:
        """A machine keeps its seat: always, while its lease runs; never, when it is over."""
        seat = self.believed.get(machine)
        if seat is None:
            return
        try:
            with self.world.around():
                renewed = seats.heartbeat(claims=tokens.read(seat.signed_token), session_id=seat.session_id)
        except SessionExpired:
            assert not self.believes(machine), "a live holder's beat was refused"
            del self.believed[machine]
            return
        assert self.believes(machine), "a lapsed lease was revived"
        if answered:
            self.believed[machine] = renewed
            self.until[machine] = renewed.expires_at

    @rule(machine=machines, late=st.booleans())
    def releases(self, machine: str, late: bool) -> None:
        """A machine gives its seat back, or the release of its first answer arrives late and must not end a newer."""
        seat = (self.first_answer if late else self.believed).get(machine)
        if seat is None:
            return
        newest = self.believed.get(machine)
        claims = tokens.read(seat.signed_token)
        with self.world.around():
            seats.release(claims=claims, session_id=seat.session_id)
        if newest is None or same_lease(seat, newest):
            self.believed.pop(machine, None)
        self.gate_may_be_wrong |= self.redis_is == "paused"

    # What administrators and time do

    @rule(limit=st.integers(0, 4))
    def limit_changes(self, limit: int) -> None:
        """The number of seats is raised or lowered; nobody is sent away."""
        self.world.license.change(max_seats=limit)
        self.limit = limit
        self.allowed = max(limit, len(self.live()))

    @precondition(lambda self: self.redis_is != "paused")
    @rule(seconds=st.sampled_from([100, 400]))
    def time_passes(self, seconds: int) -> None:
        """Part of a lease passes, or more than a whole one."""
        span = timedelta(seconds=seconds)
        self.owner.execute(_PASS, {"span": span, "license": self.world.license.id})
        if self.redis_is == "up":
            self.memory.age(span)
        self.until = {machine: until - span for machine, until in self.until.items()}
        if span > LEASE:
            # Whatever the gate believed wrongly has lapsed with all the rest.
            self.gate_may_be_wrong = False

    # What happens to Redis, and to processes between the two stores

    @precondition(lambda self: self.redis_is == "up")
    @rule(machine=machines)
    def process_dies_after_reserving(self, machine: str) -> None:
        """A reservation is made in the gate, and nothing follows."""
        asked = hardware_hash(machine)
        reservation = f"reservation:{new_id()}"
        store.reserve(license_id=self.world.license.id, hardware_hash=asked, limit=self.limit, reservation=reservation)
        self.gate_may_be_wrong = True

    @precondition(lambda self: self.redis_is == "up")
    @rule()
    def redis_is_emptied(self) -> None:
        """Everything in it is gone."""
        self.memory.forget()

    @precondition(lambda self: self.redis_is == "up")
    @rule()
    def redis_is_copied(self) -> None:
        """What it knows now is what it may come back with."""
        self.memory.save()

    @precondition(lambda self: self.redis_is == "up" and self.memory.is_saved)
    @rule()
    def redis_comes_back_with_old_news(self) -> None:
        """It knows what it knew when it was copied, and nothing since."""
        self.memory.restore()
        self.gate_may_be_wrong = True

    @precondition(lambda self: self.redis_is == "up")
    @rule()
    def redis_dies(self) -> None:
        """SIGKILL."""
        self.world.redis.kill()
        self.redis_is = "dead"

    @precondition(lambda self: self.redis_is == "up")
    @rule()
    def redis_freezes(self) -> None:
        """Its connections stay open, nothing is answered, and what was asked is done late."""
        self.world.redis.pause()
        self.redis_is = "paused"

    @precondition(lambda self: self.redis_is != "up")
    @rule(noticed=st.booleans())
    def redis_is_back(self, noticed: bool) -> None:
        """It answers again; the process finds out now, or goes on without it for a while."""
        self.gate_may_be_wrong |= self.redis_is == "paused" or not noticed
        self.world.redis.resume()
        self.world.redis.start()
        self.redis_is = "up"
        if noticed:
            breaker.reset()

    # What must be true after every step

    @invariant()
    def no_seat_too_many(self) -> None:
        """Live leases do not exceed the limit, or, after it was lowered, what was out; and beliefs are true."""
        live = self.live()
        self.allowed = max(self.limit, min(self.allowed, len(live)))
        assert len(live) <= self.allowed, f"{len(live)} live leases on {self.limit} seats"
        believers = [machine for machine in self.believed if self.believes(machine)]
        sessions = [self.believed[machine].session_id for machine in believers]
        assert len(set(sessions)) == len(sessions) <= self.allowed
        for machine, session in zip(believers, sessions, strict=True):
            assert session in live, "a client believes in a lease that the record does not have"
            assert live[session] >= self.until[machine], "a client was told more than the record holds"

    def live(self) -> dict[object, datetime]:
        """Return the sessions that are live in the record, and when their leases run out."""
        return dict(self.owner.execute(_LIVE, [self.world.license.id]).fetchall())  # type: ignore[arg-type]

    def believes(self, machine: str) -> bool:
        """Return whether the machine's last answer lets it believe in a lease now."""
        return self.until[machine] > datetime.now(UTC)

    def ask(self, machine: str) -> Seat | NoSeatsAvailable:
        """Ask for a seat."""
        try:
            with self.world.around():
                return seats.acquire(license_key=self.world.license.key, hardware_id=machine, holder=KeyHolder()).seat
        except NoSeatsAvailable as refusal:
            return refusal

    def hear(self, machine: str, outcome: Seat | NoSeatsAvailable | None, *, live: int) -> None:
        """Take note of an answer; None is one that was lost."""
        if isinstance(outcome, NoSeatsAvailable):
            assert live >= self.limit or self.gate_may_be_wrong, "a machine was refused although a seat was free"
        elif outcome is not None:
            assert outcome.session_id in self.live(), "a lease was granted that is not in the record"
            self.believed[machine] = outcome
            self.first_answer.setdefault(machine, outcome)
            self.until[machine] = outcome.expires_at


def same_lease(one: Seat, other: Seat) -> bool:
    """Return whether two answers are about the same lease of the same session."""
    first, second = tokens.read(one.signed_token), tokens.read(other.signed_token)
    return (first.session_id, first.lease_no) == (second.session_id, second.lease_no)
