"""/auth: signing up, verifying, signing in, staying signed in and out."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from config.kernel.tenancy import organization_context
from emails.models import EmailLog
from tests import journey
from tests.api.beneath import as_owner, at_once, count
from tests.api.refusals import refused
from tests.jobs import run_jobs

pytestmark = pytest.mark.usefixtures("db")

ADA = {"email": "ada@example.com", "password": journey.PASSWORD, "full_name": "Ada", "company_name": "Works"}


class TestRegister:
    MADE = ("users_user", "organizations_organization", "organizations_membership", "organizations_datakey",
            "users_onetimetoken", "emails_emaillog", "procrastinate_jobs", "users_auditentry")  # fmt: skip

    def test_makes_a_user_an_organization_and_a_mail(self, api: APIClient) -> None:
        answer = api.post("/api/v1/auth/register", ADA)
        assert answer.status_code == 201
        assert set(answer.json()) == {"user_id", "email", "organization_id", "verification_sent", "verification_token"}
        assert [count(table) for table in self.MADE] == [1, 1, 1, 1, 1, 1, 2, 2]

    def test_lower_cases_and_trims_the_address(self, api: APIClient) -> None:
        answer = api.post("/api/v1/auth/register", ADA | {"email": "  ADA@Example.COM "})
        assert answer.json()["email"] == "ada@example.com"

    @pytest.mark.parametrize("spelling", ["ada@example.com", "ADA@EXAMPLE.COM", " Ada@example.com\t"])
    def test_refuses_a_taken_address_in_any_spelling_and_makes_nothing(self, api: APIClient, spelling: str) -> None:
        api.post("/api/v1/auth/register", ADA)
        before = [count(table) for table in self.MADE]
        refused(api.post("/api/v1/auth/register", ADA | {"email": spelling}), 400, "email_taken", "email")
        assert [count(table) for table in self.MADE] == before

    def test_of_one_address_many_times_at_once_makes_one_account(self) -> None:
        answers = at_once(6, lambda _: APIClient().post("/api/v1/auth/register", ADA))
        assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400, 400, 400]
        for answer in answers:
            if answer.status_code == 400:
                refused(answer, 400, "email_taken", "email")
        assert [count(table) for table in self.MADE] == [1, 1, 1, 1, 1, 1, 2, 2]

    def test_refuses_a_weak_password_and_makes_nothing(self, api: APIClient) -> None:
        for password in ["Short-1", "nouppercase-1", "NOLOWERCASE-1", "NoDigitsHere", "Password1", "Ada@example.com1"]:
            refused(
                api.post("/api/v1/auth/register", ADA | {"password": password}), 400, "password_too_weak", "password"
            )
            assert [count(table) for table in self.MADE] == [0] * len(self.MADE)

    def test_keeps_spaces_of_a_password(self, api: APIClient) -> None:
        made = journey.register(api, email="ada@example.com")
        api.get(f"/api/v1/auth/verify-email/{made['verification_token']}")
        for password in (f" {journey.PASSWORD}", f"{journey.PASSWORD} "):
            answer = api.post("/api/v1/auth/login", {"email": "ada@example.com", "password": password})
            refused(answer, 401, "invalid_credentials")

    def test_makes_nothing_when_its_last_step_fails(self, api: APIClient) -> None:
        as_owner("revoke insert on procrastinate_jobs from coditect_app")
        try:
            refused(api.post("/api/v1/auth/register", ADA), 500, "error")
        finally:
            as_owner("grant insert on procrastinate_jobs to coditect_app")
        assert [count(table) for table in self.MADE] == [0] * len(self.MADE)

    def test_takes_names_in_any_script_and_shows_them_in_the_mail_as_text(self, api: APIClient) -> None:
        name = "Åda <b>O'Lovelace</b> 愛 👩‍💻"
        made = api.post("/api/v1/auth/register", ADA | {"full_name": name, "company_name": "愛 & Söhne <i>"}).json()
        run_jobs()
        ((text, html),) = as_owner("select text, html from emails_mailboxmessage")
        assert name in text
        assert "<b>" not in html
        assert made["organization_id"]


class TestVerifyEmail:
    @pytest.fixture
    def made(self, api: APIClient) -> dict[str, Any]:
        """Return a fresh sign-up."""
        return journey.register(api, email="ada@example.com")

    def test_answers_the_same_again_and_welcomes_once(self, api: APIClient, made: dict[str, Any]) -> None:
        token = made["verification_token"]
        for address in (f"/api/v1/auth/verify-email/{token}", f"/api/v1/auth/verify-email/?token={token}"):
            for _ in range(2):
                answer = api.get(address)
                assert (answer.status_code, answer.json()) == (200, {"email_verified": True})
        assert as_owner("select count(*) from emails_emaillog where kind = 'welcome'") == [(1,)]

    def test_opened_by_many_at_once_welcomes_once(self, made: dict[str, Any]) -> None:
        answers = at_once(6, lambda _: APIClient().get(f"/api/v1/auth/verify-email/{made['verification_token']}"))
        assert {answer.status_code for answer in answers} == {200}
        assert as_owner("select count(*) from emails_emaillog where kind = 'welcome'") == [(1,)]

    def test_refuses_after_24_hours(self, api: APIClient, made: dict[str, Any]) -> None:
        as_owner("update users_onetimetoken set expires_at = expires_at - interval '24 hours'")
        answer = api.get(f"/api/v1/auth/verify-email/{made['verification_token']}")
        refused(answer, 400, "token_expired", "token")
        assert as_owner("select email_verified_at from users_user where not is_platform_admin") == [(None,)]

    def test_refuses_what_we_never_sent(self, api: APIClient, made: dict[str, Any]) -> None:
        for token in ["unknown", "x" * 3000, "é", "%2e%2e", "a'--"]:
            refused(api.get(f"/api/v1/auth/verify-email/{token}"), 400, "token_invalid", "token")
            refused(api.get(f"/api/v1/auth/verify-email?token={token}"), 400, "token_invalid", "token")

    def test_stores_no_token_in_clear(self, made: dict[str, Any]) -> None:
        stored = str(as_owner("select * from users_onetimetoken, emails_emaillog, procrastinate_jobs"))
        assert made["verification_token"] not in stored


class TestResendVerification:
    def test_voids_the_older_link(self, api: APIClient) -> None:
        made = journey.register(api, email="ada@example.com")
        assert api.post("/api/v1/auth/resend-verification", {"email": " ADA@example.com"}).status_code == 202
        run_jobs()
        answer = api.get(f"/api/v1/auth/verify-email/{made['verification_token']}")
        refused(answer, 400, "token_expired", "token")
        newest = as_owner("select text from emails_mailboxmessage order by id desc limit 1")[0][0]
        link = next(word for word in newest.split() if "verify-email/" in word)
        assert api.get(link.removeprefix("http://testserver")).status_code == 200

    def test_tells_nobody_which_addresses_have_an_account(self, api: APIClient) -> None:
        journey.register(api, email="ada@example.com")
        journey.sign_up(email="verified@example.com")
        with organization_context_of("verified@example.com"):
            before = EmailLog.objects.count()
        told = [api.post("/api/v1/auth/resend-verification", {"email": email})
                for email in ("ada@example.com", "verified@example.com", "nobody@example.com")]  # fmt: skip
        assert {(answer.status_code, answer.content) for answer in told} == {(202, b"")}
        with organization_context_of("verified@example.com"):
            assert EmailLog.objects.count() == before


def organization_context_of(email: str) -> Any:
    """Enter the context of a user's organization."""
    return organization_context(
        as_owner("select default_organization_id from users_user where email = %s", email)[0][0]
    )
