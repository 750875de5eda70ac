"""One address, many confirmations: the unique constraint gives it to one, and the others are told."""

from collections import Counter
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests import journey
from tests.api.beneath import as_owner
from tests.concurrency.together import at_once
from tests.invitations import link_token

pytestmark = pytest.mark.usefixtures("db")
NEW = "countess@example.com"


def mailed_token() -> str:
    """Let a new customer ask for the address; return what it was mailed."""
    customer = journey.sign_up()
    assert customer.api.post("/api/v1/auth/change-email", {"email": NEW}).status_code == 202
    return link_token(NEW, "email_change")


def confirm(token: str) -> Any:
    """Press the button on the mailed page."""
    return APIClient().post("/api/v1/auth/change-email/confirm", {"token": token})


def outcomes(tokens: list[str]) -> Counter[tuple[int, str]]:
    """Confirm all at once, and count how it came out."""
    answers = at_once([partial(confirm, token) for token in tokens])
    return Counter(
        (one.status_code, one.json()["errors"][0]["code"] if one.status_code >= 400 else "") for one in answers
    )


class TestOneAddress:
    def test_wanted_by_two_users_becomes_that_of_one(self) -> None:
        assert outcomes([mailed_token(), mailed_token()]) == {(204, ""): 1, (400, "email_taken"): 1}
        assert as_owner("select count(*) from users_user where email = %s", NEW) == [(1,)]

    def test_confirmed_many_times_at_once_is_changed_once(self) -> None:
        assert outcomes([mailed_token()] * 50) == {(204, ""): 1, (400, "token_invalid"): 49}
        assert as_owner("select count(*) from users_auditentry where action = 'EMAIL_CHANGED'") == [(1,)]


class TestNewPassword:
    def test_and_new_address_at_once_do_not_wait_for_each_other(self) -> None:
        customer = journey.sign_up()
        customer.api.post("/api/v1/auth/change-email", {"email": NEW})
        token = link_token(NEW, "email_change")
        body = {"current_password": journey.PASSWORD, "new_password": "Another-Horse-2"}
        change = partial(customer.api.post, "/api/v1/auth/change-password", body)
        changed, confirmed = at_once([change, partial(confirm, token)])
        assert changed.status_code == 204 or confirmed.status_code == 204
        assert changed.status_code in {204, 401}
        assert confirmed.status_code in {204, 400}
