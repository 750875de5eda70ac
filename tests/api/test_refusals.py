"""What is refused leaves a trace in the audit log, although the refused request's transaction is rolled back."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from rest_framework.test import APIClient

from config.kernel.digests import keyed_hash
from tests import journey
from tests.api.beneath import as_owner, join
from tests.api.issued import licensed
from tests.api.refusals import refused
from tests.journey import Customer
from tests.plugins import servers
from tests.query_counts import statements

pytestmark = pytest.mark.usefixtures("db")


def traces(action: str) -> list[tuple[str | None, str | None, dict[str, Any]]]:
    """Return organization, actor and facts of each entry of an action, oldest first."""
    rows = as_owner(
        "select organization_id::text, actor_id::text, data from users_auditentry where action = %s order by id", action
    )
    return [(organization, actor, data) for organization, actor, data in rows]


def login(api: APIClient, email: str, password: str = journey.PASSWORD) -> Any:
    """Try to sign in."""
    return api.post("/api/v1/auth/login", {"email": email, "password": password})


class TestFailedSignIn:
    def test_is_kept_alike_for_known_and_unknown_addresses(self, api: APIClient) -> None:
        customer = journey.sign_up()
        for email in (customer.email.upper(), "nobody@example.com"):
            refused(login(api, email, "Wrong-Horse-1"), 401, "invalid_credentials")
        known, unknown = traces("LOGIN_FAILED")
        assert known[2]["email_hash"] == keyed_hash("audit-email", customer.email).hex()
        assert known[:2] == unknown[:2] == (None, None)
        assert known[2] | {"email_hash": ""} == unknown[2] | {"email_hash": ""}
        assert known[2]["code"] == "invalid_credentials"

    def test_sends_the_same_statements_for_known_and_unknown_addresses(self, api: APIClient) -> None:
        customer = journey.sign_up()
        login(api, customer.email, "Wrong-Horse-1")
        for email in (customer.email, "nobody@example.com"):
            with statements(2):
                login(api, email, "Wrong-Horse-1")

    @pytest.mark.parametrize(
        ("change", "code"),
        [("email_verified_at = null", "email_not_verified"), ("status = 'suspended'", "account_suspended")],
    )
    def test_of_an_account_that_may_not_is_kept(self, api: APIClient, change: str, code: str) -> None:
        customer = journey.sign_up()
        as_owner(f"update users_user set {change} where not is_platform_admin")  # noqa: S608
        refused(login(api, customer.email), 403, code)
        ((_, _, data),) = traces("LOGIN_FAILED")
        assert data["code"] == code

    def test_keeps_no_address_and_no_password(self, api: APIClient) -> None:
        login(api, "nobody@example.com", "Wrong-Horse-1")
        kept = str(as_owner("select * from users_auditentry where action = 'LOGIN_FAILED'"))
        assert "nobody" not in kept
        assert "Horse" not in kept
        assert "127.0.0.1" not in kept

    def test_with_a_wrong_current_password_names_who_asked(self) -> None:
        customer = journey.sign_up()
        body = {"current_password": "Wrong-Horse-1", "new_password": "Another-Horse-2"}
        refused(customer.api.post("/api/v1/auth/change-password", body), 401, "invalid_credentials")
        ((_, actor, data),) = traces("LOGIN_FAILED")
        assert (actor, data["route"]) == (customer.user_id, "api/v1/auth/change-password")


@pytest.fixture
def plain_member(db: None) -> Customer:
    """Return a plain member of another customer's organization, asking there."""
    owner, member = journey.sign_up(), journey.sign_up()
    join(owner.organization_id, member.user_id, "member")
    return Customer(member.api, member.email, member.user_id, owner.organization_id, member.refresh)


class TestRefusedByRole:
    def test_is_kept_in_the_organization(self, plain_member: Customer) -> None:
        path = f"/api/v1/organizations/{plain_member.organization_id}"
        refused(plain_member.api.patch(path, {"name": "Mine"}), 403, "permission_denied")
        ((organization, actor, data),) = traces("PERMISSION_DENIED")
        assert (organization, actor) == (plain_member.organization_id, plain_member.user_id)
        assert (data["method"], data["route"]) == ("PATCH", "api/v1/organizations/<str:organization>")

    def test_by_a_rule_further_down_is_kept_in_the_organization(self) -> None:
        owner, admin = journey.sign_up(), journey.sign_up()
        join(owner.organization_id, admin.user_id, "admin")
        path = f"/api/v1/organizations/{owner.organization_id}"
        admin.api.patch(f"{path}/members/{owner.user_id}", {"role": "member"})
        admin.api.post(f"{path}/invitations", {"email": "eve@example.com", "role": "owner"})
        told = traces("PERMISSION_DENIED")
        assert [one[:2] for one in told] == [(owner.organization_id, admin.user_id)] * 2


class TestAnotherOrganization:
    @pytest.mark.parametrize("by", ["id", "slug", "nonsense"])
    def test_that_was_asked_for_is_kept_in_the_platforms_log(self, by: str) -> None:
        ada, eve = journey.sign_up(), journey.sign_up()
        ((slug,),) = as_owner("select slug from organizations_organization where id = %s", ada.organization_id)
        name = {"id": ada.organization_id, "slug": slug, "nonsense": "' or 1=1; secret"}[by]
        refused(eve.api.get("/api/v1/licenses", headers={"X-Organization": name}), 404, "organization_not_found")
        refused(eve.api.get(f"/api/v1/organizations/{name}"), 404, "organization_not_found")
        told = traces("ORGANIZATION_REFUSED")
        assert [one[:2] for one in told] == [(None, eve.user_id)] * 2
        assert [one[2]["asked_for"] for one in told] == [name if by != "nonsense" else "no name of any"] * 2

    def test_is_not_what_somebody_without_any_asks_for(self) -> None:
        eve = journey.sign_up()
        as_owner("delete from organizations_membership")
        refused(eve.api.get("/api/v1/licenses"), 404, "organization_not_found")
        assert traces("ORGANIZATION_REFUSED") == []


class TestRefusedActivation:
    def test_is_kept_in_the_licences_organization(self) -> None:
        made = licensed(max_activations=1)
        for machine in ("machine-0001", "machine-0002"):
            made.customer.api.post(
                "/api/v1/licenses/activate", {"license_key": made.license_key, "hardware_id": machine}
            )
        ((organization, actor, data),) = traces("ACTIVATION_REFUSED")
        assert (organization, actor) == (made.customer.organization_id, made.customer.user_id)
        assert data["code"] == "activation_limit_reached"
        assert made.license_key not in str(data)


class TestReusedRefreshToken:
    def test_is_kept_with_the_session_that_it_ends(self, api: APIClient) -> None:
        customer = journey.sign_up()
        api.post("/api/v1/auth/token/refresh", {"refresh": customer.refresh})
        as_owner("update users_session set rotated_at = rotated_at - interval '11 seconds'")
        refused(api.post("/api/v1/auth/token/refresh", {"refresh": customer.refresh}), 401, "session_revoked")
        assert traces("SESSION_REVOKED") == [(None, customer.user_id, {"reason": "token_reused"})]


class TestTrace:
    def test_that_cannot_be_left_fails_no_request(
        self, api: APIClient, json_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        with psycopg.connect(servers.current().postgres.url("migrator"), autocommit=True) as owner:
            owner.execute("alter table users_auditentry rename to moved_away")
            try:
                refused(login(api, "nobody@example.com"), 401, "invalid_credentials")
            finally:
                owner.execute("alter table moved_away rename to users_auditentry")
        assert [line["level"] for line in json_lines() if "left no trace" in line["message"]] == ["ERROR"]

    def test_outlives_a_transaction_around_the_request(self, api: APIClient) -> None:
        from django.db import transaction

        with transaction.atomic():
            refused(login(api, "nobody@example.com"), 401, "invalid_credentials")
            transaction.set_rollback(True)
        assert len(traces("LOGIN_FAILED")) == 1

    def test_is_not_left_by_what_is_allowed(self) -> None:
        customer = journey.sign_up()
        with statements(2):
            customer.api.get("/api/v1/auth/me")


class TestWhatIsAllowed:
    def test_of_an_account_is_kept_in_the_platforms_log(self, api: APIClient) -> None:
        customer = journey.sign_up()
        api.post("/api/v1/auth/logout", {"refresh": customer.refresh})
        rows = as_owner("select action, actor_id::text from users_auditentry where organization_id is null order by id")
        assert rows == [
            (action, customer.user_id)
            for action in ("USER_REGISTERED", "EMAIL_VERIFIED", "USER_SIGNED_IN", "SESSION_REVOKED")
        ]
