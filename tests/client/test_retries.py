"""Waiting before asking again, with time moved by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coditect_license.errors import LicenseUnknown, Outage
from coditect_license.retries import WIDEST_WINDOW_SECONDS, backoff, insist


class Asked:
    """Something that fails as often as told, on a clock that only sleeping moves."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.time = 0.0
        self.times: list[float] = []

    def __call__(self) -> str:
        self.times.append(self.time)
        if self.failures:
            raise self.failures.pop(0)
        return "answered"

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def insist(self, *, within: float, jitter: float = 1.0) -> str:
        return insist(self, within=within, now=lambda: self.time, sleep=self.sleep, jitter=lambda: jitter)


class TestInsisting:
    def test_waits_twice_as_long_each_time(self) -> None:
        asked = Asked(*(Outage() for _ in range(4)))
        assert asked.insist(within=60) == "answered"
        assert asked.times == [0, 1, 3, 7, 15]

    def test_ends_with_the_outage_before_the_deadline(self) -> None:
        asked = Asked(*(Outage(f"number {number}") for number in range(99)))
        with pytest.raises(Outage, match="number 3"):
            asked.insist(within=10)
        assert asked.times == [0, 1, 3, 7]

    def test_comes_back_no_earlier_than_the_server_asked_for(self) -> None:
        asked = Asked(Outage(retry_after=20))
        asked.insist(within=60, jitter=0.0)
        assert asked.times == [0, 20]

    def test_does_not_wait_for_what_comes_too_late(self) -> None:
        asked = Asked(Outage(retry_after=61))
        with pytest.raises(Outage):
            asked.insist(within=60)
        assert asked.times == [0]

    def test_takes_a_no_for_a_no(self) -> None:
        asked = Asked(LicenseUnknown(code="license_not_found", status=404, answer={}))
        with pytest.raises(LicenseUnknown):
            asked.insist(within=60)
        assert asked.times == [0]

    @given(failures=st.integers(1, 10_000), jitter=st.floats(0, 1))
    def test_waits_within_a_window_that_grows_to_its_widest(self, failures: int, jitter: float) -> None:
        assert 0 <= backoff(failures, jitter=lambda: jitter) <= WIDEST_WINDOW_SECONDS
