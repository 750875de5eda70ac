"""An organization asks for two-factor sign-in: of whom, what is closed to those without, and what goes on anyway."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests import journey
from tests.api.beneath import as_owner
from tests.api.issued import licensed
from tests.api.raw import send
from tests.api.refusals import refused
from tests.authenticator_app import Secured, enable, finish, pass_half_a_minute, pass_ten_minutes, password_step
from tests.invitations import join
from tests.journey import Customer
from tests.query_counts import statements

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def owner(db: None) -> Secured:
    """Return an owner with two-factor sign-in."""
    return enable(journey.sign_up())


def base(customer: Customer) -> str:
    """Return the address of a customer's organization."""
    return f"/api/v1/organizations/{customer.organization_id}"


def require(owner: Secured, of: str) -> Any:
    """Ask two-factor sign-in of these members."""
    return owner.customer.api.patch(base(owner.customer), {"require_mfa": of})


def in_the_organization(of: Secured, member: Customer) -> APIClient:
    """Return the member's client, asking in the name of the owner's organization."""
    member.api.credentials(
        HTTP_AUTHORIZATION=member.api.get("/api/v1/auth/me").wsgi_request.META["HTTP_AUTHORIZATION"],
        HTTP_X_ORGANIZATION=of.customer.organization_id,
    )
    return member.api


class TestTheRule:
    def test_asks_nobody_at_first(self, owner: Secured) -> None:
        assert owner.customer.api.get(base(owner.customer)).json()["require_mfa"] == "nobody"

    def test_is_an_owners_to_make(self, owner: Secured) -> None:
        admin = join(owner.customer, "admin")
        answer = admin.api.patch(base(owner.customer), {"require_mfa": "everybody"})
        refused(answer, 403, "permission_denied")
        assert admin.api.patch(base(owner.customer), {"name": "Engines"}).status_code == 200

    def test_is_not_made_by_an_owner_without_two_factors(self) -> None:
        customer = journey.sign_up()
        answer = customer.api.patch(base(customer), {"require_mfa": "owners_and_admins"})
        refused(answer, 403, "mfa_enrollment_required")
        assert customer.api.get(base(customer)).json()["require_mfa"] == "nobody"
        assert customer.api.patch(base(customer), {"require_mfa": "nobody"}).status_code == 200

    def test_asks_its_maker_for_a_recent_proof(self, owner: Secured) -> None:
        pass_ten_minutes()
        refused(require(owner, "everybody"), 403, "step_up_required")

    @pytest.mark.parametrize("value", ["", "all", None, True, ["everybody"], {}])
    def test_is_one_of_three(self, owner: Secured, value: Any) -> None:
        answer = owner.customer.api.patch(base(owner.customer), {"require_mfa": value})
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "require_mfa")

    def test_is_changed_with_the_name_and_audited(self, owner: Secured) -> None:
        body = {"name": "Engines", "require_mfa": "everybody"}
        changed = owner.customer.api.patch(base(owner.customer), body).json()
        assert (changed["name"], changed["require_mfa"]) == ("Engines", "everybody")
        ((data,),) = as_owner(
            "select data::text from users_auditentry where action = 'ORGANIZATION_MFA_REQUIREMENT_CHANGED'"
        )
        assert data == '{"after": "everybody", "before": "nobody"}'


class TestWhomItConcerns:
    @pytest.mark.parametrize(
        ("of", "role", "asked"),
        [("nobody", "owner", False), ("nobody", "member", False), ("owners_and_admins", "owner", True),
         ("owners_and_admins", "admin", True), ("owners_and_admins", "billing", False),
         ("owners_and_admins", "member", False), ("everybody", "billing", True), ("everybody", "member", True)],
    )  # fmt: skip
    def test_is_turned_away_without_a_second_factor(self, owner: Secured, of: str, role: str, asked: bool) -> None:
        member = join(owner.customer, role)
        assert require(owner, of).status_code == 200
        api = in_the_organization(owner, member)
        for answer in (api.get(base(owner.customer)), api.get("/api/v1/licenses"), api.get("/api/v1/subscriptions")):
            if asked:
                refused(answer, 403, "mfa_enrollment_required")
            else:
                assert answer.status_code == 200
        told = {
            one["organization_id"]: one["mfa_required"] for one in api.get("/api/v1/auth/me").json()["organizations"]
        }
        assert told == {owner.customer.organization_id: asked, member.organization_id: False}

    def test_is_let_in_once_it_is_set_up(self, owner: Secured) -> None:
        member = join(owner.customer)
        require(owner, "everybody")
        refused(member.api.get(base(owner.customer)), 403, "mfa_enrollment_required")
        enable(member)
        assert member.api.get(base(owner.customer)).status_code == 200

    def test_is_let_in_by_a_recovery_code(self, owner: Secured) -> None:
        require(owner, "everybody")
        answer = finish(password_step(owner.customer.email), recovery_code=owner.recovery_codes[0]).json()
        owner.customer.api.credentials(HTTP_AUTHORIZATION=f"Bearer {answer['access']}")
        assert owner.customer.api.get(base(owner.customer)).status_code == 200

    def test_is_turned_away_again_when_it_is_switched_off(self, owner: Secured) -> None:
        require(owner, "everybody")
        assert owner.customer.api.delete("/api/v1/auth/mfa/totp").status_code == 204
        refused(owner.customer.api.get(base(owner.customer)), 403, "mfa_enrollment_required")
        refused(require(owner, "nobody"), 403, "mfa_enrollment_required")

    def test_is_told_to_sign_in_anew_when_only_the_session_lacks_it(self, owner: Secured) -> None:
        require(owner, "everybody")
        as_owner("update users_session set amr = 'firebase'")
        refused(owner.customer.api.get(base(owner.customer)), 403, "mfa_required")
        pass_half_a_minute()
        assert owner.customer.api.post("/api/v1/auth/step-up", {"code": owner.app.code()}).status_code == 204
        assert owner.customer.api.get(base(owner.customer)).status_code == 200

    def test_keeps_their_other_organizations(self, owner: Secured) -> None:
        member = join(owner.customer)
        require(owner, "everybody")
        assert member.api.get(base(member)).status_code == 200

    def test_reaches_no_route_of_it(self, owner: Secured) -> None:
        admin = join(owner.customer, "admin")
        require(owner, "owners_and_admins")
        for path in ("", "/members", "/invitations", "/teams", "/usage"):
            refused(admin.api.get(base(owner.customer) + path), 403, "mfa_enrollment_required")
        answer = admin.api.post(f"{base(owner.customer)}/invitations", {"email": "grace@example.com"})
        refused(answer, 403, "mfa_enrollment_required")

    def test_costs_no_statement(self, owner: Secured) -> None:
        require(owner, "everybody")
        with statements(4):
            owner.customer.api.get(f"{base(owner.customer)}/usage")


class TestSeats:
    def test_are_taken_kept_and_given_back_regardless(self, owner: Secured) -> None:
        made, member = licensed(customer=owner.customer, access_policy="user"), join(owner.customer)
        require(owner, "everybody")
        api = in_the_organization(owner, member)
        body = {"license_key": made.license_key, "hardware_id": "machine-0001"}
        seat = api.post("/api/v1/licenses/acquire", body).json()
        address = f"/api/v1/licenses/sessions/{seat['session_id']}"
        assert send(api, "PATCH", f"{address}/heartbeat").status_code == 200
        assert send(api, "DELETE", address).status_code == 204

    def test_of_others_are_released_by_admins_with_two_factors_only(self, owner: Secured) -> None:
        made, admin = licensed(customer=owner.customer), join(owner.customer, "admin")
        body = {"license_key": made.license_key, "hardware_id": "machine-0001"}
        seat = owner.customer.api.post("/api/v1/licenses/acquire", body).json()
        require(owner, "owners_and_admins")
        address = f"/api/v1/licenses/sessions/{seat['session_id']}"
        refused(send(in_the_organization(owner, admin), "DELETE", address), 404, "session_not_found")
        enable(admin)
        assert send(admin.api, "DELETE", address).status_code == 204


class TestCheckoutPage:
    def test_shows_the_key_to_members_with_two_factors_only(self, owner: Secured) -> None:
        session_id = journey.buy(owner.customer)
        member = join(owner.customer)
        as_owner("update subscriptions_checkoutsession set completed_at = completed_at - interval '2 hours'")
        require(owner, "everybody")
        path = f"/api/v1/checkout/success?session_id={session_id}"
        assert member.api.get(path).json()["license_key"] is None
        assert owner.customer.api.get(path).json()["license_key"]
        enable(member)
        assert member.api.get(path).json()["license_key"]
