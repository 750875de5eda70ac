"""The same journeys against the stand-in and, where STRIPE_TEST_KEY is set, against Stripe's own test mode."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
import stripe

from tests.local_stack.stripe.journeys import JOURNEYS, Traveller, traveller
from tests.local_stack.stripe.standin import VERSION, Standin

KEY = os.environ.get("STRIPE_TEST_KEY", "")
REAL = pytest.mark.skipif(not KEY.startswith("sk_test_"), reason="not run: no STRIPE_TEST_KEY")


@pytest.fixture(params=["the stand-in", pytest.param("Stripe", marks=REAL)])
def who(request: pytest.FixtureRequest, standin: Standin) -> Iterator[Traveller]:
    sdk = standin.sdk if request.param == "the stand-in" else stripe.StripeClient(KEY, stripe_version=VERSION)
    travelling = traveller(sdk)
    yield travelling
    sdk.v1.test_helpers.test_clocks.delete(travelling.clock)


class TestJourney:
    @pytest.mark.parametrize("journey", JOURNEYS, ids=lambda each: each.__name__)
    def test_ends_as_stripe_would_end_it(self, who: Traveller, journey: Callable[[Traveller], None]) -> None:
        journey(who)
