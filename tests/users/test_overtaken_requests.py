"""A request that was let in just before its sign-in ended, as by a new password: what it still does undoes nothing."""

from collections.abc import Callable

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import override_settings
from rest_framework.test import APIClient

from config.settings import base
from organizations.services import email_change, second_factor
from tests import journey
from tests.api.beneath import as_owner
from tests.authenticator_app import App, enable
from tests.invitations import link_token
from tests.journey import Customer
from users.errors import NotAuthenticated
from users.models import User
from users.services import passwords, sessions
from users.services import second_factor as factors
from users.services.sessions import SignedIn

pytestmark = pytest.mark.usefixtures("db")
NEW = "Another-Horse-2"


def let_in(customer: Customer) -> SignedIn:
    """Return the sign-in of a request that has been let in and has done nothing yet."""
    refreshed = APIClient().post("/api/v1/auth/token/refresh", {"refresh": customer.refresh}).json()
    return sessions.authenticate(access_token=refreshed["access"])


def reset_password(customer: Customer) -> None:
    """Let the owner set a new password by mail, which ends every session."""
    APIClient().post("/api/v1/auth/forgot-password", {"email": customer.email})
    body = {"token": link_token(customer.email, "password_reset"), "password": NEW}
    assert APIClient().post("/api/v1/auth/reset-password", body).status_code == 204


def signs_in(customer: Customer, password: str) -> bool:
    """Return whether the password is the account's."""
    answer = APIClient().post("/api/v1/auth/login", {"email": customer.email, "password": password})
    return answer.status_code == 200


class TestPassword:
    def test_is_not_changed_by_whoever_knew_the_old_one(self) -> None:
        customer = journey.sign_up()
        thief = let_in(customer)
        reset_password(customer)
        with pytest.raises(NotAuthenticated):
            passwords.change(signed_in=thief, current_password=journey.PASSWORD, new_password="Thiefs-Horse-3")
        assert signs_in(customer, NEW)

    @override_settings(PASSWORD_HASHERS=base.PASSWORD_HASHERS)
    def test_is_not_put_back_by_the_upgrade_of_an_old_hash(self) -> None:
        customer = journey.sign_up()
        legacy = PBKDF2PasswordHasher().encode(journey.PASSWORD, "salt", iterations=1)
        as_owner("update users_user set password = %s where id = %s", legacy, customer.user_id)
        signing_in = User.objects.get(id=customer.user_id)
        reset_password(customer)
        assert signing_in.check_password(journey.PASSWORD)
        assert (signs_in(customer, NEW), signs_in(customer, journey.PASSWORD)) == (True, False)


class TestAddress:
    def test_is_not_asked_to_change(self) -> None:
        customer = journey.sign_up()
        thief = let_in(customer)
        reset_password(customer)
        with pytest.raises(NotAuthenticated):
            email_change.ask(user=thief.user, email="thief@example.com")
        waiting = "select count(*) from users_onetimetoken where purpose = 'change_email' and expires_at > now()"
        assert as_owner(waiting) == [(0,)]


class TestSecondFactor:
    def test_is_neither_begun_nor_switched_on(self) -> None:
        customer = journey.sign_up()
        thief = let_in(customer)
        assert thief.session_id is not None
        code = App(factors.begin(user=thief.user).secret).code()
        reset_password(customer)
        with pytest.raises(NotAuthenticated):
            factors.begin(user=thief.user)
        with pytest.raises(NotAuthenticated):
            second_factor.confirm(user=thief.user, session_id=thief.session_id, code=code)
        assert signs_in(customer, NEW)

    @pytest.mark.parametrize(
        "deed",
        [
            lambda one: second_factor.disable(user=one.user, session_id=one.session_id),
            lambda one: factors.renew_recovery_codes(user=one.user),
        ],
    )
    def test_is_neither_switched_off_nor_given_other_codes(self, deed: Callable[[SignedIn], object]) -> None:
        customer = enable(journey.sign_up()).customer
        thief = let_in(customer)
        kept = as_owner("select code_hash from users_recoverycode order by id")
        reset_password(customer)
        with pytest.raises(NotAuthenticated):
            deed(thief)
        assert as_owner("select code_hash from users_recoverycode order by id") == kept != []
