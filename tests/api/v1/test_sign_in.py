"""/auth/login, /token/refresh, /logout and /me: who gets tokens, how long they work, and what ends them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from rest_framework.test import APIClient

from config.kernel.keyring import Purpose, keyring
from tests import journey
from tests.api.beneath import as_owner, at_once
from tests.api.issued import licensed
from tests.api.refusals import refused
from tests.journey import Customer

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def ada(db: None) -> Customer:
    """Return a signed-in customer."""
    return journey.sign_up(email="ada@example.com")


def login(api: APIClient, **changed: Any) -> Any:
    """Sign in as Ada."""
    return api.post("/api/v1/auth/login", {"email": "ada@example.com", "password": journey.PASSWORD} | changed)


def refresh(api: APIClient, token: str) -> Any:
    """Ask for the next pair."""
    return api.post("/api/v1/auth/token/refresh", {"refresh": token})


def me(api: APIClient, access: str) -> Any:
    """Ask who a token is of."""
    return api.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {access}"})


class TestLogin:
    def test_gives_tokens_for_any_spelling_of_the_address(self, api: APIClient, ada: Customer) -> None:
        answer = login(api, email=" ADA@example.COM ")
        assert answer.status_code == 200
        assert set(answer.json()) == {"access", "refresh", "user"}
        assert "password" not in str(answer.json()["user"])

    def test_says_the_same_of_a_wrong_password_and_an_unknown_address(self, api: APIClient, ada: Customer) -> None:
        wrong, unknown = login(api, password="Wrong-Horse-1"), login(api, email="nobody@example.com")
        refused(wrong, 401, "invalid_credentials")
        assert wrong.json() == unknown.json()

    @pytest.mark.parametrize(
        ("change", "code"),
        [("email_verified_at = null", "email_not_verified"), ("status = 'suspended'", "account_suspended"),
         ("status = 'inactive'", "account_suspended")],
    )  # fmt: skip
    def test_tells_what_is_wrong_with_the_account_only_after_the_right_password(
        self, api: APIClient, ada: Customer, change: str, code: str
    ) -> None:
        as_owner(f"update users_user set {change} where not is_platform_admin")  # noqa: S608
        refused(login(api, password="Wrong-Horse-1"), 401, "invalid_credentials")
        refused(login(api), 403, code)

    def test_upgrades_an_older_hash(self, api: APIClient, ada: Customer, settings: Any) -> None:
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher", *settings.PASSWORD_HASHERS]
        assert login(api).status_code == 200
        assert as_owner("select password from users_user where not is_platform_admin")[0][0].startswith(
            "argon2$argon2id$"
        )
        assert login(api).status_code == 200


class TestRefresh:
    @pytest.fixture
    def first(self, ada: Customer) -> str:
        """Return the refresh token of the sign-in."""
        return ada.refresh

    def pass_grace(self) -> None:
        """Let the time pass within which a client may repeat a refresh whose answer it lost."""
        as_owner("update users_session set rotated_at = rotated_at - interval '11 seconds'")

    def test_gives_a_new_pair_that_works(self, api: APIClient, first: str) -> None:
        pair = refresh(api, first).json()
        assert pair["refresh"] != first
        assert me(api, pair["access"]).status_code == 200
        assert refresh(api, pair["refresh"]).status_code == 200

    def test_with_a_rotated_token_ends_the_session_for_everybody(self, api: APIClient, first: str) -> None:
        second = refresh(api, first).json()
        self.pass_grace()
        refused(refresh(api, first), 401, "session_revoked")
        refused(refresh(api, second["refresh"]), 401, "session_revoked")
        refused(me(api, second["access"]), 401, "authentication_failed")
        assert as_owner("select revoke_reason from users_session") == [("token_reused",)]

    def test_repeated_because_the_answer_was_lost_gives_the_same_refresh_token_again(
        self, api: APIClient, first: str
    ) -> None:
        lost, told = refresh(api, first).json(), refresh(api, first).json()
        assert lost["refresh"] == told["refresh"]
        assert refresh(api, told["refresh"]).status_code == 200

    def test_by_thief_and_owner_ends_the_session_once_they_drift_apart(self, api: APIClient, first: str) -> None:
        thief, owner = refresh(api, first).json(), refresh(api, first).json()
        assert refresh(api, owner["refresh"]).status_code == 200
        self.pass_grace()
        refused(refresh(api, thief["refresh"]), 401, "session_revoked")

    def test_with_a_token_older_than_the_last_ends_the_session_even_at_once(self, api: APIClient, first: str) -> None:
        second = refresh(api, first).json()
        third = refresh(api, second["refresh"]).json()
        refused(refresh(api, first), 401, "session_revoked")
        refused(refresh(api, third["refresh"]), 401, "session_revoked")

    def test_many_times_at_once_leaves_exactly_one_good_token(self, api: APIClient, first: str) -> None:
        pairs = [answer.json() for answer in at_once(50, lambda _: refresh(APIClient(), first))]
        assert len({pair["refresh"] for pair in pairs}) == 1, "one of them rotated, and all were told its token"
        assert as_owner("select generation, revoked_at from users_session") == [(2, None)]
        assert refresh(api, pairs[0]["refresh"]).status_code == 200

    @pytest.mark.parametrize(
        "change", ["users_session set expires_at = now()", "users_session set revoked_at = now()",
                   "users_user set status = 'suspended'", "users_user set token_version = token_version + 1"],
    )  # fmt: skip
    def test_and_access_end_with_the_session(self, api: APIClient, first: str, change: str) -> None:
        pair = refresh(api, first).json()
        as_owner(f"update {change}")
        refused(refresh(api, pair["refresh"]), 401, "session_revoked")
        refused(me(api, pair["access"]), 401, "authentication_failed")

    def test_of_a_session_that_was_never_ours_is_refused(self, api: APIClient, first: str) -> None:
        as_owner("delete from users_session")
        refused(refresh(api, first), 401, "authentication_failed")

    def test_by_an_access_token_is_refused(self, api: APIClient, first: str) -> None:
        refused(refresh(api, login(api).json()["access"]), 401, "authentication_failed")

    def test_is_stored_only_as_a_hash(self, api: APIClient, first: str) -> None:
        assert first not in str(as_owner("select * from users_session"))


class TestLogout:
    def test_ends_the_session_and_may_be_repeated(self, api: APIClient, ada: Customer) -> None:
        for _ in range(2):
            assert api.post("/api/v1/auth/logout", {"refresh": ada.refresh}).status_code == 204
        refused(ada.api.get("/api/v1/auth/me"), 401, "authentication_failed")
        refused(refresh(api, ada.refresh), 401, "session_revoked")

    def test_leaves_other_sessions_alone(self, api: APIClient, ada: Customer) -> None:
        other = login(api).json()
        api.post("/api/v1/auth/logout", {"refresh": other["refresh"]})
        assert ada.api.get("/api/v1/auth/me").status_code == 200

    def test_needs_a_refresh_token(self, api: APIClient, ada: Customer) -> None:
        answer = api.post("/api/v1/auth/logout", {"refresh": login(api).json()["access"]})
        refused(answer, 401, "authentication_failed")


class TestMe:
    def test_names_the_organizations(self, ada: Customer) -> None:
        (one,) = ada.api.get("/api/v1/auth/me").json()["organizations"]
        assert (one["organization_id"], one["role"]) == (ada.organization_id, "owner")

    def test_refuses_any_other_header(self, api: APIClient, ada: Customer) -> None:
        for header in ["", "Bearer", "Bearer ", "Bearer a b", "Basic YTpi", "bearer nonsense", "Token x"]:
            answer = api.get("/api/v1/auth/me", headers={"Authorization": header})
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="coditect"'

    def test_refuses_an_expired_token(self, api: APIClient, ada: Customer) -> None:
        good = login(api).json()["access"]
        payload = jwt.decode(good, options={"verify_signature": False})
        key = keyring(Purpose.USER_TOKEN).signing
        headers = {"kid": key.kid}
        late = int((datetime.now(UTC) - timedelta(seconds=1)).timestamp())
        assert me(api, jwt.encode(payload, key.private, algorithm="EdDSA", headers=headers)).status_code == 200
        expired = jwt.encode(payload | {"exp": late}, key.private, algorithm="EdDSA", headers=headers)
        refused(me(api, expired), 401, "authentication_failed")

    def test_refuses_a_session_of_another_user_in_the_claims(self, api: APIClient, ada: Customer) -> None:
        other = journey.sign_up(email="eve@example.com")
        payload = jwt.decode(login(api).json()["access"], options={"verify_signature": False})
        key = keyring(Purpose.USER_TOKEN).signing
        mixed = jwt.encode(payload | {"sub": other.user_id}, key.private, algorithm="EdDSA", headers={"kid": key.kid})
        refused(me(api, mixed), 401, "authentication_failed")

    def test_refuses_a_seat_token(self, api: APIClient) -> None:
        made = licensed()
        body = {"license_key": made.license_key, "hardware_id": "machine-0001"}
        seat = made.customer.api.post("/api/v1/licenses/acquire", body).json()
        refused(me(api, seat["signed_token"]), 401, "authentication_failed")
        access = login(api, email=made.customer.email).json()["access"]
        body = {"session_id": seat["session_id"], "signed_token": access}
        refused(api.post("/api/v1/licenses/heartbeat", body), 401, "authentication_failed")
