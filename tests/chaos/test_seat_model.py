"""Plays the game of the seats against the real thing, and shows that it can be lost.

The suite plays a short one; the published one has a million operations, in a process for each of SEAT_MODEL_SEEDS
(tests/README.md has the command).
"""

import os
import random
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from deploy.local.redis_server import RedisServer
from tests.chaos.seat_game.book import Violation
from tests.chaos.seat_game.calls import Call, Verb
from tests.chaos.seat_game.game import Game
from tests.chaos.seat_game.odds import Odds, rough
from tests.chaos.seat_model import SeatModel, Tally
from tests.concurrency import mutations

pytestmark = pytest.mark.usefixtures("holdable")

SEEDS = [int(each) for each in os.environ.get("SEAT_MODEL_SEEDS", "").split(",") if each]
OPERATIONS = int(os.environ.get("SEAT_MODEL_OPERATIONS", "1000000"))
LOG = os.environ.get("SEAT_MODEL_LOG", "seat-model")
SHORT = 1200
BURSTS_IN_A_GAME = 50
MOST_FAULTS = 0.005
# Each of these takes away one thing that the protocol needs (docs/adr/0004-seats.md).
GUARDS = {
    "the row lock taken after the count": [
        ("seat_acquire", r" FOR NO KEY UPDATE;", ";"),
        (
            "seat_acquire",
            r"(AND s\.ended_at IS NULL AND s\.expires_at > moment;)",
            r"\1 PERFORM FROM licenses_license a WHERE a.organization_id = organization AND a.id = license "
            "FOR NO KEY UPDATE;",
        ),
    ],
    "the undo by session alone": [("seat_release", r"AND \(only_lease IS NULL OR s\.lease_no = only_lease\)", "")],
    "the beat's lock removed": [("seat_beat", r" FOR SHARE(?! SKIP)|\s+FOR SHARE SKIP LOCKED", "")],
}
# Too many leases, or one that somebody holds or was granted and the record does not have; a mere refusal would not do.
BROKEN = r"leases on|does not have|is not in the record"


def play(redis: RedisServer, *, number: int, operations: int, odds: Odds, log: Path | None = None) -> Tally:
    """Play until so many operations were played; raises Violation when a promise was broken."""
    tally = Tally(operations, log)
    model = partial(SeatModel, partial(Game, redis, odds), tally)
    try:
        run_state_machine_as_test(
            seed(number)(model),  # type: ignore[arg-type]  # anything that makes a machine will do
            settings=settings(
                max_examples=10 + operations // 500,
                stateful_step_count=BURSTS_IN_A_GAME,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    except (Violation, Flaky):
        # Hypothesis plays a lost game again, and a race may go otherwise then, or end sooner; it was lost all the same.
        assert tally.first is not None
        raise tally.first from None
    finally:
        print(tally.text())  # noqa: T201  the figures are what the published run is for
        tally.write(now=True)
    return tally


class TestSeats:
    def test_keep_their_promise_whatever_happens(self, redis: RedisServer) -> None:
        tally = play(redis, number=1, operations=SHORT, odds=Odds())
        assert tally.enough
        assert tally.violations == 0

    def test_keep_it_where_everything_crosses_everything_else(self, redis: RedisServer) -> None:
        tally = play(redis, number=1, operations=SHORT // 5, odds=rough())
        assert tally.total("killed: ") > 0

    @pytest.mark.parametrize("number", SEEDS)
    def test_keep_it_in_the_published_run(self, redis: RedisServer, number: int) -> None:
        share = OPERATIONS // len(SEEDS)
        tally = play(redis, number=number, operations=share, odds=Odds(), log=Path(f"{LOG}-{number}.json"))
        assert tally.enough
        assert tally.total("fault: ") <= MOST_FAULTS * share


class TestWorker:
    def test_says_when_redis_was_not_told_also_by_a_breaker_that_is_open(self, redis: RedisServer) -> None:
        game = Game(redis, Odds())
        try:
            [worker, *_] = game.crew.workers
            worker.do(Call(Verb.CUT))
            acts = [game.acquiring(random.Random(1), book, book.clients[0]) for book in game.books]
            assert [worker.do(act.call).redis_failed for act in acts] == [True] * len(acts)
        finally:
            game.close()


class TestModel:
    """The same game, with one guard of the protocol gone, is lost."""

    @pytest.mark.parametrize("guard", GUARDS)
    def test_sees_what_happens_with(self, redis: RedisServer, guard: str) -> None:
        with mutations.all_without(GUARDS[guard]), pytest.raises(Violation, match=BROKEN):
            play(redis, number=1, operations=20 * SHORT, odds=Odds() if SEEDS else rough())
