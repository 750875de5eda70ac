"""Rate limits: 429 with Retry-After, per address, account, machine and session, with Redis and without."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import django_ratelimit.core
import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from config.kernel import rate_limits
from config.kernel.rate_limits import ProcessCounter, Rate
from config.kernel.redis import breaker
from tests import journey
from tests.authenticator_app import enable, finish, password_step
from tests.plugins import servers

pytestmark = pytest.mark.usefixtures("db")
NOW = time.time()
WRONG = {"email": "nobody@example.com", "password": "Wrong-Horse-1"}


@pytest.fixture(autouse=True)
def limits_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Switch the limits on, and stop the limiter's clock: a window that ends in mid-test would let more through."""
    monkeypatch.setattr(django_ratelimit.core, "time", SimpleNamespace(time=lambda: NOW))
    with override_settings(RATELIMIT_ENABLE=True):
        yield


def statuses(api: APIClient, times: int, path: str, body: dict[str, Any]) -> list[int]:
    """Post the same thing several times and return the statuses."""
    return [api.post(path, body).status_code for _ in range(times)]


class TestLogin:
    def test_of_one_account_is_limited_whatever_the_address(self) -> None:
        first = statuses(APIClient(REMOTE_ADDR="192.0.2.1"), 5, "/api/v1/auth/login", WRONG)
        other = APIClient(REMOTE_ADDR="192.0.2.2").post("/api/v1/auth/login", WRONG)
        assert (first, other.status_code) == ([401] * 5, 429)
        assert other.json()["errors"][0]["code"] == "rate_limited"
        assert 1 <= int(other["Retry-After"]) <= 60

    def test_of_one_address_is_limited_whatever_the_account(self) -> None:
        api = APIClient(REMOTE_ADDR="192.0.2.1")
        answers = [
            api.post("/api/v1/auth/login", {**WRONG, "email": f"nobody{number}@example.com"}).status_code
            for number in range(11)
        ]
        assert answers == [401] * 10 + [429]

    def test_counts_the_same_account_in_any_case(self) -> None:
        api = APIClient()
        statuses(api, 3, "/api/v1/auth/login", WRONG)
        assert statuses(api, 3, "/api/v1/auth/login", {**WRONG, "email": "NoBody@Example.com "})[-1] == 429

    def test_counts_a_household_of_ipv6_as_one(self) -> None:
        answers = [
            APIClient(REMOTE_ADDR=f"2001:db8::{number:x}")
            .post("/api/v1/auth/login", {**WRONG, "email": f"nobody{number}@example.com"})
            .status_code
            for number in range(1, 12)
        ]
        assert answers[-1] == 429

    def test_tells_ipv4_addresses_apart_on_a_socket_for_both(self) -> None:
        answers = [
            APIClient(REMOTE_ADDR=f"::ffff:192.0.2.{number}")
            .post("/api/v1/auth/login", {**WRONG, "email": f"nobody{number}@example.com"})
            .status_code
            for number in range(1, 12)
        ]
        assert answers == [401] * 11

    def test_without_redis_is_limited_by_the_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rate_limits, "_in_process", ProcessCounter(lambda: NOW))
        servers.current().redis.kill()
        try:
            answers = statuses(APIClient(REMOTE_ADDR="192.0.2.9"), 6, "/api/v1/auth/login", WRONG)
        finally:
            servers.current().redis.start()
            breaker.reset()
        assert answers == [401] * 5 + [429]


class TestSecondFactor:
    def test_is_limited_per_address_whatever_the_token(self) -> None:
        api = APIClient(REMOTE_ADDR="192.0.2.1")
        body = {"mfa_token": "nonsense", "code": "123456"}
        assert statuses(api, 21, "/api/v1/auth/login/mfa", body) == [401] * 20 + [429]

    def test_at_step_up_is_limited_per_user(self) -> None:
        api = journey.sign_up().api
        assert statuses(api, 11, "/api/v1/auth/step-up", {"password": "Wrong-Horse-1"}) == [401] * 10 + [429]

    def test_and_password_are_counted_together_wherever_a_session_may_guess(self) -> None:
        api = journey.sign_up().api
        guess = {"current_password": "Wrong-Horse-1", "new_password": "Another-Horse-2"}
        assert statuses(api, 6, "/api/v1/auth/step-up", {"password": "Wrong-Horse-1"}) == [401] * 6
        assert statuses(api, 5, "/api/v1/auth/change-password", guess) == [401] * 4 + [429]

    def test_is_bounded_by_postgresql_when_redis_is_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rate_limits, "_in_process", ProcessCounter(lambda: NOW))
        secured = enable(journey.sign_up())
        tokens = [password_step(secured.customer.email) for _ in range(2)]
        servers.current().redis.kill()
        try:
            answers = [finish(tokens[turn % 2], code=secured.app.wrong_code()).status_code for turn in range(6)]
        finally:
            servers.current().redis.start()
            breaker.reset()
        assert answers == [400] * 5 + [429]


class TestChangeOfAddress:
    def test_is_limited_per_new_address_whoever_asks(self) -> None:
        body = {"email": "countess@example.com"}
        assert statuses(journey.sign_up().api, 3, "/api/v1/auth/change-email", body) == [202] * 3
        assert statuses(journey.sign_up().api, 1, "/api/v1/auth/change-email", body) == [429]


class TestFirebase:
    def test_exchanges_of_one_address_are_limited(self) -> None:
        answers = statuses(APIClient(REMOTE_ADDR="192.0.2.1"), 11, "/api/v1/auth/firebase", {"id_token": "a.b.c"})
        assert answers == [404] * 10 + [429]


class TestInvitations:
    def test_to_one_address_are_limited_per_inviter(self) -> None:
        first, other = journey.sign_up(), journey.sign_up()
        body = {"email": "grace@example.com"}
        path = f"/api/v1/organizations/{first.organization_id}/invitations"
        assert statuses(first.api, 6, path, body) == [201] * 5 + [429]
        assert statuses(first.api, 1, path, {"email": "Grace@Example.com"}) == [429]
        assert statuses(other.api, 1, f"/api/v1/organizations/{other.organization_id}/invitations", body) == [201]


class TestProxies:
    def test_the_callers_own_header_is_not_believed(self) -> None:
        api = APIClient(REMOTE_ADDR="192.0.2.1")
        answers = [
            api.post(
                "/api/v1/auth/login",
                {**WRONG, "email": f"nobody{number}@example.com"},
                HTTP_X_FORWARDED_FOR=f"198.51.100.{number}",
            ).status_code
            for number in range(11)
        ]
        assert answers[-1] == 429

    def test_the_entry_of_our_own_proxy_is(self) -> None:
        api = APIClient(REMOTE_ADDR="10.0.0.1")
        with override_settings(TRUSTED_PROXY_COUNT=1):
            answers = [
                api.post(
                    "/api/v1/auth/login",
                    {**WRONG, "email": f"nobody{number}@example.com"},
                    HTTP_X_FORWARDED_FOR=f"203.0.113.7, 198.51.100.{number}",
                ).status_code
                for number in range(11)
            ]
        assert answers == [401] * 11


class TestSeats:
    def test_acquire_is_limited_per_licence_and_machine(self) -> None:
        licensed = journey.licensed()
        body = {"license_key": licensed.license_key, "hardware_id": "machine-0001"}
        answers = statuses(licensed.customer.api, 11, "/api/v1/licenses/acquire", body)
        assert answers == [201] + [200] * 9 + [429]
        other = licensed.customer.api.post("/api/v1/licenses/acquire", {**body, "hardware_id": "machine-0002"})
        assert other.status_code == 201

    def test_heartbeat_is_limited_per_session(self) -> None:
        licensed = journey.licensed()
        api = licensed.customer.api
        seat = api.post(
            "/api/v1/licenses/acquire", {"license_key": licensed.license_key, "hardware_id": "machine-0001"}
        ).json()
        body = {"session_id": seat["session_id"], "signed_token": seat["signed_token"]}
        assert statuses(api, 21, "/api/v1/licenses/heartbeat", body) == [200] * 20 + [429]

    def test_however_a_key_a_machine_or_a_session_is_written_it_is_the_same(self) -> None:
        licensed = journey.licensed()
        api, key = licensed.customer.api, licensed.license_key
        for hardware_id in ("1234567890", 1234567890):
            for form in (key, key.replace("-", ""), f" {key.lower().replace('-', ' - ')}"):
                body: dict[str, Any] = {"license_key": form, "hardware_id": hardware_id}
                answers = [api.post("/api/v1/licenses/acquire", body) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [429, 429]
        seat = api.post("/api/v1/licenses/acquire", {"license_key": key, "hardware_id": "machine-0002"}).json()
        given, token = UUID(seat["session_id"]), seat["signed_token"]
        for session_id in (str(given), given.hex, f"{{{given}}}".upper(), given.int):
            body = {"session_id": session_id, "signed_token": token}
            assert statuses(APIClient(), 5, "/api/v1/licenses/heartbeat", body) == [200] * 5
        bearer = APIClient(HTTP_AUTHORIZATION=f"Bearer {token}")
        for form in (str(given), str(given).upper()):
            assert bearer.patch(f"/api/v1/licenses/sessions/{form}/heartbeat").status_code == 429

    def test_without_redis_are_let_through(self) -> None:
        licensed = journey.licensed()
        body = {"license_key": licensed.license_key, "hardware_id": "machine-0001"}
        servers.current().redis.kill()
        try:
            answers = statuses(licensed.customer.api, 12, "/api/v1/licenses/acquire", body)
        finally:
            servers.current().redis.start()
            breaker.reset()
        assert answers == [201] + [200] * 11


class TestProcessCounter:
    def test_says_how_long_to_wait_once_it_is_too_often(self) -> None:
        counter = ProcessCounter(lambda: NOW)
        waits = [counter.hit("login", "someone", Rate("2/h")) for _ in range(3)]
        assert waits[:2] == [None, None]
        assert waits[2] is not None
        assert 0 < waits[2] <= 3600
