"""Google's own Auth emulator instead of our stand-in: do our calls fit its API? Run as docs/firebase.md says.

It signs nothing: which tokens are believed, tests/users/test_firebase_tokens.py shows.
"""

import json
import os
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from config.kernel.ids import new_id
from tests import journey
from tests.api.refusals import refused
from tests.jobs import run_jobs

HOST = os.environ.get("FIREBASE_AUTH_EMULATOR_HOST", "")
PROJECT = os.environ.get("GCLOUD_PROJECT", "")
PASSWORD = "Correct-Horse-1"

pytestmark = [
    pytest.mark.usefixtures("db"),
    pytest.mark.skipif(not HOST, reason="opt-in: FIREBASE_AUTH_EMULATOR_HOST is not set (docs/firebase.md)"),
]


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    """Have our side configured for the emulator's project."""
    with override_settings(FIREBASE_PROJECT_ID=PROJECT, FIREBASE_AUTH_EMULATOR_HOST=HOST, FIREBASE_SYNC_USERS=True):
        yield


class Person:
    """Somebody who signs in at Firebase with a password."""

    def __init__(self) -> None:
        self.email = f"ada-{new_id().hex[-12:]}@example.com"
        self.uid = ask("accounts:signUp", {"email": self.email, "password": PASSWORD})["localId"]

    def token(self) -> str:
        """Sign in, and return the ID token."""
        body = {"email": self.email, "password": PASSWORD, "returnSecureToken": True}
        return str(ask("accounts:signInWithPassword", body)["idToken"])

    def change(self, **changed: Any) -> None:
        """Change the account, as its project's owner."""
        ask("accounts:update", {"localId": self.uid} | changed)


def ask(method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Call the emulator as the project's owner."""
    request = urllib.request.Request(
        f"http://{HOST}/identitytoolkit.googleapis.com/v1/{method}?key=any",
        json.dumps(body | {"targetProjectId": PROJECT}).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer owner"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def account(uid: str) -> dict[str, Any]:
    """Return an account as the emulator has it."""
    (found,) = ask("accounts:lookup", {"localId": [uid]})["users"]
    return dict(found)


def exchange(token: str) -> Any:
    """Sign in here."""
    return APIClient().post("/api/v1/auth/firebase", {"id_token": token})


def bearer(token: str) -> dict[str, str]:
    """Return the header that sends a token."""
    return {"Authorization": f"Bearer {token}"}


class TestExchange:
    def test_lets_nobody_in_before_their_address_is_verified(self) -> None:
        refused(exchange(Person().token()), 403, "firebase_email_unverified")

    def test_makes_an_account_and_lets_the_token_in_as_bearer(self) -> None:
        person = Person()
        person.change(emailVerified=True, displayName="Ada Lovelace")
        token = person.token()
        refused(APIClient().get("/api/v1/auth/me", headers=bearer(token)), 401, "firebase_not_linked")
        answer = exchange(token)
        assert answer.status_code == 200, answer.content
        assert (answer.json()["user"]["email"], answer.json()["user"]["full_name"]) == (person.email, "Ada Lovelace")
        again = APIClient().get("/api/v1/auth/me", headers=bearer(token))
        assert again.json()["id"] == answer.json()["user"]["id"]

    def test_refuses_who_is_disabled_revoked_gone_or_anonymous(self) -> None:
        person = Person()
        person.change(emailVerified=True)
        token = person.token()
        person.change(disableUser=True)
        refused(exchange(token), 403, "firebase_account_disabled")
        person.change(disableUser=False, validSince="4000000000")
        refused(exchange(token), 401, "firebase_sign_in_ended")
        ask("accounts:delete", {"localId": person.uid})
        refused(exchange(token), 401, "firebase_token_invalid")
        anonymous = ask("accounts:signUp", {"returnSecureToken": True})
        if "idToken" in anonymous:
            refused(exchange(anonymous["idToken"]), 403, "firebase_provider_not_allowed")


class TestSync:
    def test_creates_and_changes_the_copy_of_a_user(self) -> None:
        customer = journey.sign_up()
        run_jobs()
        copy = account(customer.user_id)
        assert (copy["email"], copy["displayName"], copy["emailVerified"]) == (customer.email, "Ada Lovelace", True)
        assert "passwordHash" not in copy
        customer.api.patch("/api/v1/auth/me", {"full_name": "Ada King"})
        run_jobs()
        assert account(customer.user_id)["displayName"] == "Ada King"

    def test_leaves_somebody_else_with_the_address_alone(self) -> None:
        person = Person()
        journey.sign_up(email=person.email)
        run_jobs()
        assert account(person.uid)["email"] == person.email
        assert "displayName" not in account(person.uid)
