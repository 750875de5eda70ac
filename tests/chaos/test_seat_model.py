"""Plays the model of the seats against the real thing, and shows that the game can be lost.

SEAT_MODEL_EXAMPLES plays more games (hundreds, by night), each time other ones; the suite repeats the same few.
"""

import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from deploy.local.redis_server import RedisServer
from tests.chaos.seat_model import SeatModel, World
from tests.concurrency import seated_license

pytestmark = pytest.mark.usefixtures("holdable")

MORE = os.environ.get("SEAT_MODEL_EXAMPLES")


def play(redis: RedisServer, *, around: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
    """Play a number of games."""
    world = World(seated_license.issue(seats=2), redis, around)
    run_state_machine_as_test(
        partial(SeatModel, world),  # type: ignore[arg-type]  # anything that makes a machine will do
        settings=settings(
            max_examples=int(MORE or 10),
            stateful_step_count=30,
            derandomize=MORE is None,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink] if MORE else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


class TestSeats:
    def test_keep_their_promise_whatever_happens(self, redis: RedisServer) -> None:
        play(redis)


class TestModel:
    def test_sees_a_seat_too_many_when_the_licence_is_not_locked(self, redis: RedisServer) -> None:
        unlocked = []

        def without_row_lock(execute: Any, sql: str, *rest: Any) -> Any:
            bare, count = re.subn("FOR (NO KEY )?UPDATE$", "", sql)
            unlocked.extend([sql] * count)
            return execute(bare, *rest)

        with pytest.raises(AssertionError, match="live leases on"):
            play(redis, around=lambda: connection.execute_wrapper(without_row_lock))
        assert unlocked
