"""/auth/firebase and ID tokens as Bearer: whose account it is, who is let into whose, and what ends it."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import override_settings
from rest_framework.test import APIClient

from tests import journey
from tests.api.beneath import as_owner
from tests.api.raw import quiet
from tests.api.refusals import refused
from tests.authenticator_app import Secured, enable
from tests.firebase_project import CERTIFICATES, PROJECT, FirebaseProject, firebase_project
from tests.invitations import link_token
from tests.jobs import run_jobs
from tests.journey import Customer
from tests.query_counts import statements
from users.models import FirebaseIdentity

pytestmark = pytest.mark.usefixtures("db")
NEW = "Another-Horse-2"
LATER = 60
"""Seconds; for a sign-in at Firebase that is surely after what the test did before."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[FirebaseProject]:
    """Return a Firebase project that is ours."""
    with firebase_project(tmp_path) as project:
        yield project


def exchange(api: APIClient, token: Any) -> Any:
    """Sign in with an ID token."""
    return api.post("/api/v1/auth/firebase", {"id_token": token})


def bearer(token: str) -> APIClient:
    """Return a client that sends this token."""
    client = quiet(APIClient())
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def me(token: str) -> Any:
    """Ask who the token is of."""
    return bearer(token).get("/api/v1/auth/me")


def login(api: APIClient, email: str = "ada@example.com", password: str = journey.PASSWORD) -> Any:
    """Sign in with a password."""
    return api.post("/api/v1/auth/login", {"email": email, "password": password})


def mails(kind: str) -> int:
    """Return how many mails of a kind were queued."""
    return int(as_owner("select count(*) from emails_emaillog where kind = %s", kind)[0][0])


def audited(action: str) -> list[Any]:
    """Return what the audit log keeps of an action."""
    return [row[0] for row in as_owner("select data from users_auditentry where action = %s", action)]


def later(project: FirebaseProject, **changed: Any) -> str:
    """Return a token of somebody who signs in at Firebase after all that the test has done so far."""
    as_owner("update users_firebaseidentity set not_before = not_before - make_interval(secs => %s)", LATER)
    return project.sign_in(**changed)


class TestNewUser:
    def test_gets_an_account_an_organization_and_one_welcome(self, api: APIClient, project: FirebaseProject) -> None:
        answer = exchange(api, project.sign_in())
        assert answer.status_code == 200, answer.content
        assert set(answer.json()) == {"access", "refresh", "user"}
        user = answer.json()["user"]
        assert (user["email"], user["full_name"], user["email_verified"]) == ("ada@example.com", "Ada Lovelace", True)
        (organization,) = me(answer.json()["access"]).json()["organizations"]
        assert (organization["role"], organization["name"]) == ("owner", "Ada Lovelace")
        assert organization["organization_id"] == user["default_organization_id"]
        run_jobs()
        assert (mails("welcome"), mails("verify_email"), mails("firebase_linked")) == (1, 0, 0)
        assert audited("USER_SIGNED_IN") == [{"amr": "firebase"}]
        assert audited("FIREBASE_USER_LINKED") == [{"provider": "google.com"}]

    def test_is_the_same_one_the_next_time_whatever_the_address_is_then(
        self, api: APIClient, project: FirebaseProject
    ) -> None:
        first = exchange(api, project.sign_in()).json()["user"]
        for changed in ({}, {"email": "eve@example.com"}, {"email": None}, {"email_verified": False}):
            assert exchange(api, project.sign_in(**changed)).json()["user"]["id"] == first["id"]
        assert mails("welcome") == 1

    def test_costs_some_statements_once_and_few_later(self, api: APIClient, project: FirebaseProject) -> None:
        with statements(21):
            exchange(api, project.sign_in())
        with statements(5):
            exchange(api, project.sign_in())

    def test_of_another_uid_is_somebody_else(self, api: APIClient, project: FirebaseProject) -> None:
        ada = exchange(api, project.sign_in()).json()["user"]
        eve = exchange(api, project.sign_in("uid-eve", email="eve@example.com")).json()["user"]
        assert ada["id"] != eve["id"]

    @pytest.mark.parametrize("changed", [{"email_verified": False}, {"email": None}, {"email": "nonsense"}], ids=str)
    def test_without_a_verified_address_is_refused(
        self, api: APIClient, project: FirebaseProject, changed: dict[str, Any]
    ) -> None:
        refused(exchange(api, project.sign_in(**changed)), 403, "firebase_email_unverified")
        assert as_owner("select count(*) from users_user where not is_platform_admin") == [(0,)]

    def test_gets_a_refresh_token_and_a_session_that_can_be_ended(
        self, api: APIClient, project: FirebaseProject
    ) -> None:
        tokens = exchange(api, project.sign_in()).json()
        assert api.post("/api/v1/auth/token/refresh", {"refresh": tokens["refresh"]}).status_code == 200
        (session,) = bearer(tokens["access"]).get("/api/v1/auth/sessions").json()["results"]
        assert session["current"]


class TestExistingAccount:
    def test_is_entered_by_whoever_has_verified_its_address_and_its_owner_is_told(
        self, api: APIClient, project: FirebaseProject
    ) -> None:
        ada = journey.sign_up(email="ada@example.com")
        answer = exchange(api, project.sign_in(name="Somebody Else"))
        assert (answer.json()["user"]["id"], answer.json()["user"]["full_name"]) == (ada.user_id, "Ada Lovelace")
        assert mails("firebase_linked") == 1
        run_jobs()
        ((text,),) = as_owner("select text from emails_mailboxmessage where kind = 'firebase_linked'")
        assert "google.com" in text
        assert login(api).status_code == 200, "the password still works"
        assert ada.api.get("/api/v1/auth/me").status_code == 200
        exchange(api, project.sign_in())
        assert mails("firebase_linked") == 1, "told once"

    def test_is_not_entered_by_an_address_that_firebase_has_not_verified(
        self, api: APIClient, project: FirebaseProject
    ) -> None:
        journey.sign_up(email="ada@example.com")
        refused(exchange(api, project.sign_in(email_verified=False)), 403, "firebase_email_unverified")
        assert as_owner("select count(*) from users_firebaseidentity") == [(0,)]

    def test_that_nobody_verified_is_taken_from_whoever_made_it(self, api: APIClient, project: FirebaseProject) -> None:
        """Somebody registers a stranger's address and a password, and waits for the stranger to come."""
        made = journey.register(api, email="ada@example.com")
        assert exchange(api, project.sign_in(name="The Real Ada")).json()["user"] | {"created_at": ""} == {
            "id": made["user_id"], "email": "ada@example.com", "full_name": "The Real Ada", "status": "active",
            "email_verified": True, "is_platform_admin": False,
            "default_organization_id": made["organization_id"], "created_at": "",
        }  # fmt: skip
        refused(login(api), 401, "invalid_credentials")
        assert mails("welcome") == 1
        assert audited("PASSWORD_REMOVED") == [{}]

    @pytest.mark.parametrize("status", ["suspended", "inactive"])
    @pytest.mark.parametrize("linked", [True, False])
    def test_that_is_not_active_is_entered_by_nobody(
        self, api: APIClient, project: FirebaseProject, status: str, linked: bool
    ) -> None:
        journey.sign_up(email="ada@example.com")
        token = project.sign_in()
        if linked:
            exchange(api, token)
        as_owner("update users_user set status = %s where email = 'ada@example.com'", status)
        refused(exchange(api, token), 403, "account_suspended")
        assert as_owner("select count(*) from users_firebaseidentity") == [(int(linked),)]

    def test_that_is_linked_and_waits_for_another_address_is_entered_by_nobody(
        self, api: APIClient, project: FirebaseProject
    ) -> None:
        exchange(api, project.sign_in())
        as_owner("update users_user set email_verified_at = null, email = 'b@example.com' where email like 'ada@%%'")
        journey.sign_up(email="ada@example.com")
        refused(exchange(api, project.sign_in()), 403, "email_not_verified")
        refused(exchange(api, project.sign_in(email="c@example.com")), 403, "email_not_verified")
        refused(me(project.sign_in()), 401, "firebase_not_linked")


class TestRefusals:
    def test_of_tokens_have_codes_of_their_own(self, api: APIClient, project: FirebaseProject) -> None:
        now = int(time.time())
        refused(exchange(api, "nonsense"), 401, "firebase_token_invalid")
        refused(exchange(api, project.sign_in(exp=now - 60)), 401, "firebase_token_expired")
        refused(exchange(api, project.sign_in(aud="other")), 401, "firebase_token_invalid")
        anonymous = project.sign_in(firebase={"sign_in_provider": "anonymous"})
        refused(exchange(api, anonymous), 403, "firebase_provider_not_allowed")
        project.accounts["uid-ada"]["disabled"] = True
        refused(exchange(api, project.sign_in()), 403, "firebase_account_disabled")
        project.accounts["uid-ada"] = {"localId": "uid-ada", "validSince": str(now + 60)}
        refused(exchange(api, project.sign_in()), 401, "firebase_sign_in_ended")
        assert [one["code"] for one in audited("LOGIN_FAILED")] == [
            "firebase_token_invalid", "firebase_token_invalid", "firebase_provider_not_allowed",
            "firebase_account_disabled", "firebase_sign_in_ended",
        ]  # fmt: skip
        assert as_owner("select count(*) from users_user where not is_platform_admin") == [(0,)]

    def test_of_bodies_are_the_usual_ones(self, api: APIClient, project: FirebaseProject) -> None:
        hostile: list[Any] = [None, "", 5, [], {}, "a\x00b", "x" * 5000]
        for token in hostile:
            answer = quiet(api).post("/api/v1/auth/firebase", {"id_token": token})
            assert answer.status_code in (400, 401), (token, answer.content)

    @pytest.mark.parametrize("path", [CERTIFICATES, f"/v1/projects/{PROJECT}/accounts:lookup", "/token"])
    def test_while_google_is_out_say_when_to_come_back(
        self, api: APIClient, project: FirebaseProject, path: str
    ) -> None:
        token = project.sign_in()
        project.broken[path] = 403
        answer = exchange(api, token)
        refused(answer, 503, "firebase_unavailable")
        assert answer["Retry-After"] == "5"
        del project.broken[path]
        assert exchange(api, token).status_code == 200

    def test_without_a_project_say_so(self, api: APIClient) -> None:
        refused(exchange(api, "a.b.c"), 404, "firebase_not_configured")


class TestBearer:
    @pytest.fixture
    def token(self, api: APIClient, project: FirebaseProject) -> str:
        """Return the ID token of somebody who has exchanged it."""
        token = project.sign_in()
        assert exchange(api, token).status_code == 200
        return token

    def test_is_let_in_with_two_statements_and_no_call_to_google(self, project: FirebaseProject, token: str) -> None:
        project.asked.clear()
        with statements(2):
            answer = me(token)
        assert answer.json()["email"] == "ada@example.com"
        assert project.asked == []
        assert bearer(token).post("/api/v1/organizations", {"name": "Second"}).status_code == 201

    def test_needs_an_exchange_first(self, project: FirebaseProject) -> None:
        answer = me(project.id_token(sub="uid-nobody"))
        refused(answer, 401, "firebase_not_linked")
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert as_owner("select count(*) from users_user where not is_platform_admin") == [(0,)]

    def test_is_refused_for_what_the_exchange_is_refused_for(self, project: FirebaseProject, token: str) -> None:
        refused(me(project.id_token(exp=int(time.time()) - 60)), 401, "firebase_token_expired")
        refused(me(project.id_token(key_name="key-2")), 401, "firebase_token_invalid")
        refused(me(project.id_token(iss="https://securetoken.google.com/other")), 401, "firebase_token_invalid")
        provider = {"sign_in_provider": "anonymous"}
        refused(me(project.id_token(firebase=provider)), 403, "firebase_provider_not_allowed")

    def test_works_while_google_is_out(self, project: FirebaseProject, token: str) -> None:
        project.broken[CERTIFICATES] = 503
        assert me(token).status_code == 200

    def test_before_the_first_certificate_was_had_says_when_to_come_back(
        self, tmp_path: Path, project: FirebaseProject, token: str
    ) -> None:
        with firebase_project(tmp_path) as fresh:
            fresh.broken[CERTIFICATES] = 503
            answer = me(token)
        refused(answer, 503, "firebase_unavailable")
        assert answer["Retry-After"]

    def test_of_an_account_that_is_not_active_is_refused(self, token: str) -> None:
        as_owner("update users_user set status = 'suspended' where email = 'ada@example.com'")
        refused(me(token), 401, "authentication_failed")

    def test_is_nothing_to_us_without_a_project(self, token: str) -> None:
        with override_settings(FIREBASE_PROJECT_ID=""):
            refused(me(token), 401, "authentication_failed")

    def test_is_no_refresh_token_and_no_seat_token(self, api: APIClient, token: str) -> None:
        refused(api.post("/api/v1/auth/token/refresh", {"refresh": token}), 401, "authentication_failed")
        body = {"session_id": "01900000-0000-7000-8000-000000000000", "signed_token": token}
        refused(api.post("/api/v1/licenses/heartbeat", body), 401, "authentication_failed")

    def test_is_accepted_where_a_seat_token_is_too(self, token: str) -> None:
        address = "/api/v1/licenses/sessions/01900000-0000-7000-8000-000000000000"
        refused(bearer(token).delete(address), 404, "session_not_found")

    def test_leaves_our_own_tokens_alone(self, api: APIClient, token: str) -> None:
        assert journey.sign_up().api.get("/api/v1/auth/me").status_code == 200


class TestSigningOut:
    @pytest.fixture
    def ada(self, api: APIClient, project: FirebaseProject) -> Customer:
        """Return somebody with a password and a linked Firebase user."""
        ada = journey.sign_up(email="ada@example.com")
        assert exchange(api, project.sign_in()).status_code == 200
        return ada

    def old(self, project: FirebaseProject) -> str:
        """Return a fresh token of a sign-in that began a minute ago."""
        return project.sign_in(auth_time=int(time.time()) - LATER)

    def test_everywhere_else_ends_sign_ins_at_firebase(self, project: FirebaseProject, ada: Customer) -> None:
        old = self.old(project)
        assert me(old).status_code == 200
        assert ada.api.delete("/api/v1/auth/sessions").status_code == 204
        refused(me(old), 401, "firebase_sign_in_ended")
        refused(exchange(APIClient(), old), 401, "firebase_sign_in_ended")
        assert me(later(project)).status_code == 200

    def test_everywhere_else_from_a_sign_in_at_firebase_keeps_that_one(
        self, project: FirebaseProject, ada: Customer
    ) -> None:
        old, older = self.old(project), project.sign_in(auth_time=int(time.time()) - 2 * LATER)
        assert bearer(old).delete("/api/v1/auth/sessions").status_code == 204
        assert me(old).status_code == 200
        refused(me(older), 401, "firebase_sign_in_ended")
        assert ada.api.get("/api/v1/auth/me").status_code == 401

    def test_has_no_session_of_ours_to_list_as_the_current_one(self, project: FirebaseProject, ada: Customer) -> None:
        listed = bearer(self.old(project)).get("/api/v1/auth/sessions").json()["results"]
        assert [one["current"] for one in listed] == [False, False]

    def test_by_a_changed_password_ends_all_but_the_one_it_was_asked_from(
        self, project: FirebaseProject, ada: Customer
    ) -> None:
        old, older = self.old(project), project.sign_in(auth_time=int(time.time()) - 2 * LATER)
        body = {"current_password": journey.PASSWORD, "new_password": NEW}
        assert bearer(old).post("/api/v1/auth/change-password", body).status_code == 204
        assert me(old).status_code == 200
        refused(me(older), 401, "firebase_sign_in_ended")
        assert ada.api.get("/api/v1/auth/me").status_code == 401

    def test_by_a_password_changed_in_a_session_of_ours_ends_every_sign_in_at_firebase(
        self, project: FirebaseProject, ada: Customer
    ) -> None:
        old = self.old(project)
        body = {"current_password": journey.PASSWORD, "new_password": NEW}
        assert ada.api.post("/api/v1/auth/change-password", body).status_code == 204
        assert ada.api.get("/api/v1/auth/me").status_code == 200
        refused(me(old), 401, "firebase_sign_in_ended")

    def test_by_a_password_set_anew_ends_every_sign_in_at_firebase(
        self, api: APIClient, project: FirebaseProject, ada: Customer
    ) -> None:
        old = self.old(project)
        api.post("/api/v1/auth/forgot-password", {"email": ada.email})
        body = {"token": link_token(ada.email, "password_reset"), "password": NEW}
        assert api.post("/api/v1/auth/reset-password", body).status_code == 204
        refused(exchange(api, old), 401, "firebase_sign_in_ended")

    def test_never_brings_back_what_was_ended_meanwhile(self, ada: Customer) -> None:
        """Somebody signs out everywhere else from a sign-in that has just been ended itself, by a new password."""
        user_id = UUID(ada.user_id)
        FirebaseIdentity.objects.end_sign_ins(user_id=user_id)
        (ended,) = FirebaseIdentity.objects.values_list("not_before", flat=True)
        assert ended is not None
        FirebaseIdentity.objects.end_sign_ins(user_id=user_id, keep_since=ended - timedelta(hours=1))
        assert list(FirebaseIdentity.objects.values_list("not_before", flat=True)) == [ended]


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed."""

    count = 0

    def encode(self, password: str, salt: str) -> str:
        """Count, and hash."""
        CountingHasher.count += 1
        return super().encode(password, salt)


class TestPasswordOfAFirebaseUser:
    """There is none, and nobody can tell (CVE-2024-39329: an account without a password answered sooner)."""

    @pytest.fixture(autouse=True)
    def exchanged(self, db: None, api: APIClient, project: FirebaseProject) -> None:
        """Have a user who came by Firebase."""
        exchange(api, project.sign_in())

    def test_is_refused_like_a_wrong_one_after_the_same_work(self, api: APIClient) -> None:
        work, answers = [], []
        with override_settings(PASSWORD_HASHERS=["tests.api.v1.test_firebase.CountingHasher"]):
            journey.sign_up(email="bea@example.com")
            for email in ("ada@example.com", "bea@example.com", "nobody@example.com"):
                for password in ("Wrong-Horse-9", "!", ""):
                    CountingHasher.count = 0
                    answer = login(api, email, password)
                    work.append((password, CountingHasher.count))
                    answers.append((password, answer.status_code, answer.content))
        assert len(set(work)) == 3, work
        assert len(set(answers)) == 3

    def test_can_be_set_by_the_mailed_link_like_a_forgotten_one(self, api: APIClient) -> None:
        told = [api.post("/api/v1/auth/forgot-password", {"email": email}) for email in ("ada@example.com", "n@x.org")]
        assert {(answer.status_code, answer.content) for answer in told} == {(202, b"")}
        body = {"token": link_token("ada@example.com", "password_reset"), "password": NEW}
        assert api.post("/api/v1/auth/reset-password", body).status_code == 204
        assert login(api, password=NEW).status_code == 200

    def test_cannot_be_changed_for_want_of_a_current_one(self, api: APIClient, project: FirebaseProject) -> None:
        for current in ("", "!", "Wrong-Horse-9"):
            body = {"current_password": current, "new_password": NEW}
            answer = bearer(project.sign_in()).post("/api/v1/auth/change-password", body)
            assert answer.status_code in (400, 401), answer.content


class TestSecondFactor:
    @pytest.fixture
    def secured(self, db: None, project: FirebaseProject) -> Secured:
        """Return somebody with two-factor sign-in and a linked Firebase user."""
        customer = journey.sign_up(email="ada@example.com")
        exchange(APIClient(), project.sign_in())
        return enable(customer)

    def token(self, project: FirebaseProject, **changed: Any) -> str:
        """Return a token of a sign-in after two-factor sign-in was switched on, which ended the ones before."""
        return later(project, **changed)

    def test_is_asked_for_at_the_exchange(self, api: APIClient, project: FirebaseProject, secured: Secured) -> None:
        told = refused(exchange(api, self.token(project)), 403, "mfa_required")
        body = {"mfa_token": told["mfa_token"], "code": secured.app.code()}
        answer = api.post("/api/v1/auth/login/mfa", body)
        assert answer.status_code == 200, answer.content
        state = bearer(answer.json()["access"]).get("/api/v1/auth/mfa").json()
        assert state["session_amr"] == ["firebase", "otp"]

    def test_of_firebase_is_not_ours(self, api: APIClient, project: FirebaseProject, secured: Secured) -> None:
        there = {"sign_in_provider": "google.com", "sign_in_second_factor": "phone"}
        refused(exchange(api, self.token(project, firebase=there)), 403, "mfa_required")

    def test_cannot_be_gone_round_with_the_id_token_itself(self, project: FirebaseProject, secured: Secured) -> None:
        refused(me(self.token(project)), 403, "mfa_required")

    def test_is_asked_for_when_the_account_is_linked(self, api: APIClient, project: FirebaseProject) -> None:
        enable(journey.sign_up(email="ada@example.com"))
        refused(exchange(api, project.sign_in()), 403, "mfa_required")

    def test_ends_sign_ins_at_firebase_when_it_is_switched_on(
        self, api: APIClient, project: FirebaseProject, secured: Secured
    ) -> None:
        old = project.sign_in(auth_time=int(time.time()) - LATER)
        refused(exchange(api, old), 401, "firebase_sign_in_ended")


class TestStepUp:
    def test_is_not_needed_just_after_signing_in_at_firebase(self, api: APIClient, project: FirebaseProject) -> None:
        exchange(api, project.sign_in())
        fresh = project.sign_in(auth_time=int(time.time()) - 9 * 60)
        assert bearer(fresh).post("/api/v1/auth/mfa/totp").status_code == 201

    def test_is_needed_later_and_needs_a_session(self, api: APIClient, project: FirebaseProject) -> None:
        tokens = exchange(api, project.sign_in()).json()
        stale = bearer(project.sign_in(auth_time=int(time.time()) - 11 * 60))
        refused(stale.post("/api/v1/auth/mfa/totp"), 403, "step_up_required")
        refused(stale.post("/api/v1/auth/step-up", {"password": "x"}), 403, "session_required")
        refused(stale.post("/api/v1/auth/mfa/totp/confirm", {"code": "123456"}), 403, "session_required")
        assert bearer(tokens["access"]).post("/api/v1/auth/mfa/totp").status_code == 201
