"""/auth/change-email: another address for an account, asked for here, confirmed there, told at the old one."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from emails.models import MailboxMessage
from tests import journey
from tests.api.beneath import as_owner
from tests.api.refusals import refused
from tests.authenticator_app import enable, finish, pass_ten_minutes, password_step, signed_in
from tests.invitations import link_token
from tests.jobs import run_jobs
from tests.journey import Customer

pytestmark = pytest.mark.usefixtures("db")
NEW = "countess@example.com"


@pytest.fixture
def ada(db: None) -> Customer:
    """Return a signed-in customer."""
    return journey.sign_up()


def ask(customer: Customer, email: str = NEW) -> Any:
    """Ask for another address."""
    return customer.api.post("/api/v1/auth/change-email", {"email": email})


def mailed_token(customer: Customer, email: str = NEW) -> str:
    """Ask, and return the token that the new address was mailed."""
    assert ask(customer, email).status_code == 202
    return link_token(email, "email_change")


def confirm(token: str, api: APIClient | None = None) -> Any:
    """Do what the mailed page does; `api` for somebody who is signed in."""
    return (api or APIClient()).post("/api/v1/auth/change-email/confirm", {"token": token})


def login(email: str) -> Any:
    """Sign in with the password everybody has here."""
    return APIClient().post("/api/v1/auth/login", {"email": email, "password": journey.PASSWORD})


def kinds(recipient: str) -> list[str]:
    """Send the waiting mails, and return what an address was told, the first first."""
    run_jobs()
    return [mail.kind for mail in MailboxMessage.objects.filter(recipient=recipient).order_by("id")]


class TestAsking:
    def test_changes_nothing_yet(self, ada: Customer) -> None:
        assert ask(ada).status_code == 202
        assert ada.api.get("/api/v1/auth/me").json()["email"] == ada.email
        assert (login(ada.email).status_code, login(NEW).status_code) == (200, 401)

    def test_tells_both_addresses(self, ada: Customer) -> None:
        ask(ada)
        assert (kinds(NEW), kinds(ada.email)[-1]) == (["email_change"], "email_change_asked")
        told = MailboxMessage.objects.get(kind="email_change_asked")
        assert NEW not in told.text
        assert "set a new password" in told.text

    def test_answers_alike_for_an_address_that_is_taken(self, ada: Customer) -> None:
        other = journey.sign_up()
        free, taken = ask(ada), ask(ada, other.email)
        assert (free.status_code, free.content) == (taken.status_code, taken.content)
        assert kinds(other.email)[-1] == "email_change_taken"
        assert "/change-email#" not in MailboxMessage.objects.get(kind="email_change_taken").text
        assert [kind for kind in kinds(ada.email) if kind.startswith("email")] == ["email_change_asked"] * 2

    def test_takes_any_spelling_for_the_same_address(self, ada: Customer) -> None:
        refused(ask(ada, f" {ada.email.upper()} "), 400, "email_unchanged", "email")
        assert confirm(mailed_token(ada)).status_code == 204
        assert login("COUNTESS@example.com").status_code == 200

    def test_needs_a_recent_proof(self, ada: Customer) -> None:
        pass_ten_minutes()
        refused(ask(ada), 403, "step_up_required")
        ada.api.post("/api/v1/auth/step-up", {"password": journey.PASSWORD})
        assert ask(ada).status_code == 202

    def test_needs_an_address(self, ada: Customer) -> None:
        refused(ask(ada, "nonsense"), 400, "invalid", "email")

    def test_again_voids_the_older_link(self, ada: Customer) -> None:
        first = mailed_token(ada)
        second = mailed_token(ada, "lady@example.com")
        refused(confirm(first), 400, "token_expired", "token")
        assert confirm(second).status_code == 204
        assert login("lady@example.com").status_code == 200


class TestConfirming:
    def test_switches_the_address_and_tells_the_old_one(self, ada: Customer) -> None:
        assert confirm(mailed_token(ada)).status_code == 204
        assert (login(ada.email).status_code, login(NEW).status_code) == (401, 200)
        assert kinds(ada.email)[-1] == "email_changed"
        user = login(NEW).json()["user"]
        assert (user["id"], user["email_verified"]) == (ada.user_id, True)
        actions = [row[0] for row in as_owner("select action from users_auditentry order by id")]
        assert actions.index("EMAIL_CHANGE_ASKED") < actions.index("EMAIL_CHANGED")
        assert NEW not in str(as_owner("select data from users_auditentry"))

    def test_by_opening_the_link_happens_only_when_the_button_is_pressed(self, ada: Customer) -> None:
        token = mailed_token(ada)
        page = Client().get("/change-email")
        assert b'data-post="/api/v1/auth/change-email/confirm"' in page.content
        assert APIClient().get("/api/v1/auth/change-email/confirm").status_code == 405
        assert login(ada.email).status_code == 200
        assert confirm(token).status_code == 204

    def test_works_once(self, ada: Customer) -> None:
        token = mailed_token(ada)
        assert confirm(token).status_code == 204
        refused(confirm(token), 400, "token_invalid", "token")

    def test_ends_every_session(self, ada: Customer) -> None:
        confirm(mailed_token(ada))
        refused(ada.api.get("/api/v1/auth/me"), 401, "authentication_failed")
        refreshed = APIClient().post("/api/v1/auth/token/refresh", {"refresh": ada.refresh})
        refused(refreshed, 401, "session_revoked")

    def test_keeps_the_session_that_confirms(self, ada: Customer) -> None:
        other = signed_in(login(ada.email).json()["access"])
        assert confirm(mailed_token(ada), ada.api).status_code == 204
        assert ada.api.get("/api/v1/auth/me").json()["email"] == NEW
        refused(other.get("/api/v1/auth/me"), 401, "authentication_failed")

    def test_while_signed_in_as_somebody_else_ends_only_its_users_sessions(self, ada: Customer) -> None:
        eve = journey.sign_up()
        assert confirm(mailed_token(ada), eve.api).status_code == 204
        assert eve.api.get("/api/v1/auth/me").json()["email"] == eve.email
        refused(ada.api.get("/api/v1/auth/me"), 401, "authentication_failed")

    def test_is_too_late_after_an_hour(self, ada: Customer) -> None:
        token = mailed_token(ada)
        as_owner("update users_onetimetoken set expires_at = expires_at - interval '1 hour'")
        refused(confirm(token), 400, "token_expired", "token")

    def test_voids_links_that_went_to_the_old_address(self, ada: Customer) -> None:
        APIClient().post("/api/v1/auth/forgot-password", {"email": ada.email})
        reset = link_token(ada.email, "password_reset")
        confirm(mailed_token(ada))
        body = {"token": reset, "password": "Another-Horse-2"}
        refused(APIClient().post("/api/v1/auth/reset-password", body), 400, "token_expired", "token")

    def test_is_void_after_a_new_password(self, ada: Customer) -> None:
        """What the mail to the old address advises whoever did not ask for this."""
        token = mailed_token(ada)
        body = {"current_password": journey.PASSWORD, "new_password": "Another-Horse-2"}
        assert ada.api.post("/api/v1/auth/change-password", body).status_code == 204
        refused(confirm(token), 400, "token_expired", "token")

    def test_of_an_address_that_was_taken_meanwhile_is_refused(self, ada: Customer) -> None:
        token = mailed_token(ada)
        journey.sign_up(email=NEW)
        refused(confirm(token), 400, "email_taken", "email")
        assert ada.api.get("/api/v1/auth/me").json()["email"] == ada.email

    def test_takes_no_token_of_another_purpose(self, ada: Customer) -> None:
        APIClient().post("/api/v1/auth/forgot-password", {"email": ada.email})
        for token in (link_token(ada.email, "password_reset"), "nonsense"):
            refused(confirm(token), 400, "token_invalid", "token")

    def test_leaves_two_factor_sign_in_as_it_is(self, ada: Customer) -> None:
        secured = enable(ada)
        assert confirm(mailed_token(ada)).status_code == 204
        assert finish(password_step(NEW), code=secured.app.code()).status_code == 200
