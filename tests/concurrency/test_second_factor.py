"""One code, many hands: a second factor lets one of any number of callers in, and counts every one of them."""

from collections import Counter
from functools import partial
from uuid import UUID

import pytest
from django.db import transaction

from tests import authenticator_app, journey
from tests.api.beneath import as_owner
from tests.authenticator_app import Secured, enable, finish, password_step
from tests.concurrency.together import at_once
from users.errors import MfaCodeInvalid
from users.services import second_factor

pytestmark = pytest.mark.usefixtures("db")
MANY = 50


@pytest.fixture
def secured(db: None) -> Secured:
    """Return a customer with two-factor sign-in."""
    return enable(journey.sign_up())


def sessions_begun() -> int:
    """Return how many sessions were begun with a second factor."""
    return int(as_owner("select count(*) from users_session where amr in ('pwd otp', 'pwd recovery')")[0][0])


class TestOneCode:
    def test_at_many_sign_ins_lets_one_in(self, secured: Secured) -> None:
        before, tokens = sessions_begun(), [password_step(secured.customer.email) for _ in range(MANY)]
        code = secured.app.code()
        answers = Counter(one.status_code for one in at_once([partial(finish, token, code=code) for token in tokens]))
        assert (answers[200], sessions_begun() - before) == (1, 1), answers

    def test_is_used_up_by_one_even_if_all_were_let_look(self, secured: Secured) -> None:
        code, user_id = secured.app.code(), UUID(secured.customer.user_id)

        def use() -> bool:
            try:
                with transaction.atomic():
                    second_factor.prove(user_id=user_id, code=code, recovery_code=None)
            except MfaCodeInvalid:
                return False
            return True

        assert at_once([use] * MANY).count(True) == 1

    def test_at_one_sign_in_lets_one_in(self, secured: Secured) -> None:
        before, token, code = sessions_begun(), password_step(secured.customer.email), secured.app.code()
        answers = Counter(one.status_code for one in at_once([partial(finish, token, code=code)] * MANY))
        assert (answers[200], sessions_begun() - before) == (1, 1), answers

    def test_at_step_up_of_many_sessions_raises_one(self, secured: Secured) -> None:
        clients = []
        for _ in range(4):
            authenticator_app.pass_half_a_minute()
            done = finish(password_step(secured.customer.email), code=secured.app.code())
            clients.append(authenticator_app.signed_in(done.json()["access"]))
        authenticator_app.pass_half_a_minute()
        body = {"code": secured.app.code()}
        answers = at_once([partial(api.post, "/api/v1/auth/step-up", body) for api in clients])
        assert sorted(one.status_code for one in answers) == [204, 400, 400, 400]


class TestOneRecoveryCode:
    def test_at_many_sign_ins_lets_one_in(self, secured: Secured) -> None:
        before, tokens = sessions_begun(), [password_step(secured.customer.email) for _ in range(MANY)]
        code = secured.recovery_codes[0]
        answers = Counter(
            one.status_code for one in at_once([partial(finish, token, recovery_code=code) for token in tokens])
        )
        assert answers == {200: 1, 400: MANY - 1}
        assert sessions_begun() - before == 1


class TestManyGuesses:
    def test_are_all_counted(self, secured: Secured) -> None:
        tokens, wrong = [password_step(secured.customer.email) for _ in range(MANY)], secured.app.wrong_code()
        answers = Counter(one.status_code for one in at_once([partial(finish, token, code=wrong) for token in tokens]))
        assert answers == {400: 5, 429: MANY - 5}

    def test_at_one_challenge_are_all_counted(self, secured: Secured) -> None:
        token = password_step(secured.customer.email)
        guesses = [partial(finish, token, recovery_code=f"00000-000{number:02}") for number in range(MANY)]
        assert Counter(one.status_code for one in at_once(guesses)) == {400: 5, 401: MANY - 5}


class TestSettingUp:
    def test_many_times_at_once_gives_one_set_of_recovery_codes(self) -> None:
        customer = journey.sign_up()
        app = authenticator_app.App(customer.api.post("/api/v1/auth/mfa/totp").json()["secret"])
        confirm = partial(customer.api.post, "/api/v1/auth/mfa/totp/confirm", {"code": app.code()})
        answers = Counter(one.status_code for one in at_once([confirm] * 10))
        assert answers == {200: 1, 409: 9}
        assert as_owner("select count(*) from users_recoverycode") == [(10,)]
