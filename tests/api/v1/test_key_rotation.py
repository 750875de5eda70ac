"""/licenses/{id}/rotate-key: a new key, and how long the one before it works."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from config.kernel import clock
from tests.api.beneath import as_owner, count
from tests.api.managed_license import audited, beat, owned, settle, verb
from tests.api.refusals import refused
from tests.api.v1.test_licenses import acquire, validate
from tests.authenticator_app import pass_ten_minutes
from tests.journey import Licensed

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a customer with a licence that whoever has the key may use."""
    return owned()


class TestRotateKey:
    def test_makes_a_new_key_and_lets_the_old_one_work_for_a_day(self, made: Licensed) -> None:
        seat = acquire(made)
        told = verb(made, "rotate-key").json()
        until = datetime.fromisoformat(told["old_key_valid_until"])
        assert timedelta(hours=23, minutes=59) < until - clock.now() < timedelta(hours=24, seconds=1)
        new = Licensed(made.customer, made.license_id, told["license_key"])
        assert new.license_key != made.license_key
        for one, expected in ((made, told["old_key_valid_until"]), (new, None)):
            verdict = validate(one.license_key)
            assert (verdict["code"], verdict["license"]["key_valid_until"]) == ("VALID", expected)
            assert ("This key was replaced and stops working at" in verdict["detail"]) is (expected is not None)
            shown = APIClient().get(f"/api/v1/licenses/{one.license_key}/status").json()
            assert shown["key_valid_until"] == expected
            taken = acquire(one, "machine-0002")
            assert taken.status_code in (200, 201)
            assert taken.json()["license"]["key_valid_until"] == expected
        assert beat(seat).status_code == 200
        assert audited("LICENSE_KEY_ROTATED") == [("LICENSE_KEY_ROTATED", True, {"overlap_hours": 24})]

    def test_without_overlap_stops_the_old_key_at_once_but_no_seat(self, made: Licensed) -> None:
        seat = acquire(made)
        verb(made, "rotate-key", overlap_hours=0)
        assert validate(made.license_key)["code"] == "NOT_FOUND"
        refused(acquire(made), 404, "license_not_found")
        assert beat(seat).status_code == 200

    def test_stops_the_old_key_to_the_second_with_no_job_running(self, made: Licensed) -> None:
        verb(made, "rotate-key", overlap_hours=1)
        as_owner("update licenses_retiredkey set valid_until = clock_timestamp() + interval '1 second'")
        ((until,),) = as_owner("select valid_until from licenses_retiredkey")
        codes = set()
        while (told := validate(made.license_key))["code"] == "VALID":
            codes.add(datetime.fromisoformat(told["timestamp"]) < until)
        assert codes == {True}, "it worked for as long as was said"
        assert told["code"] == "NOT_FOUND"
        assert until <= datetime.fromisoformat(told["timestamp"]) < until + timedelta(seconds=1)

    def test_again_lets_each_older_key_work_for_as_long_as_it_had_or_the_new_overlap_allows(
        self, made: Licensed
    ) -> None:
        keys = [made.license_key]
        for hours in (720, 1, 48):
            keys.append(verb(made, "rotate-key", overlap_hours=hours).json()["license_key"])
        untils = [validate(key)["license"]["key_valid_until"] for key in keys]
        assert untils[3] is None
        left = [datetime.fromisoformat(until) - clock.now() for until in untils[:3]]
        assert [round(one / timedelta(hours=1)) for one in left] == [1, 1, 48]
        verb(made, "rotate-key", overlap_hours=0)
        assert [validate(key)["code"] for key in keys] == ["NOT_FOUND"] * 4, "a leak is stopped, whatever was promised"

    def test_is_repeated_by_an_idempotency_key_and_by_nothing_else(self, made: Licensed) -> None:
        path, headers = f"/api/v1/licenses/{made.license_id}/rotate-key", {"Idempotency-Key": "rotate-1"}
        first, again = (made.customer.api.post(path, {}, headers=headers) for _ in range(2))
        assert first.json() == again.json()
        assert count("licenses_retiredkey") == 1
        assert verb(made, "rotate-key").json()["license_key"] != first.json()["license_key"]

    @pytest.mark.parametrize("hours", [-1, 721, "soon", 1.5, None])
    def test_takes_whole_hours_from_none_to_thirty_days(self, made: Licensed, hours: Any) -> None:
        answer = made.customer.api.post(f"/api/v1/licenses/{made.license_id}/rotate-key", {"overlap_hours": hours})
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "overlap_hours")
        assert count("licenses_retiredkey") == 0

    def test_and_opening_a_licence_ask_who_one_is(self, made: Licensed) -> None:
        pass_ten_minutes()
        refused(verb(made, "rotate-key"), 403, "step_up_required")
        refused(settle(made, access_policy="mixed"), 403, "step_up_required")
        assert settle(made, max_activations=5).status_code == 200
        assert verb(made, "suspend").status_code == 200

    def test_puts_the_new_key_into_the_file(self, made: Licensed) -> None:
        new = verb(made, "rotate-key").json()["license_key"]
        assert made.customer.api.get(f"/api/v1/licenses/{made.license_id}").json()["license_key"] == new
