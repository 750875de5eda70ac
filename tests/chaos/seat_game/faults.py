"""What happens to Redis in a game: one trouble at a time, which passes after a few steps."""

import random
from collections.abc import Sequence

from deploy.local.redis_server import RedisServer
from tests.chaos.seat_game.book import Book
from tests.chaos.seat_game.calls import Call, Verb
from tests.chaos.seat_game.crew import Crew, Worker

# How often which; a killed server costs most time, and what comes back afterwards is an empty one.
_KINDS = {"flushed": 30, "copied": 15, "restored": 25, "cut_off": 15, "killed": 8, "paused": 7}
SHORTEST, LONGEST = 3, 25
AFTERMATH = 25
"""For so many steps after a trouble the game is played as roughly as in it: then the gate knows too little."""


class Faults:
    """The troubles of one Redis, as seen by all books of a game."""

    def __init__(self, redis: RedisServer, crew: Crew, books: Sequence[Book]) -> None:
        self._redis, self._crew, self._books = redis, crew, books
        self._now: str | None = None
        self._cut: Worker | None = None
        self._steps_left = 0
        self._aftermath = 0

    @property
    def paused(self) -> bool:
        """Whether Redis holds its connections open and says nothing."""
        return self._now == "paused"

    @property
    def redis_runs(self) -> bool:
        """Whether Redis can be spoken to."""
        return self._now not in {"paused", "killed"}

    @property
    def rough(self) -> bool:
        """Whether this is a time of trouble."""
        return self._now is not None or self._aftermath > 0

    def tire(self, rng: random.Random) -> None:
        """Come one step nearer to the end of the trouble."""
        self._aftermath = max(0, self._aftermath - 1)
        self._steps_left -= 1
        if self._now is not None and self._steps_left <= 0:
            self.heal(noticed=rng.random() < 0.7)

    def strike(self, rng: random.Random) -> str | None:
        """Let something happen, and return what; nothing where there is trouble enough."""
        if self._now is not None:
            return None
        [kind] = rng.choices(list(_KINDS), weights=list(_KINDS.values()))
        if kind == "restored" and not self._books[0].gate.is_saved:
            kind = "copied"
        self._aftermath = AFTERMATH
        self._steps_left = rng.randint(SHORTEST, LONGEST)
        getattr(self, f"_{kind}")(rng)
        return kind

    def newborn(self) -> None:
        """Take note that a worker was replaced: the new one reaches Redis."""
        if self._cut is not None and self._cut not in self._crew.workers:
            self._cut = None
            self._now = None

    def heal(self, *, noticed: bool = True) -> None:
        """End the trouble; the processes find out now, or each by itself in its own time."""
        if self._cut is not None and self._cut in self._crew.workers and self._cut.process.is_alive():
            self._cut.do(Call(Verb.MEND))
        self._redis.resume()
        self._redis.start()
        if self._now in {"paused", "killed"}:
            for worker in self._crew.workers:
                if noticed and worker.process.is_alive():
                    worker.do(Call(Verb.NOTICE))
        for book in self._books:
            # What was asked of a sleeping server it does when it wakes, and who has not noticed tells it nothing.
            book.gate_may_be_wrong |= self._now is not None
        self._now, self._cut = None, None
        self._aftermath = AFTERMATH

    def _flushed(self, rng: random.Random) -> None:
        self._books[0].gate.flush()

    def _copied(self, rng: random.Random) -> None:
        self._aftermath = 0
        for book in self._books:
            book.gate.save()

    def _restored(self, rng: random.Random) -> None:
        for book in self._books:
            book.gate.restore()
            book.gate_may_be_wrong = True

    def _cut_off(self, rng: random.Random) -> None:
        self._cut = rng.choice(self._crew.workers)
        self._cut.do(Call(Verb.CUT))
        self._now = "cut_off"

    def _killed(self, rng: random.Random) -> None:
        self._redis.kill()
        self._now = "killed"

    def _paused(self, rng: random.Random) -> None:
        self._redis.pause()
        self._now = "paused"
