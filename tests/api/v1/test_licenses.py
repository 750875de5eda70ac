"""/licenses: listing, showing, validating, activating; the seats are proved in tests/concurrency and tests/chaos."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests import journey
from tests.api.beneath import as_owner, at_once, count, join
from tests.api.issued import change, licensed
from tests.api.raw import quiet
from tests.api.refusals import refused
from tests.journey import Licensed
from tests.query_counts import statements

pytestmark = pytest.mark.usefixtures("db")

NOW = datetime.now(UTC)
PAST, FUTURE = NOW - timedelta(minutes=1), NOW + timedelta(days=3)
UNKNOWN = "CODITECT-0000-0000-0000-0000-0000"
MACHINE = "machine-0001"

VERDICTS: list[tuple[dict[str, Any], str, bool]] = [
    ({}, "VALID", True),
    ({"expires_at": FUTURE}, "VALID", True),
    ({"expires_at": PAST}, "EXPIRED", False),
    ({"status": "suspended"}, "SUSPENDED", False),
    ({"status": "suspended", "grace_period_ends_at": PAST}, "SUSPENDED", False),
    ({"status": "suspended", "grace_period_ends_at": FUTURE, "expires_at": PAST}, "IN_GRACE", True),
    ({"status": "inactive", "grace_period_ends_at": FUTURE}, "INACTIVE", False),
    ({"require_activation": True}, "NOT_ACTIVATED", False),
    ({"require_activation": True, "expires_at": PAST}, "EXPIRED", False),
    ({"max_seats": 0}, "NO_SEATS", True),
]


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a customer with a licence that whoever has the key may use."""
    made = licensed(access_policy="key")
    quiet(made.customer.api)
    return made


def refused_fields(answer: Any) -> list[str]:
    """Return which fields were refused, of an answer that refuses some."""
    assert answer.status_code == 400, answer.content
    return [error["attr"] for error in answer.json()["errors"]]


def validate(key: str, **more: Any) -> dict[str, Any]:
    """Return the verdict on a key."""
    answer = APIClient().post("/api/v1/licenses/validate/", {"license_key": key, **more})
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def activate(made: Licensed, hardware_id: str = MACHINE, **more: Any) -> Any:
    """Activate a machine, by the key alone."""
    body = {"license_key": made.license_key, "hardware_id": hardware_id, **more}
    return quiet(APIClient()).post("/api/v1/licenses/activate", body)


def acquire(made: Licensed, hardware_id: str = MACHINE) -> Any:
    """Take a seat, by the key alone."""
    body = {"license_key": made.license_key, "hardware_id": hardware_id}
    return quiet(APIClient()).post("/api/v1/licenses/acquire", body)


class TestList:
    def test_shows_the_full_key_to_every_member(self, made: Licensed) -> None:
        colleague = journey.sign_up()
        join(made.customer.organization_id, colleague.user_id, "member")
        header = {"X-Organization": made.customer.organization_id}
        (row,) = colleague.api.get("/api/v1/licenses/", headers=header).json()["results"]
        assert (row["license_key"], row["seats_used"], row["seats_remaining"]) == (made.license_key, 0, 3)
        assert set(row) == {
            "id", "license_key", "organization_id", "subscription_id", "tier", "features", "max_seats", "seats_used",
            "seats_remaining", "status", "usable", "suspension_reason", "issued_at", "activated_at", "suspended_at",
            "deactivated_at", "expires_at", "grace_period_ends_at", "failed_payment_count", "last_renewal_at",
            "next_billing_date", "access_policy", "suspension_note", "overage_seats", "overage_used",
            "require_activation", "max_activations", "match_policy", "max_borrowed_seats",
        }  # fmt: skip

    def test_filters_orders_and_pages(self, made: Licensed) -> None:
        change(made, expires_at=FUTURE)
        as_owner("update subscriptions_subscription set status = 'canceled'")
        api = made.customer.api
        for query, number in (
            ("status=active", 1), ("status=inactive", 0), ("active=true", 1), ("active=false", 0), ("usable=true", 1),
            ("usable=false", 0), ("tier=starter", 1), ("tier=pro", 0), ("page_size=1", 1),
            (f"expires_before={FUTURE:%Y-%m-%dT%H:%M:%SZ}", 0), ("expires_before=2999-01-01T00:00:00Z", 1),
            ("expires_after=2999-01-01T00:00:00Z", 0), ("expires_before=2999-01-01T00:00:00%2B23:59", 1),
            ("ordering=-expires_at", 1), ("ordering=key_hash", 1), ("page_size=201", 1), ("page_size=nonsense", 1),
        ):  # fmt: skip
            answer = api.get(f"/api/v1/licenses?{query}")
            assert (answer.status_code, answer.json()["count"]) == (200, number), query
        for name in ("status", "active", "usable"):
            refused(api.get(f"/api/v1/licenses?{name}=nonsense"), 400, "invalid_choice", name)
        refused(
            api.get("/api/v1/licenses?expires_before=0001-01-01T00:00:00%2B23:59"), 400, "invalid", "expires_before"
        )
        refused(api.get("/api/v1/licenses?page=2"), 404, "not_found")

    @pytest.mark.parametrize(
        ("columns", "active", "usable"),
        [({"status": "active", "expires_at": PAST}, True, False),
         ({"status": "active", "expires_at": FUTURE}, True, True),
         ({"status": "suspended"}, False, False),
         ({"status": "inactive", "grace_period_ends_at": FUTURE}, False, False),
         ({"status": "suspended", "grace_period_ends_at": FUTURE, "expires_at": PAST}, False, True),
         ({"status": "suspended", "grace_period_ends_at": PAST}, False, False)],
    )  # fmt: skip
    def test_tells_what_is_active_from_what_may_be_used_now(
        self, made: Licensed, columns: dict[str, Any], active: bool, usable: bool
    ) -> None:
        change(made, **columns)
        for name, holds in (("active", active), ("usable", usable)):
            for value in (True, False):
                answer = made.customer.api.get(f"/api/v1/licenses?{name}={str(value).lower()}").json()
                assert answer["count"] == (holds is value), (name, value)
        (row,) = made.customer.api.get("/api/v1/licenses").json()["results"]
        assert row["usable"] is usable, "as the filter says"

    def test_is_empty_without_a_subscription(self) -> None:
        body = journey.sign_up().api.get("/api/v1/licenses").json()
        assert body == {"count": 0, "next": None, "previous": None, "results": []}


class TestRetrieve:
    def test_shows_who_holds_its_seats_and_no_hash(self, made: Licensed) -> None:
        acquire(made)
        shown = made.customer.api.get(f"/api/v1/licenses/{made.license_id}/").json()
        assert (shown["seats_used"], shown["seats_remaining"], len(shown["sessions"])) == (1, 2, 1)
        assert set(shown["sessions"][0]) == {
            "id", "kind", "user_id", "acquired_at", "last_heartbeat_at", "expires_at", "clones_suspected",
        }  # fmt: skip

    def test_of_no_licence_is_not_found(self, made: Licensed) -> None:
        for reference in ["0" * 36, "-" * 36, "nonsense", "1", "00000000-0000-7000-8000-000000000000"]:
            for end in ("", "/download"):
                assert made.customer.api.get(f"/api/v1/licenses/{reference}{end}").status_code == 404


class TestValidate:
    def test_says(self, made: Licensed) -> None:
        good = {"status": "active", "expires_at": None, "grace_period_ends_at": None, "require_activation": False}
        for columns, code, valid in VERDICTS:
            change(made, **{"max_seats": 3} | good | columns)
            told = validate(made.license_key, hardware_id=MACHINE, nonce="n-1")
            assert (told["code"], told["valid"], told["nonce"]) == (code, valid, "n-1"), columns
            assert told["license"]["id"] == made.license_id
            assert "license_key" not in told["license"]
            assert told["timestamp"].endswith("Z")

    def test_says_of_keys_that_are_none(self, made: Licensed) -> None:
        for key, code in (("nonsense", "MALFORMED"), (made.license_key[:-1], "MALFORMED"), (UNKNOWN, "NOT_FOUND"),
                          ("CODITECT-2024-AB12-CD34", "NOT_FOUND")):  # fmt: skip
            told = validate(key)
            assert (told["code"], told["valid"], told["license"], told["nonce"]) == (code, False, None, None)

    @pytest.mark.parametrize("nonce", ["", "a b", "x" * 201, "n\n", "é", "a\x7f", ["n"], None])
    def test_refuses_a_nonce_that_is_no_short_visible_text(self, made: Licensed, nonce: Any) -> None:
        body = {"license_key": made.license_key, "nonce": nonce}
        assert refused_fields(APIClient().post("/api/v1/licenses/validate", body)) == ["nonce"]

    def test_returns_any_other_nonce_as_it_came(self, made: Licensed) -> None:
        for nonce in ("0", "x" * 200, '{"a":1}', "AbC+/=_-.~"):
            assert validate(made.license_key, nonce=nonce)["nonce"] == nonce
            assert validate("nonsense", nonce=nonce)["nonce"] == nonce

    def test_says_the_time_of_the_database_whatever_the_verdict(self, made: Licensed) -> None:
        for key in (made.license_key, UNKNOWN, "nonsense"):
            ((before,),) = as_owner("select clock_timestamp()")
            told = datetime.fromisoformat(validate(key)["timestamp"])
            ((after,),) = as_owner("select clock_timestamp()")
            assert before <= told <= after

    def test_asks_once_for_a_known_and_for_an_unknown_key(self, made: Licensed) -> None:
        for key in (made.license_key, UNKNOWN, "CODITECT-2024-AB12-CD34"):
            with statements(1):
                validate(key, hardware_id=MACHINE)

    def test_does_not_say_no_seats_to_the_machine_that_holds_one(self, made: Licensed) -> None:
        change(made, max_seats=1)
        assert acquire(made).status_code == 201
        assert validate(made.license_key, hardware_id=MACHINE)["code"] == "VALID"
        assert validate(made.license_key, hardware_id="machine-0002")["code"] == "NO_SEATS"

    def test_forgives_how_the_key_is_written(self, made: Licensed) -> None:
        for written in (made.license_key.lower(), made.license_key.replace("-", " "), f" {made.license_key}\n"):
            assert validate(written)["code"] == "VALID"

    def test_does_not_ask_for_an_activation_when_no_machine_is_named(self, made: Licensed) -> None:
        change(made, require_activation=True)
        assert validate(made.license_key)["code"] == "VALID"
        activate(made)
        assert validate(made.license_key, hardware_id=MACHINE)["code"] == "VALID"
        assert validate(made.license_key, hardware_id="machine-0002")["code"] == "NOT_ACTIVATED"

    def test_says_no_seats_once_all_are_leased(self, made: Licensed) -> None:
        for number in range(3):
            assert acquire(made, f"machine-000{number}").status_code == 201
        told = validate(made.license_key)
        assert (told["code"], told["valid"], told["license"]["seats_used"]) == ("NO_SEATS", True, 3)

    def test_refuses_a_machine_id_of_another_form(self, made: Licensed) -> None:
        for hardware_id in ["machine-1", "a" * 256, "machine 0001", "machine/0001", "ümlaut-0001", "a" * 9]:
            for path in ("validate", "activate", "acquire"):
                body = {"license_key": made.license_key, "hardware_id": hardware_id}
                refused(
                    made.customer.api.post(f"/api/v1/licenses/{path}", body), 400, "hardware_id_invalid", "hardware_id"
                )
            assert count("licenses_activation") == count("licenses_licensesession") == 0

    def test_takes_machine_ids_to_the_very_limits(self, made: Licensed) -> None:
        for hardware_id in ["machine-01", "a" * 255, "A.b_c:d-0123"]:
            assert validate(made.license_key, hardware_id=hardware_id)["code"] == "VALID"
            assert activate(made, hardware_id).status_code == 201


class TestActivate:
    def test_is_idempotent_a_machine_also_at_once(self, made: Licensed) -> None:
        answers = at_once(6, lambda _: activate(made, hardware_name="Ada's laptop", platform="linux"))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
        assert activate(made).status_code == 200
        assert count("licenses_activation") == 1
        body = answers[0].json()
        assert (body["max_seats"], body["license"]["id"]) == (3, made.license_id)

    def test_stores_no_machine_id(self, made: Licensed) -> None:
        activate(made)
        acquire(made)
        assert MACHINE not in str(as_owner("select * from licenses_activation, licenses_licensesession"))

    def test_stops_at_the_limit_also_when_all_come_at_once(self, made: Licensed) -> None:
        change(made, max_activations=2)
        answers = at_once(6, lambda number: activate(made, f"machine-000{number}"))
        assert sorted(answer.status_code for answer in answers) == [201] * 2 + [403] * 4
        refused(activate(made, "machine-0009"), 403, "activation_limit_reached")
        refused(acquire(made, "machine-0009"), 403, "activation_limit_reached")
        assert (count("licenses_activation"), count("licenses_licensesession")) == (2, 0)

    def test_comes_by_itself_with_a_seat_unless_the_licence_requires_it_first(self, made: Licensed) -> None:
        change(made, require_activation=True)
        refused(acquire(made), 403, "activation_required")
        assert count("licenses_licensesession") == 0
        assert activate(made).status_code == 201
        assert acquire(made).status_code == 201
        change(made, require_activation=False)
        assert acquire(made, "machine-0002").status_code == 201
        assert count("licenses_activation") == 2

    @pytest.mark.parametrize(
        ("columns", "code"),
        [({"expires_at": PAST}, "license_expired"), ({"status": "suspended"}, "license_suspended"),
         ({"status": "inactive"}, "license_inactive")],
    )  # fmt: skip
    def test_and_seats_are_refused_on_a_licence_that_is_not_usable(
        self, made: Licensed, columns: dict[str, Any], code: str
    ) -> None:
        change(made, **columns)
        refused(activate(made), 403, code)
        refused(acquire(made), 403, code)
        assert count("licenses_activation") == count("licenses_licensesession") == 0


class TestAccessPolicy:
    @pytest.mark.parametrize(
        ("policy", "anybody", "stranger", "member"),
        [("user", (401, "not_authenticated"), (404, "license_not_found"), (200, "")),
         ("key", (200, ""), (200, ""), (200, "")), ("mixed", (200, ""), (200, ""), (200, ""))],
    )  # fmt: skip
    def test_decides_who_may_use_a_key(
        self, made: Licensed, policy: str, anybody: Any, stranger: Any, member: Any
    ) -> None:
        change(made, access_policy=policy)
        callers = ((APIClient(), anybody), (journey.sign_up().api, stranger), (made.customer.api, member))
        for client, (status, code) in callers:
            answer = client.get(f"/api/v1/licenses/{made.license_key}/status/")
            if status == 200:
                assert (answer.status_code, answer.json()["id"]) == (200, made.license_id)
            else:
                refused(answer, status, code)

    def test_is_not_asked_about_a_key_with_a_typing_error(self, api: APIClient) -> None:
        for key in ["nonsense", "CODITECT-0000-0000-0000-0000-0001", "%20", "x" * 3000]:
            refused(api.get(f"/api/v1/licenses/{key}/status"), 400, "license_key_malformed", "license_key")
