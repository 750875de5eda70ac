"""Whatever becomes of the news on their way (order, repetition, loss), the same is left of a journey in the end.

CODITECT_INTERLEAVINGS=1000 plays each journey back that often, in each of the two ways; ordinarily it is a few.
"""

import os
import random
from collections import Counter
from typing import Any

import pytest

from tests.jobs import as_role
from tests.subscriptions import journeys
from tests.subscriptions.replay import Outcome, playing

pytestmark = pytest.mark.usefixtures("db")

INTERLEAVINGS = int(os.environ.get("CODITECT_INTERLEAVINGS", "5"))
PASSING = {"payment_failed_warning", "payment_failed_urgent", "trial_ending"}
"""Mails about what is no longer so a while later; told late, they are not sent any more."""


def lasting(outcome: Outcome) -> Counter[str]:
    """Return the mails about what stays true."""
    return Counter({kind: number for kind, number in outcome.mails.items() if kind not in PASSING})


@pytest.fixture(params=list(journeys.JOURNEYS))
def recording(request: pytest.FixtureRequest) -> journeys.Recording:
    """Return a journey that was made at Stripe."""
    return journeys.make(request.param)


class TestJourney:
    def test_comes_out_the_same_whatever_becomes_of_its_news(
        self, recording: journeys.Recording, settings: Any
    ) -> None:
        with as_role("worker"), playing(recording, settings) as play:
            as_it_happened = play.in_order()
            afterwards = play.afterwards(None)
            assert afterwards.state == as_it_happened.state
            assert lasting(afterwards) == lasting(as_it_happened)
            for seed in range(INTERLEAVINGS):
                told = play.afterwards(random.Random(seed))
                assert told.state == afterwards.state, f"afterwards, seed {seed}"
                assert told.mails == afterwards.mails, f"afterwards, seed {seed}"
            for seed in range(INTERLEAVINGS):
                told = play.as_it_happens(random.Random(seed))
                assert told.state == as_it_happened.state, f"as it happens, seed {seed}"
                assert lasting(told) == lasting(as_it_happened), f"as it happens, seed {seed}"
                assert told.mails <= as_it_happened.mails, f"as it happens, seed {seed}"
