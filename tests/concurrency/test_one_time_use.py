"""What may be used once, used by fifty callers at once over two web processes: one wins, and the state is one's."""

from collections import Counter
from functools import partial
from typing import Any

import httpx
import pytest
from rest_framework.test import APIClient

from tests import journey
from tests.api.beneath import as_owner
from tests.concurrency.together import at_once
from tests.concurrency.web import Web
from tests.invitations import invite, link_token

pytestmark = pytest.mark.usefixtures("db")
CALLERS = 50


def fifty(webs: tuple[Web, ...], path: str, bodies: list[dict[str, Any]], **headers: str) -> list[httpx.Response]:
    """Post each body to the web processes in turn, all at the same time."""
    posts = [
        partial(webs[number % len(webs)].http.post, f"/api/v1/{path}", json=body, headers=headers)
        for number, body in enumerate(bodies)
    ]
    return at_once(posts)


def login(web: Web, email: str, password: str) -> int:
    """Return how a sign-in is answered, by a process that hashes passwords as the product does."""
    return web.http.post("/api/v1/auth/login", json={"email": email, "password": password}).status_code


class TestRefreshToken:
    def test_is_rotated_by_one_and_the_others_are_told_its_successor(self, web: Web, second_web: Web) -> None:
        first = journey.sign_up().refresh
        answers = fifty((web, second_web), "auth/token/refresh", [{"refresh": first}] * CALLERS)
        assert Counter(answer.status_code for answer in answers) == {200: CALLERS}
        (successor,) = {answer.json()["refresh"] for answer in answers}
        assert as_owner("select generation, revoked_at from users_session") == [(2, None)]
        assert web.http.post("/api/v1/auth/token/refresh", json={"refresh": successor}).status_code == 200


class TestResetLink:
    def test_sets_the_password_of_one_of_them(self, web: Web, second_web: Web) -> None:
        customer = journey.sign_up()
        APIClient().post("/api/v1/auth/forgot-password", {"email": customer.email})
        token = link_token(customer.email, "password_reset")
        passwords = [f"Number-{number:02}-Horse" for number in range(CALLERS)]
        bodies = [{"token": token, "password": password} for password in passwords]
        answers = fifty((web, second_web), "auth/reset-password", bodies)
        assert Counter(answer.status_code for answer in answers) == {204: 1, 400: CALLERS - 1}
        assert {a.json()["errors"][0]["code"] for a in answers if a.status_code == 400} == {"token_invalid"}
        winner = next(password for password, a in zip(passwords, answers, strict=True) if a.status_code == 204)
        tried = {password: login(web, customer.email, password) for password in (winner, passwords[0], passwords[-1])}
        assert {password for password, status in tried.items() if status == 200} == {winner}
        assert as_owner("select count(*) from users_auditentry where action = 'PASSWORD_RESET'") == [(1,)]
        assert APIClient().post("/api/v1/auth/token/refresh", {"refresh": customer.refresh}).status_code == 401


class TestInvitation:
    def test_is_accepted_once_by_one_user(self, web: Web, second_web: Web) -> None:
        owner, guest = journey.sign_up(), journey.sign_up()
        body = {"token": invite(owner, guest.email)}
        signed_in = APIClient().post("/api/v1/auth/login", {"email": guest.email, "password": journey.PASSWORD}).json()
        answers = fifty(
            (web, second_web), "invitations/accept", [body] * CALLERS, Authorization=f"Bearer {signed_in['access']}"
        )
        assert Counter(answer.status_code for answer in answers) == {200: 1, 404: CALLERS - 1}
        assert owner.api.get(f"/api/v1/organizations/{owner.organization_id}/members").json()["count"] == 2
        assert as_owner("select used from organizations_quota where name = 'members' and organization_id = %s",
                        owner.organization_id) == [(2,)]  # fmt: skip

    def test_makes_one_account_of_somebody_new(self, web: Web, second_web: Web) -> None:
        owner = journey.sign_up()
        token = invite(owner, "grace@example.com")
        body = {"token": token, "full_name": "Grace Hopper", "password": journey.PASSWORD}
        answers = fifty((web, second_web), "invitations/accept", [body] * CALLERS)
        assert Counter(answer.status_code for answer in answers) == {200: 1, 404: CALLERS - 1}
        assert as_owner("select count(*) from users_user where email = 'grace@example.com'") == [(1,)]
