"""Forgotten and changed passwords, and the places where one is signed in."""

import pytest
from rest_framework.test import APIClient

from emails.models import MailboxMessage
from tests import journey
from tests.api.v1.test_organizations import code
from tests.invitations import link_token
from tests.jobs import run_jobs

pytestmark = pytest.mark.usefixtures("db")
NEW = "Another-Horse-2"


class TestForgottenPassword:
    def test_is_set_anew_by_the_mailed_link_and_ends_every_session(self) -> None:
        customer = journey.sign_up()
        assert APIClient().post("/api/v1/auth/forgot-password", {"email": customer.email}).status_code == 202
        token = link_token(customer.email, "password_reset")
        answer = APIClient().post("/api/v1/auth/reset-password", {"token": token, "password": NEW})
        assert answer.status_code == 204
        assert customer.api.get("/api/v1/auth/me").status_code == 401
        refreshed = APIClient().post("/api/v1/auth/token/refresh", {"refresh": customer.refresh})
        assert (refreshed.status_code, code(refreshed)) == (401, "session_revoked")
        old = APIClient().post("/api/v1/auth/login", {"email": customer.email, "password": journey.PASSWORD})
        new = APIClient().post("/api/v1/auth/login", {"email": customer.email, "password": NEW})
        assert (old.status_code, new.status_code) == (401, 200)

    def test_link_works_once_and_survives_a_refused_password(self) -> None:
        customer = journey.sign_up()
        APIClient().post("/api/v1/auth/forgot-password", {"email": customer.email})
        token = link_token(customer.email, "password_reset")
        weak = APIClient().post("/api/v1/auth/reset-password", {"token": token, "password": "password"})
        assert (weak.status_code, code(weak)) == (400, "password_too_weak")
        body = {"token": token, "password": NEW}
        assert APIClient().post("/api/v1/auth/reset-password", body).status_code == 204
        again = APIClient().post("/api/v1/auth/reset-password", body)
        assert (again.status_code, code(again)) == (400, "token_invalid")

    def test_is_answered_alike_for_an_unknown_address_and_sends_nothing(self) -> None:
        customer = journey.sign_up()
        known = APIClient().post("/api/v1/auth/forgot-password", {"email": customer.email})
        unknown = APIClient().post("/api/v1/auth/forgot-password", {"email": "nobody@example.com"})
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
        run_jobs()
        assert not MailboxMessage.objects.filter(recipient="nobody@example.com").exists()

    def test_a_change_of_password_voids_a_link_that_is_still_about(self) -> None:
        customer = journey.sign_up()
        APIClient().post("/api/v1/auth/forgot-password", {"email": customer.email})
        token = link_token(customer.email, "password_reset")
        body = {"current_password": journey.PASSWORD, "new_password": NEW}
        assert customer.api.post("/api/v1/auth/change-password", body).status_code == 204
        late = APIClient().post("/api/v1/auth/reset-password", {"token": token, "password": "Third-Horse-3"})
        assert (late.status_code, code(late)) == (400, "token_expired")


class TestChangedPassword:
    def test_keeps_this_session_and_ends_the_others(self) -> None:
        customer = journey.sign_up()
        elsewhere = (
            APIClient().post("/api/v1/auth/login", {"email": customer.email, "password": journey.PASSWORD}).json()
        )
        body = {"current_password": journey.PASSWORD, "new_password": NEW}
        assert customer.api.post("/api/v1/auth/change-password", body).status_code == 204
        assert customer.api.get("/api/v1/auth/me").status_code == 200
        other = APIClient()
        other.credentials(HTTP_AUTHORIZATION=f"Bearer {elsewhere['access']}")
        assert other.get("/api/v1/auth/me").status_code == 401
        run_jobs()
        assert MailboxMessage.objects.filter(recipient=customer.email, kind="password_changed").count() == 1

    def test_needs_the_current_one(self) -> None:
        customer = journey.sign_up()
        body = {"current_password": "Wrong-Horse-9", "new_password": NEW}
        answer = customer.api.post("/api/v1/auth/change-password", body)
        assert (answer.status_code, code(answer)) == (401, "invalid_credentials")


class TestSessions:
    def test_are_listed_and_ended_one_by_one_or_all_others(self) -> None:
        customer = journey.sign_up()
        for _ in range(2):
            APIClient().post("/api/v1/auth/login", {"email": customer.email, "password": journey.PASSWORD})
        listed = customer.api.get("/api/v1/auth/sessions").json()["results"]
        assert [one["current"] for one in listed].count(True) == 1
        other = next(one for one in listed if not one["current"])
        assert customer.api.delete(f"/api/v1/auth/sessions/{other['id']}").status_code == 204
        assert customer.api.delete(f"/api/v1/auth/sessions/{other['id']}").status_code == 404
        assert customer.api.delete("/api/v1/auth/sessions").status_code == 204
        assert customer.api.get("/api/v1/auth/sessions").json()["count"] == 1

    def test_of_others_are_unknown(self) -> None:
        one, two = journey.sign_up(), journey.sign_up()
        (session,) = two.api.get("/api/v1/auth/sessions").json()["results"]
        assert one.api.delete(f"/api/v1/auth/sessions/{session['id']}").status_code == 404


class TestProfile:
    def test_can_be_changed(self) -> None:
        customer = journey.sign_up()
        second = customer.api.post("/api/v1/organizations", {"name": "Second"}).json()
        answer = customer.api.patch(
            "/api/v1/auth/me", {"full_name": "Ada King", "default_organization": second["slug"]}
        )
        assert answer.json()["full_name"] == "Ada King"
        assert answer.json()["default_organization_id"] == second["id"]
