"""Plays the model of the seats against the real thing, and shows that the game can be lost.

SEAT_MODEL_EXAMPLES plays more games (hundreds, by night), each time other ones; the suite repeats the same few.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from deploy.local.redis_server import RedisServer
from licenses.lookup import KeyHolder
from licenses.services import activation
from tests.chaos.seat_model import MACHINES, SeatModel, World
from tests.concurrency import mutations, seated_license

pytestmark = pytest.mark.usefixtures("holdable")

MORE = os.environ.get("SEAT_MODEL_EXAMPLES")


def play(redis: RedisServer, *, around: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
    """Play a number of games."""
    license_ = seated_license.issue(seats=2)
    for machine in MACHINES:  # the first time takes other steps, and would make the same game go otherwise
        activation.activate(
            license_key=license_.key, hardware_id=machine, hardware_name="", platform="", holder=KeyHolder()
        )
    world = World(license_, redis, around)
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
        with (
            mutations.without(r"FOR NO KEY UPDATE", function="seat_acquire"),
            pytest.raises(AssertionError, match="live leases on"),
        ):
            play(redis)
