"""The game: machines, administrators, time and bad luck do something by chance, and after each step all is judged.

A step is one operation by one worker process, or several at once by several, or one that is held at some point between
the stores while others go on, and then goes on itself or dies there. What happens is drawn from one random generator.
"""

import random
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.local.redis_server import RedisServer
from tests.chaos.gate_memory import GateMemory
from tests.chaos.seat_game.book import Act, Book, Client, Violation
from tests.chaos.seat_game.calls import Answer, Call, Verb
from tests.chaos.seat_game.crew import Crew
from tests.chaos.seat_game.faults import Faults
from tests.chaos.seat_game.odds import Odds
from tests.chaos.seat_game.worker import MOST_THREADS
from tests.concurrency import seated_license
from tests.concurrency.seated_license import owner_connection
from tests.concurrency.together import Point

TRAIL = 60
TRIPS = (1, 2, 2, 3, 3, 4, 5, 7, 9, 11)
"""After which round trip an operation is stopped: mostly one of the few it has; a machine's first acquire has ten."""


class Game:
    """Some licences with some machines each, played by some worker processes."""

    def __init__(self, redis: RedisServer, odds: Odds) -> None:
        self.odds = odds
        self.owner = owner_connection()
        self.barrier = owner_connection()
        self.crew = Crew(odds.workers, self.owner)
        self.books = [
            Book(license_, machines=odds.machines, owner=self.owner, gate=GateMemory(redis.url, license_.id))
            for license_ in (seated_license.issue(seats=2) for _ in range(odds.licenses))
        ]
        self.faults = Faults(redis, self.crew, self.books)
        self.counts: Counter[str] = Counter()
        self.trail: deque[str] = deque(maxlen=TRAIL)

    @property
    def operations(self) -> int:
        """How many operations were played: what machines, administrators and time did."""
        return sum(count for name, count in self.counts.items() if name.startswith("operation: "))

    def close(self) -> None:
        """Leave nothing behind but a Redis that runs."""
        self.crew.close()
        self.faults.heal()
        for book in self.books:
            book.gate.close()
        self.barrier.close()
        self.owner.close()

    def burst(self, seed: int, steps: int) -> None:
        """Play so many steps, all drawn from one seed, and look through the past afterwards."""
        rng = random.Random(seed)
        self.trail.append(f"-- burst {seed} of {steps} steps")
        try:
            for _ in range(steps):
                self.step(rng)
            for book in self.books:
                book.fold()
        except Violation as violation:
            raise Violation("\n".join([str(violation), *self.trail])) from violation

    def step(self, rng: random.Random) -> None:
        """Play one step."""
        self.faults.tire(rng)
        [name] = rng.choices(self.odds.names, cum_weights=self.odds.rough if self.faults.rough else self.odds.calm)
        play: Callable[[random.Random], None] = getattr(self, name)
        play(rng)

    # Steps

    def one(self, rng: random.Random) -> None:
        """One operation, by one process."""
        book = rng.choice(self.books)
        act = self.draw(rng, book)
        self.note(act, book)
        book.asked(act)
        book.judge([(act, rng.choice(self.crew.workers).do(act.call))])

    def several(self, rng: random.Random) -> None:
        """Several operations on one licence in the same moment, by several processes."""
        book = rng.choice(self.books)
        acts = [self.draw(rng, book, eager=True) for _ in range(rng.randint(2, len(self.crew.workers)))]
        for act in acts:
            self.note(act, book, "at once: ")
            book.asked(act)
        workers = rng.sample(self.crew.workers, len(acts))
        for worker, act in zip(workers, acts, strict=True):
            worker.ask(act.call)
        book.judge([(act, worker.answer()) for worker, act in zip(workers, acts, strict=True)])

    def batch(self, rng: random.Random) -> None:
        """Machines of all licences beat at the same time in one process, mostly with their newest tokens."""
        clients = [(book, client) for book in self.books for client in book.clients if client.grants]
        chosen = rng.sample(clients, min(len(clients), MOST_THREADS))
        acts = []
        for book, client in chosen:
            act = Act(client, self.beat_of(client, 0), client.grants[0], rng.random() < self.odds.heard)
            self.note(act, book, "in a batch: ")
            acts.append((book, act))
        if not acts:
            return
        answers = rng.choice(self.crew.workers).do(Call(Verb.BEATS, tuple(act.call.values for _, act in acts)))
        heard = [(book, act, answer) for (book, act), answer in zip(acts, answers, strict=True)]
        for book in self.books:
            if mine := [(act, answer) for of, act, answer in heard if of is book]:
                book.judge(mine)

    def held(self, rng: random.Random) -> None:
        """One operation is held between two steps while others go on; then it goes on, or its process is killed."""
        book = rng.choice(self.books)
        point = rng.choice([None, None, None, None, *Point])
        stop_after = rng.choice(TRIPS) if point is None else None
        acts = [self.draw(rng, book, eager=number > 0) for number in range(rng.randint(1, len(self.crew.workers)))]
        kill = rng.random() < self.odds.killed
        self.hold(rng, book, acts, point=point, stop_after=stop_after, kill=kill)

    def hold(
        self,
        rng: random.Random,
        book: Book,
        acts: list[Act],
        *,
        point: Point | None,
        stop_after: int | None,
        kill: bool,
        meanwhile: Callable[[], Any] = lambda: None,
    ) -> None:
        """Hold the first of these acts at a point in the database or after a round trip; play the others meanwhile."""
        workers = rng.sample(self.crew.workers, len(acts))
        if point is not None:
            self.barrier.execute("select pg_advisory_lock(%s)", [int(point)])
        place = None
        for number, (worker, act) in enumerate(zip(workers, acts, strict=True)):
            call = Call(act.call.verb, act.call.values, stop_after if number == 0 else None)
            self.note(act, book, "meanwhile: " if number else "held: ")
            book.asked(act)
            worker.ask(call)
            self.crew.settle()
            if number == 0:
                place = worker.place
                if point is not None and worker.pending:
                    place = f"at {point.name.lower()} in the database"
                meanwhile()
        killed = kill and place is not None
        if place is not None:
            self.counts[f"{'killed' if killed else 'held'}: {acts[0].call.verb} {place}"] += 1
            self.trail.append(f"   {'killed' if killed else 'held'} {place}")
        if killed:
            workers[0].kill()
        if point is not None:
            self.barrier.execute("select pg_advisory_unlock(%s)", [int(point)])
        answers: list[Answer | None] = []
        for number, worker in enumerate(workers):
            answers.append(None if killed and number == 0 else worker.answer())
        if killed:
            self.crew.bury(workers[0])
            self.faults.newborn()
        book.judge(list(zip(acts, answers, strict=True)))

    def overtaken(self, rng: random.Random) -> None:
        """A beat has come in time, and while it is held its lease passes and newcomers ask."""
        book = rng.choice(self.books)
        now = datetime.now(UTC)
        holders = sorted((client for client in book.clients if client.believes(now)), key=_until)
        if not holders or self.faults.paused:
            return self.one(rng)
        holder = holders[0]
        self.pass_time(book, _until(holder) - now - timedelta(milliseconds=40))
        if not holder.believes(datetime.now(UTC)):
            return None
        acts = [Act(holder, self.beat_of(holder, 0), holder.grants[0])]
        others = [client for client in book.clients if client is not holder]
        acts += [self.acquiring(rng, book, client) for client in rng.sample(others, len(self.crew.workers) - 1)]

        def lease_passes() -> None:
            time.sleep(max(0.0, (_until(holder) - datetime.now(UTC)).total_seconds()) + 0.005)

        self.hold(rng, book, acts, point=Point.UPDATE, stop_after=None, kill=False, meanwhile=lease_passes)
        return None

    def limit_changes(self, rng: random.Random) -> None:
        """The number of seats is raised or lowered; nobody is sent away."""
        book = rng.choice(self.books)
        limit = rng.choice(self.odds.limits)
        book.fold()
        self.count("limit", f"limit of {self.name(book)} {book.limit} -> {limit}")
        worker = rng.choice(self.crew.workers)
        answer = worker.do(Call(Verb.LIMIT, (book.license.organization_id, book.license.id, limit)))
        if answer.failed:
            raise Violation(f"the limit could not be changed: {answer.failed}")
        book.change_limit(limit)
        book.look()

    def time_passes(self, rng: random.Random) -> None:
        """Part of a lease passes, or more than a whole one, or an hour."""
        if self.faults.paused:
            return self.one(rng)
        book = rng.choice(self.books)
        self.pass_time(book, timedelta(seconds=rng.choice(self.odds.spans)))
        book.look()
        return None

    def tidied(self, rng: random.Random) -> None:
        """The periodic job closes what has lapsed, while others may ask."""
        self.count("tidy", "lapsed sessions are closed")
        answer = rng.choice(self.crew.workers).do(Call(Verb.TIDY))
        if answer.failed:
            raise Violation(f"tidying failed: {answer.failed}")
        for book in self.books:
            book.look()

    def fault(self, rng: random.Random) -> None:
        """Bad luck with a store."""
        name = self.faults.strike(rng)
        if name is not None:
            self.counts[f"fault: {name}"] += 1
            self.trail.append(f"!! {name}")

    # What a step is made of

    def draw(self, rng: random.Random, book: Book, *, eager: bool = False) -> Act:
        """Draw what a machine of this licence does; the eager ones mostly ask."""
        client = rng.choice(book.clients)
        chance = rng.random()
        if eager and chance < self.odds.eager:
            return self.acquiring(rng, book, client)
        chance = rng.random()
        if not client.grants or chance < self.odds.acquires:
            return self.acquiring(rng, book, client)
        heard = rng.random() < self.odds.heard
        chance = rng.random()
        if chance < self.odds.beats:
            shown = min(len(client.grants) - 1, rng.choice([0, 0, 0, 0, 0, 0, 1, 2, 3]))
            return Act(client, self.beat_of(client, shown), client.grants[shown], heard)
        late = client.first if rng.random() < self.odds.late else None
        grant = late or client.grants[0]
        return Act(client, Call(Verb.RELEASE, (grant.token, grant.session_id)), grant, heard)

    def acquiring(self, rng: random.Random, book: Book, client: Client) -> Act:
        """Return that a machine asks for a seat, or now and then for that of another one of its user's."""
        taking = taken = None
        if rng.random() < self.odds.takes_over:
            others = [one for one in book.clients if one is not client and one.grants]
            taking = rng.choice(others) if others else None
            taken = taking.grants[0].session_id if taking else None
        call = Call(Verb.ACQUIRE, (book.license.key, client.hardware_id, book.user_id, taken))
        return Act(client, call, heard=rng.random() < self.odds.heard, taking=taking, taken=taken)

    @staticmethod
    def beat_of(client: Client, shown: int) -> Call:
        """Return the beat with a token the machine remembers, 0 for the newest."""
        grant = client.grants[shown]
        return Call(Verb.BEAT, (grant.token, grant.session_id))

    def pass_time(self, book: Book, span: timedelta) -> None:
        """Let time pass for one licence."""
        self.count("time", f"{span.total_seconds():.2f} s pass for {self.name(book)}")
        book.pass_time(span, gate_ages=self.faults.redis_runs)

    # What is written down

    def note(self, act: Act, book: Book, how: str = "") -> None:
        """Write an act into the trail, and count it."""
        taking = f" the seat of {act.taking.hardware_id}" if act.taking else ""
        shown = f" with {act.shown.lease_no}/{act.shown.sequence}" if act.shown else ""
        lost = "" if act.heard else ", answer lost"
        kind = "take over" if act.taking else str(act.call.verb)
        self.count(kind, f"{how}{self.name(book)} {act.client.hardware_id} {act.call.verb}s{taking}{shown}{lost}")

    def count(self, kind: str, line: str) -> None:
        """Count an operation."""
        self.counts[f"operation: {kind}"] += 1
        self.trail.append(line)

    def name(self, book: Book) -> str:
        """Return a short name for a licence."""
        return f"L{self.books.index(book)}"


def _until(client: Client) -> datetime:
    assert client.until is not None
    return client.until
