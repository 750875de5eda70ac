"""GET /licenses/{license_key}/sessions and /licenses/{id}/usage: who held the seats, and what the days came to."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from licenses.services import history
from tests import journey
from tests.api.beneath import as_owner
from tests.api.issued import change, licensed
from tests.api.refusals import refused
from tests.concurrency.seated_license import SeatedLicense
from tests.jobs import as_role
from tests.journey import Licensed
from tests.licenses.past_sessions import Past, write
from tests.query_counts import statements

pytestmark = pytest.mark.usefixtures("db")

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a customer with a licence."""
    return licensed()


def seated(made: Licensed) -> SeatedLicense:
    """Return the licence for `past_sessions`."""
    return SeatedLicense(UUID(made.license_id), UUID(made.customer.organization_id), made.license_key)


def acquire(made: Licensed, hardware_id: str) -> dict[str, Any]:
    """Take a seat."""
    body = {"license_key": made.license_key, "hardware_id": hardware_id}
    answer = made.customer.api.post("/api/v1/licenses/acquire", body)
    assert answer.status_code == 201, answer.content
    data: dict[str, Any] = answer.json()
    return data


def sessions(made: Licensed, query: str = "") -> dict[str, Any]:
    """Return a page of sessions."""
    answer = made.customer.api.get(f"/api/v1/licenses/{made.license_key}/sessions{query}")
    assert answer.status_code == 200, answer.content
    data: dict[str, Any] = answer.json()
    return data


def usage(made: Licensed, query: str = "") -> Any:
    """Ask for days of use."""
    return made.customer.api.get(f"/api/v1/licenses/{made.license_id}/usage{query}")


class TestSessions:
    def test_are_told_live_and_past_with_who_when_where_and_why(self, made: Licensed) -> None:
        body = {"license_key": made.license_key, "hardware_id": "machine-0001", "hardware_name": "Ada's laptop"}
        made.customer.api.post("/api/v1/licenses/activate", {**body, "platform": "linux"})
        gone, here = acquire(made, "machine-0002"), acquire(made, "machine-0001")
        release = {"session_id": gone["session_id"], "signed_token": gone["signed_token"]}
        assert made.customer.api.post("/api/v1/licenses/release", release).status_code == 204
        told = sessions(made)
        live, past = told["results"]
        assert (live["id"], live["live"], live["ended_at"], live["end_reason"]) == (
            here["session_id"],
            True,
            None,
            None,
        )
        assert (live["machine"], live["platform"]) == ("Ada's laptop", "linux")
        assert live["user_id"] == made.customer.user_id
        assert (past["id"], past["live"], past["end_reason"]) == (gone["session_id"], False, "released")
        assert 0 <= past["duration_seconds"] < 10
        assert told["usage"]["peak_seats"] == 2
        assert told["usage"]["sessions"] == 2
        assert told["usage"]["days"][-1]["sessions"] == 2

    def test_tell_no_hash_of_a_machine(self, made: Licensed) -> None:
        acquire(made, "machine-0001")
        text = str(sessions(made))
        ((hash_,),) = as_owner("select encode(hardware_hash, 'hex') from licenses_licensesession")
        assert hash_ not in text
        assert hashlib.sha256(b"machine-0001").hexdigest() not in text

    def test_that_lapsed_have_ended_whether_that_is_tidied_or_not(self, made: Licensed) -> None:
        write(seated(made), Past(NOW - 2 * HOUR, NOW - HOUR))
        before = sessions(made)["results"]
        assert (before[0]["live"], before[0]["end_reason"], before[0]["duration_seconds"]) == (False, "expired", 3600)
        with as_role("worker"):
            assert history.record_lapsed() == 1
        assert sessions(made)["results"] == before

    def test_are_filtered_by_state_and_by_when_they_began(self, made: Licensed) -> None:
        old, lapsed = Past(NOW - 9 * HOUR, NOW - 8 * HOUR, NOW - 8 * HOUR), Past(NOW - 5 * HOUR, NOW - 4 * HOUR)
        write(seated(made), old, lapsed)
        live = acquire(made, "machine-0001")["session_id"]
        assert [one["id"] for one in sessions(made, "?state=live")["results"]] == [live]
        assert len(sessions(made, "?state=ended")["results"]) == 2
        six = (NOW - 6 * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert len(sessions(made, f"?acquired_before={six}")["results"]) == 1
        assert len(sessions(made, f"?acquired_after={six}")["results"]) == 2
        assert usage(made).status_code == 200
        wrong = made.customer.api.get(f"/api/v1/licenses/{made.license_key}/sessions?state=past")
        assert wrong.status_code == 400

    def test_come_in_pages_that_do_not_shift_and_say_once_what_they_come_to(self, made: Licensed) -> None:
        began = [NOW - timedelta(minutes=number) for number in range(20, 27)]
        began[3] = began[2]  # two of one instant
        write(seated(made), *(Past(one, one + HOUR / 60, one + HOUR / 60) for one in began))
        page = sessions(made, "?page_size=3")
        assert page["usage"] is not None
        seen = page["results"]
        acquire(made, "machine-0001")
        while page["next"]:
            page = made.customer.api.get(page["next"]).json()
            assert page["usage"] is None
            seen += page["results"]
        assert len({one["id"] for one in seen}) == len(seen) == 7
        assert [one["acquired_at"] for one in seen] == sorted((one["acquired_at"] for one in seen), reverse=True)

    @pytest.mark.parametrize(
        "position", ["nonsense", "2026-01-01", "2026-01-01T00:00:00+20:00", "0001-01-01T00:00:00+23:59"]
    )
    def test_of_a_cursor_that_is_none_of_ours_are_not_found(self, made: Licensed, position: str) -> None:
        cursor = base64.b64encode(urlencode({"p": position}).encode()).decode()
        answer = made.customer.api.get(f"/api/v1/licenses/{made.license_key}/sessions?cursor={quote(cursor)}")
        assert answer.status_code == 404, answer.content

    def test_are_told_by_key_as_the_policy_says_and_by_id_to_members(self, made: Licensed) -> None:
        acquire(made, "machine-0001")
        by_key, by_id = (f"/api/v1/licenses/{name}/sessions" for name in (made.license_key, made.license_id))
        anybody, stranger = APIClient(), journey.sign_up().api
        assert anybody.get(by_key).status_code == 401
        assert stranger.get(by_key).status_code == 404
        change(made, access_policy="key")
        assert len(anybody.get(by_key).json()["results"]) == 1
        assert len(stranger.get(by_key).json()["results"]) == 1
        assert anybody.get(by_id).status_code == 401
        assert stranger.get(by_id).status_code == 404
        assert len(made.customer.api.get(by_id).json()["results"]) == 1
        assert anybody.get("/api/v1/licenses/CODITECT-1/sessions").status_code == 400

    def test_cost_as_many_statements_as_agreed_however_many_there_are(self, made: Licensed) -> None:
        write(seated(made), *(Past(NOW - HOUR, NOW, NOW) for _ in range(60)))
        sessions(made)
        with statements(9):
            sessions(made)

    def test_asked_for_by_id_are_for_members_and_who_sends_no_token_is_told_to(self, made: Licensed) -> None:
        answer = APIClient().get(f"/api/v1/licenses/{made.license_id}/sessions")
        refused(answer, 401, "not_authenticated")


class TestUsage:
    def test_is_told_by_day(self, made: Licensed) -> None:
        midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
        write(seated(made), Past(midnight - 26 * HOUR, midnight - 22 * HOUR, midnight - 22 * HOUR))
        first, last = ((midnight - timedelta(days=days)).date() for days in (2, 1))
        told = usage(made, f"?from={first}&to={last}").json()
        assert told == {
            "peak_seats": 1,
            "sessions": 1,
            "sessions_per_day": 0.5,
            "average_duration_seconds": 14400.0,
            "leased_seconds": 14400.0,
            "denials": 0,
            "days": [
                {"day": str(first), "peak_seats": 1, "sessions": 1, "leased_seconds": 7200.0, "denials": 0},
                {"day": str(last), "peak_seats": 1, "sessions": 0, "leased_seconds": 7200.0, "denials": 0},
            ],
        }

    def test_counts_who_found_no_seat_free(self, made: Licensed) -> None:
        change(made, max_seats=1)
        acquire(made, "machine-0001")
        body = {"license_key": made.license_key, "hardware_id": "machine-0002"}
        for _ in range(2):
            assert made.customer.api.post("/api/v1/licenses/acquire", body).status_code == 429
        told = usage(made).json()
        assert len(told["days"]) == 30
        assert told["denials"] == told["days"][-1]["denials"] == 2

    @pytest.mark.parametrize(
        "query",
        ["?from=2026-02-01&to=2026-01-01", "?from=2025-01-01&to=2026-01-02", "?from=x", "?to=0001-01-01",
         "?from=9999-12-31", "?from=2026-01-01&to=9999-12-31", "?to=9999-12-32"],
    )  # fmt: skip
    def test_of_a_period_that_is_none_or_too_long_is_refused(self, made: Licensed, query: str) -> None:
        assert usage(made, query).status_code == 400

    def test_of_days_that_are_to_come_is_nothing(self, made: Licensed) -> None:
        acquire(made, "machine-0001")
        assert usage(made, "?from=9999-12-30&to=9999-12-31").json()["sessions"] == 0

    def test_of_another_organization_is_not_there(self, made: Licensed) -> None:
        assert journey.sign_up().api.get(f"/api/v1/licenses/{made.license_id}/usage").status_code == 404
        assert APIClient().get(f"/api/v1/licenses/{made.license_id}/usage").status_code == 401
