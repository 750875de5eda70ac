"""Whatever a caller sends, to whatever route: a documented refusal in the one shape, never a 500."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.operations import ANY_ID, BY_SIGNATURE, Operation, operations
from tests.api.raw import quiet, send
from tests.api.refusals import refused, well_shaped
from tests.journey import sign_up

pytestmark = pytest.mark.usefixtures("db")

OPERATIONS = operations()
WITH_BODY = [one for one in OPERATIONS if one.fields]
WRITING = [one for one in OPERATIONS if one.method != "GET" and one.path not in BY_SIGNATURE]
HOSTILE_VALUES: list[Any] = [
    None, True, -1, 0, 2**63, 10**40, 1.5, 1e308, "", " ", "\x00", "a\x00b", "\ud800", "\u202e", "é", "x" * 5000,
    "'; DROP TABLE users_user; --", "../../etc/passwd", "{{ 7 * 7 }}", "%s%s%n", [], [1], ["a"], [[]], {}, {"a": {}},
    {"id": 1}, "00000000-0000-7000-8000-000000000000", "-" * 36, "a" * 36, "eyJhbGciOiJub25lIn0.e30.", "\n", "\r\n\r\n",
]  # fmt: skip
HOSTILE_QUERY = ["", "a%00b", "%ED%A0%80", "-1", "0", "9" * 5000, "١", "[]", "0001-01-01T00:00:00%2B23:59",
                 "9999-12-31T23:59:59-23:59", "-id", "password"]  # fmt: skip
MALFORMED = [b"", b"{", b"}", b'{"a":}', b"nonsense", b"\xff\xfe", b"\x00", b'{"a": NaN}', b'{"a": Infinity}',
             b"[" * 20_000, b'{"a":' * 20_000, b'"' + b"a" * 100, b"9" * 5000, "{}".encode("utf-16")]  # fmt: skip
NOT_OBJECTS: list[Any] = [None, True, 0, -1, 1.5, "text", [], [1], [{}], [[[]]]]


@pytest.fixture
def member() -> APIClient:
    """Return the client of a signed-in owner."""
    customer = sign_up()
    OWN_ORGANIZATION[0] = customer.organization_id
    return quiet(customer.api)


OWN_ORGANIZATION = [ANY_ID]
"""The member's organization, in whose name the routes behind its door are attacked."""


def attack(client: APIClient, operation: Operation, body: bytes = b"{}") -> Any:
    """Send a raw body to an operation, for an object that nobody has, in the member's own organization."""
    # Never a whole organization without a body, or the first DELETE would close the door to all that lies behind it.
    own = operation.fields or not operation.path.endswith("{organization}")
    url = operation.url(organization=OWN_ORGANIZATION[0] if own else ANY_ID)
    return send(client, operation.method, url, body)


class TestEveryBody:
    def test_of_hostile_values_is_answered_without_a_failure_of_ours(self, member: APIClient) -> None:
        for operation in WITH_BODY:
            for value in HOSTILE_VALUES:
                answer = attack(member, operation, json.dumps(dict.fromkeys(operation.fields, value)).encode())
                assert answer.status_code < 500, (str(operation), value, answer.content)
                if answer.status_code >= 400:
                    well_shaped(answer)

    def test_with_one_hostile_field_among_good_ones_is_answered_without_a_failure_of_ours(
        self, member: APIClient
    ) -> None:
        good = {"email": "ada@example.com", "password": "Correct-Horse-1", "full_name": "Ada", "company_name": "Works",
                "refresh": "a.b.c", "plan_id": "pro", "license_key": "CODITECT-0000-0000-0000-0000-0000",
                "hardware_id": "machine-0001", "signed_token": "a.b.c",
                "session_id": "00000000-0000-7000-8000-000000000000"}  # fmt: skip
        for operation in WITH_BODY:
            for field in operation.fields:
                for value in HOSTILE_VALUES:
                    body = {name: good[name] for name in operation.fields if name in good} | {field: value}
                    answer = attack(member, operation, json.dumps(body).encode())
                    assert answer.status_code < 500, (str(operation), field, value, answer.content)

    def test_that_is_no_json_is_a_parse_error(self, member: APIClient) -> None:
        for operation in WRITING:
            for body in MALFORMED[1:]:
                answer = attack(member, operation, body)
                if operation.fields:
                    refused(answer, 400, "parse_error")
                assert answer.status_code < 500, (str(operation), body[:20], answer.content)

    def test_that_is_no_object_is_refused(self, member: APIClient) -> None:
        for operation in WITH_BODY:
            for body in NOT_OBJECTS:
                answer = attack(member, operation, json.dumps(body).encode())
                assert answer.status_code == 400, (str(operation), body, answer.content)
                assert well_shaped(answer)["type"] == "validation_error"

    def test_that_is_missing_names_every_missing_field(self, api: APIClient) -> None:
        answer = send(api, "POST", "/api/v1/auth/register")
        named = {error["attr"]: error["code"] for error in well_shaped(answer)["errors"]}
        assert named == dict.fromkeys(["email", "password", "full_name", "company_name"], "required")

    def test_may_carry_unknown_fields(self, api: APIClient) -> None:
        body = {"license_key": "nonsense", "user_ip": "1.2.3.4", "user_agent": ["x"], "__proto__": {}, "constructor": 1}
        answer = api.post("/api/v1/licenses/validate", body)
        assert (answer.status_code, answer.json()["code"]) == (200, "MALFORMED")

    def test_of_another_type_is_415(self, member: APIClient) -> None:
        for operation in WITH_BODY:
            for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                                 "application/xml", "application/", ";;;"):  # fmt: skip
                answer = send(
                    member, operation.method, operation.url(organization=OWN_ORGANIZATION[0]), b"a=b", content_type
                )
                refused(answer, 415, "unsupported_media_type")

    def test_of_more_than_a_mebibyte_is_413(self, api: APIClient) -> None:
        body = b'{"email": "' + b"a" * 1024 * 1024 + b'"}'
        for operation in WRITING:
            refused(attack(api, operation, body), 413, "payload_too_large")

    def test_of_just_a_mebibyte_is_read(self, api: APIClient) -> None:
        body = json.dumps({"email": ""}).encode().ljust(1024 * 1024)
        answer = send(api, "POST", "/api/v1/auth/login", body)
        assert answer.status_code == 400
        well_shaped(answer)


class TestEveryAddress:
    def test_with_an_unknown_id_is_not_found(self, member: APIClient) -> None:
        for operation in OPERATIONS:
            if "{" in operation.path and "verify-email" not in operation.path:
                answer = send(member, operation.method, operation.url())
                assert answer.status_code == 404, (str(operation), answer.content)
                well_shaped(answer)

    def test_with_a_hostile_id_is_refused(self, member: APIClient) -> None:
        for operation in OPERATIONS:
            for value in HOSTILE_QUERY[1:]:
                if "{" in operation.path:
                    answer = send(member, operation.method, operation.url(value))
                    assert 400 <= answer.status_code < 500, (str(operation), value, answer.content)
                    well_shaped(answer)

    def test_with_a_hostile_query_is_answered_without_a_failure_of_ours(self, member: APIClient) -> None:
        for operation in OPERATIONS:
            for name in {*operation.query, "search", "ordering"} if operation.query else ():
                for value in HOSTILE_QUERY:
                    answer = member.get(f"{operation.url()}?{name}={value}")
                    assert answer.status_code < 500, (str(operation), name, value, answer.content)

    def test_answers_with_and_without_a_trailing_slash_alike(self, member: APIClient) -> None:
        for operation in OPERATIONS:
            plain = send(member, operation.method, operation.url())
            slashed = send(member, operation.method, operation.url() + "/")
            assert slashed.status_code == plain.status_code, str(operation)
            if plain.status_code >= 400:
                assert slashed.json() == plain.json()

    def test_refuses_other_methods_with_405(self, member: APIClient) -> None:
        known = {(one.method, one.path) for one in OPERATIONS}
        for path in {one.path for one in OPERATIONS}:
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
                # One pattern may be another's word: a path parameter never swallows a known word's other methods.
                if (method, path) in known or "{" in path:
                    continue
                answer = send(member, method, path)
                refused(answer, 405, "method_not_allowed")

    def test_is_closed_without_a_token_unless_it_is_public(self, api: APIClient) -> None:
        for operation in OPERATIONS:
            if not operation.public:
                answer = attack(api, operation)
                assert answer.status_code == 401, (str(operation), answer.content)
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
                well_shaped(answer)
