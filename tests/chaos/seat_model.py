"""The machine with which Hypothesis plays the game of the seats and makes a lost one shorter; and its tally."""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.chaos.seat_game.book import Violation
from tests.chaos.seat_game.game import Game

LONGEST_BURST = 250
LOG_EVERY_SECONDS = 10.0


class Tally:
    """What was played in all games, written into a file as it grows, so that a part of it counts too."""

    def __init__(self, wanted: int, log: Path | None = None) -> None:
        self.wanted, self.log, self.violations = wanted, log, 0
        self.first: Violation | None = None
        self.began = self._logged = time.monotonic()
        self._games: list[Counter[str]] = []

    def begin(self, game: Game) -> None:
        """Take note of another game."""
        self._games.append(game.counts)

    @property
    def enough(self) -> bool:
        """Whether as much was played as is wanted."""
        return self.total("operation: ") >= self.wanted

    def total(self, kind: str) -> int:
        """Return how often what begins with these words has happened."""
        return sum(count for counts in self._games for name, count in counts.items() if name.startswith(kind))

    def write(self, *, now: bool = False) -> None:
        """Write down where it stands, every so often or now."""
        if self.log is not None and (now or time.monotonic() - self._logged > LOG_EVERY_SECONDS):
            self._logged = time.monotonic()
            self.log.write_text(self.text() + "\n")

    def text(self) -> str:
        """Return it for people."""
        seconds = time.monotonic() - self.began
        operations, faults = self.total("operation: "), self.total("fault: ")
        kinds = sum(self._games, Counter[str]())
        line = {
            "operations": operations,
            "store faults": faults,
            "store faults in percent": round(100 * faults / max(operations + faults, 1), 3),
            "processes killed": self.total("killed: "),
            "violations": self.violations,
            "seconds": round(seconds),
            "operations a second": round(operations / max(seconds, 0.001)),
            "by kind": dict(sorted(kinds.items())),
        }
        return json.dumps(line, indent=1)


class SeatModel(RuleBasedStateMachine):
    """A game, in bursts of random steps; each is drawn from one number, so that millions of steps stay cheap."""

    def __init__(self, new_game: Callable[[], Game], tally: Tally) -> None:
        super().__init__()
        self._new_game, self._tally = new_game, tally
        self._game: Game | None = None

    def teardown(self) -> None:
        """End the game."""
        if self._game is not None:
            self._game.close()

    @rule(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, LONGEST_BURST))
    def burst(self, seed: int, steps: int) -> None:
        """Play some steps, unless enough was played."""
        if self._tally.enough:
            return
        if self._game is None:
            self._game = self._new_game()
            self._tally.begin(self._game)
        try:
            self._game.burst(seed, steps)
        except Violation as violation:
            self._tally.violations += 1
            self._tally.first = self._tally.first or violation
            self._tally.write(now=True)
            raise
        self._tally.write()
