"""Answers written by a plan are, byte for byte, those that the serializers make."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer

from api.http.views import answer, shaped
from api.v1.serializers import licenses as shapes
from licenses.lookup import FoundLicense
from licenses.models import LicenseStatus

zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=11))])
moments = st.datetimes(timezones=zones, min_value=datetime(1990, 1, 1), max_value=datetime(2200, 1, 1))  # noqa: DTZ001
counts = st.integers(0, 10**6)
features = st.dictionaries(st.text(max_size=5), st.booleans() | st.text() | counts, max_size=3)
found = st.builds(
    FoundLicense,
    tier=st.text(),
    features=features,
    max_seats=counts,
    overage_seats=counts,
    overage_percent=counts,
    seats_used=counts,
    status=st.sampled_from(LicenseStatus.values),
    expires_at=st.none() | moments,
    grace_period_ends_at=st.none() | moments,
    key_valid_until=st.none() | moments,
    now=moments,
)
beat = {
    "expires_at": moments,
    "offline_until": moments,
    "heartbeat_interval": counts,
    "signed_token": st.text(),
    "degraded": st.booleans(),
}
seat = {**beat, "session_id": st.uuids(), "seats_used": counts, "max_seats": counts, "license": found}
verdict = {
    "valid": st.booleans(),
    "code": st.sampled_from(["VALID", "NOT_FOUND"]),
    "detail": st.text(),
    "license": st.none() | found,
    "nonce": st.none() | st.text(),
    "timestamp": moments,
}
CASES = st.one_of(
    st.tuples(st.just(shapes.BeatSerializer), st.fixed_dictionaries(beat)),
    st.tuples(st.just(shapes.SeatSerializer), st.fixed_dictionaries(seat)),
    st.tuples(st.just(shapes.ValidationSerializer), st.fixed_dictionaries(verdict)),
)


@given(CASES)
def test_a_planned_answer_is_the_serializers(case: tuple[Any, dict[str, Any]]) -> None:
    serializer, record = case
    assert answer(shaped(serializer, record)).content == JSONRenderer().render(serializer(record).data)
