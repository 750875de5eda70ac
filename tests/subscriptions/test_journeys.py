"""Whatever becomes of the news on their way (order, repetition, loss), the same is left of a journey in the end.

CODITECT_INTERLEAVINGS=1000 plays each journey back that often, in three ways by turns; ordinarily it is a few. A part
of them is written 200-300, so that several processes can share the work. With `-s` it says what was played.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.jobs import as_role
from tests.subscriptions import journeys
from tests.subscriptions.replay import Outcome, Playback, playing

pytestmark = pytest.mark.usefixtures("db")

_FIRST, _, _LAST = os.environ.get("CODITECT_INTERLEAVINGS", "9").rpartition("-")
INTERLEAVINGS = range(int(_FIRST or 0), int(_LAST))
PASSING = {"payment_failed_warning", "payment_failed_urgent", "trial_ending"}
"""Mails about what is no longer so a while later; told late, they are not sent any more."""
ONCE = {"LICENSE_ISSUED", "PAYMENT_RECEIVED", "LICENSE_DEACTIVATED"}
"""What is written down as often in every order. How often a licence is renewed may be less: late news come together."""


def lasting(outcome: Outcome) -> Counter[str]:
    """Return the mails about what stays true."""
    return Counter({kind: number for kind, number in outcome.mails.items() if kind not in PASSING})


def difference(told: Outcome, expected: Outcome, *, mails: Outcome | None = None) -> str:
    """Say what is not as it should be, or nothing; with `mails` the mails are to be those of that outcome exactly."""
    for name in expected.state:
        if told.state[name] != expected.state[name]:
            return f"{name}: {told.state[name]} instead of {expected.state[name]}"
    for action in ONCE:
        if told.audited[action] != expected.audited[action]:
            return f"{action} {told.audited[action]} times instead of {expected.audited[action]}"
    if told.audited["LICENSE_RENEWED"] > expected.audited["LICENSE_RENEWED"]:
        return f"renewed {told.audited['LICENSE_RENEWED']} times"
    if mails is not None and told.mails != mails.mails:
        return f"mails {told.mails} instead of {mails.mails}"
    if lasting(told) != lasting(expected) or not told.mails <= expected.mails:
        return f"mails {told.mails} where {expected.mails} came in order"
    if (len(told.keys), told.mails["license_issued"]) != (1, 1):
        return f"licences at the sink: {len(told.keys)} keys in {told.mails['license_issued']} mails"
    return ""


def ways(name: str, play: Playback, in_order: Outcome) -> Iterator[Callable[[int], str]]:
    """Return three ways of playing a journey, each of which takes a seed and says what differed.

    A purchase that nobody is told of before it is canceled gives no licence, so that one is always told of in time.
    """
    for in_time in (True, name == "cancel"):
        exact = play.when_it_is_over(None, purchase_in_time=in_time)
        assert difference(exact, in_order) == ""

        def late(seed: int, *, in_time: bool, exact: Outcome) -> str:
            told = play.when_it_is_over(random.Random(seed), purchase_in_time=in_time)
            return difference(told, in_order, mails=exact)

        yield partial(late, in_time=in_time, exact=exact)
    yield lambda seed: difference(play.as_it_happens(random.Random(seed)), in_order)


class TestJourney:
    @pytest.mark.parametrize("name", list(journeys.JOURNEYS))
    def test_comes_out_the_same_whatever_becomes_of_its_news(self, name: str, settings: Any) -> None:
        recording = journeys.make(name)
        with as_role("worker"), playing(recording, settings) as play:
            in_order = play.in_order()
            assert len(in_order.keys) == 1
            play_in = list(ways(name, play, in_order))
            play.deliveries = play.jobs = 0
            found = {seed: play_in[seed % len(play_in)](seed) for seed in INTERLEAVINGS}
        differences = {seed: told for seed, told in found.items() if told}
        print(  # noqa: T201
            f"\n{name}: {len(found):,} interleavings, {play.deliveries:,} deliveries, {play.jobs:,} jobs, "
            f"{len(differences)} differences; at the sink each time {dict(sorted(in_order.mails.items()))}"
        )
        assert differences == {}
