"""What the failures of licences and seats tell whoever meets them."""

import pytest

from config.kernel.errors import DomainError
from licenses import errors
from licenses.rules import REFUSALS
from licenses.services.validation import DETAILS

FAILURES = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, DomainError)]


class TestFailures:
    @pytest.mark.parametrize("failure", [one for one in FAILURES if one.kind is not DomainError.kind])
    def test_say_the_fact_and_then_what_to_do(self, failure: type[DomainError]) -> None:
        assert failure.detail.count(". ") >= 1, failure.detail
        assert failure.detail.endswith(".")

    def test_are_worded_like_the_verdicts_on_a_key(self) -> None:
        assert [DETAILS[standing] for standing in REFUSALS] == [refusal.detail for refusal in REFUSALS.values()]
        assert DETAILS["NOT_FOUND"] == errors.LicenseNotFound.detail

    def test_of_a_full_licence_tells_when_a_seat_may_become_free(self) -> None:
        told = errors.NoSeatsAvailable(retry_after=217, current_seats_used=3, max_seats=3)
        assert "217 s" in told.message
        assert (told.retry_after, told.extra) == (217, {"current_seats_used": 3, "max_seats": 3})
