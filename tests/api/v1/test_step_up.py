"""/auth/step-up: what is hard to undo asks whoever is signed in to prove again that it is them."""

from typing import Any

import pytest

from tests import authenticator_app, journey
from tests.api.beneath import as_owner
from tests.api.operations import operations
from tests.api.refusals import refused
from tests.authenticator_app import Secured, enable, pass_half_a_minute, pass_ten_minutes
from tests.invitations import join
from tests.journey import Customer

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def stale(db: None) -> Customer:
    """Return a customer who signed in more than ten minutes ago."""
    customer = journey.sign_up()
    pass_ten_minutes()
    return customer


@pytest.fixture
def secured(db: None) -> Secured:
    """Return a customer with two-factor sign-in, who last proved who they are more than ten minutes ago."""
    made = enable(journey.sign_up())
    pass_ten_minutes()
    return made


def step_up(customer: Customer, **proof: str) -> Any:
    """Prove again."""
    return customer.api.post("/api/v1/auth/step-up", proof)


def guarded(customer: Customer) -> Any:
    """Ask for something that wants a recent proof, and that changes nothing for whoever has two factors."""
    return customer.api.post("/api/v1/auth/mfa/totp")


class TestGuardedActions:
    def test_ask_for_a_recent_proof_and_say_which(self, stale: Customer) -> None:
        other = join(stale)
        pass_ten_minutes()
        base = f"/api/v1/organizations/{stale.organization_id}"
        owner = {"role": "owner"}
        asked = [
            stale.api.post("/api/v1/auth/mfa/totp"),
            stale.api.delete("/api/v1/auth/mfa/totp"),
            stale.api.post("/api/v1/auth/mfa/recovery-codes"),
            stale.api.post(f"{base}/transfer-ownership", {"user_id": other.user_id}),
            stale.api.patch(f"{base}/members/{other.user_id}", owner),
            stale.api.post(f"{base}/invitations", owner | {"email": "grace@example.com"}),
            stale.api.delete(base),
        ]
        for answer in asked:
            assert refused(answer, 403, "step_up_required")["methods"] == ["password"]
        roles = {one["role"] for one in stale.api.get(f"{base}/members").json()["results"]}
        assert roles == {"owner", "member"}

    def test_are_those_that_the_schema_names(self, stale: Customer) -> None:
        from drf_spectacular.generators import SchemaGenerator

        schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
        named = {
            str(one)
            for one in operations()
            if "recent proof of identity" in schema["paths"][one.path][one.method.lower()].get("description", "")
        }
        organization = "/api/v1/organizations/{organization}"
        assert named >= {
            "POST /api/v1/auth/mfa/totp",
            "DELETE /api/v1/auth/mfa/totp",
            "POST /api/v1/auth/mfa/recovery-codes",
            f"POST {organization}/transfer-ownership",
            f"PATCH {organization}/members/{{user_id}}",
            f"POST {organization}/invitations",
            f"DELETE {organization}",
        }

    def test_are_open_to_a_session_fresh_from_signing_in(self) -> None:
        assert guarded(journey.sign_up()).status_code == 201

    def test_leave_smaller_changes_alone(self, stale: Customer) -> None:
        other = join(stale)
        pass_ten_minutes()
        base = f"/api/v1/organizations/{stale.organization_id}"
        assert stale.api.patch(f"{base}/members/{other.user_id}", {"role": "admin"}).status_code == 200
        assert stale.api.post(f"{base}/invitations", {"email": "grace@example.com"}).status_code == 201
        assert stale.api.patch(base, {"name": "Engines"}).status_code == 200

    def test_are_closed_to_sessions_older_than_the_rule(self) -> None:
        customer = journey.sign_up()
        as_owner("update users_session set authenticated_at = null")
        refused(guarded(customer), 403, "step_up_required")


class TestStepUp:
    def test_with_the_password_lasts_ten_minutes(self, stale: Customer) -> None:
        assert step_up(stale, password=journey.PASSWORD).status_code == 204
        assert guarded(stale).status_code == 201
        pass_ten_minutes()
        refused(guarded(stale), 403, "step_up_required")

    def test_is_for_this_session_only(self, stale: Customer) -> None:
        other = journey.sign_up(email="grace@example.com")
        pass_ten_minutes()
        step_up(stale, password=journey.PASSWORD)
        refused(guarded(other), 403, "step_up_required")

    def test_outlives_a_refresh(self, stale: Customer) -> None:
        step_up(stale, password=journey.PASSWORD)
        pair = stale.api.post("/api/v1/auth/token/refresh", {"refresh": stale.refresh}).json()
        stale.api.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
        assert guarded(stale).status_code == 201

    def test_is_not_brought_about_by_a_refresh(self, stale: Customer) -> None:
        pair = stale.api.post("/api/v1/auth/token/refresh", {"refresh": stale.refresh}).json()
        stale.api.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
        refused(guarded(stale), 403, "step_up_required")

    def test_with_a_wrong_password_is_refused(self, stale: Customer) -> None:
        refused(step_up(stale, password="Wrong-Horse-1"), 401, "invalid_credentials")
        refused(guarded(stale), 403, "step_up_required")

    def test_takes_exactly_one_proof(self, stale: Customer) -> None:
        for proof in ({}, {"password": journey.PASSWORD, "code": "123456"}):
            refused(step_up(stale, **proof), 400, "one_proof_needed", "non_field_errors")

    def test_with_a_code_is_for_those_with_an_app(self, stale: Customer) -> None:
        refused(step_up(stale, code="123456"), 409, "mfa_not_enabled")
        refused(step_up(stale, recovery_code="00000-00000"), 400, "recovery_code_invalid", "recovery_code")

    def test_is_audited_without_what_proved_it(self, stale: Customer) -> None:
        step_up(stale, password=journey.PASSWORD)
        ((data,),) = as_owner("select data::text from users_auditentry where action = 'SESSION_STEPPED_UP'")
        assert data == '{"method": "pwd"}'


class TestStepUpWithTwoFactors:
    def test_asks_for_the_second(self, secured: Secured) -> None:
        body = refused(secured.customer.api.delete("/api/v1/auth/mfa/totp"), 403, "step_up_required")
        assert body["methods"] == ["code", "recovery_code"]
        refused(step_up(secured.customer, password=journey.PASSWORD), 403, "mfa_required")
        refused(secured.customer.api.delete("/api/v1/auth/mfa/totp"), 403, "step_up_required")

    def test_is_done_by_a_code_once(self, secured: Secured) -> None:
        code = secured.app.code()
        assert step_up(secured.customer, code=code).status_code == 204
        refused(guarded(secured.customer), 409, "mfa_already_enabled")
        refused(step_up(secured.customer, code=code), 400, "mfa_code_invalid", "code")

    def test_is_done_by_a_recovery_code_once(self, secured: Secured) -> None:
        code = secured.recovery_codes[0]
        assert step_up(secured.customer, recovery_code=code).status_code == 204
        refused(step_up(secured.customer, recovery_code=code), 400, "recovery_code_invalid", "recovery_code")
        assert secured.customer.api.delete("/api/v1/auth/mfa/totp").status_code == 204

    def test_shares_the_count_of_wrong_codes_with_signing_in(self, secured: Secured) -> None:
        for _ in range(5):
            refused(step_up(secured.customer, code=secured.app.wrong_code()), 400, "mfa_code_invalid", "code")
        refused(step_up(secured.customer, code=secured.app.code()), 429, "mfa_attempts_exceeded")
        token = authenticator_app.password_step(secured.customer.email)
        refused(authenticator_app.finish(token, code=secured.app.code()), 429, "mfa_attempts_exceeded")

    def test_is_needed_again_after_ten_minutes(self, secured: Secured) -> None:
        step_up(secured.customer, code=secured.app.code())
        pass_ten_minutes()
        pass_half_a_minute()
        refused(guarded(secured.customer), 403, "step_up_required")
        assert step_up(secured.customer, code=secured.app.code()).status_code == 204
