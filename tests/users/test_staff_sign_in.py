"""Staff signing in at Django's own admin: the password, the second factor of whoever has one, and no guessing."""

import time
from types import SimpleNamespace

import django_ratelimit.core
import pytest
from django.test import Client, override_settings
from rest_framework.test import APIClient

from tests import journey
from tests.api.beneath import as_owner
from tests.authenticator_app import Secured, enable
from tests.journey import PASSWORD, Customer

pytestmark = pytest.mark.usefixtures("db")
LOGIN = "/django-admin/login/"
IN = 302


@pytest.fixture
def staff(db: None) -> Customer:
    """Return a platform admin."""
    customer = journey.sign_up(email="staff@example.com")
    as_owner("update users_user set is_platform_admin = true where id = %s", customer.user_id)
    return customer


@pytest.fixture
def secured(staff: Customer) -> Secured:
    """Return one with two-factor sign-in."""
    return enable(staff)


def sign_in(email: str = "staff@example.com", password: str = PASSWORD, code: str = "") -> int:
    """Return how the form is answered: 302 lets in, 200 shows it again."""
    body = {"username": email, "password": password, "code": code}
    return Client().post(f"{LOGIN}?next=/django-admin/", body).status_code


class TestStaffSignIn:
    def test_without_a_second_factor_takes_the_password(self, staff: Customer) -> None:
        assert sign_in() == IN
        assert sign_in(password="Wrong-Horse-1") == 200

    def test_is_no_customers(self) -> None:
        assert sign_in(journey.sign_up().email) == 200

    def test_asks_for_the_code_of_whoever_has_an_app(self, secured: Secured) -> None:
        assert sign_in() == 200
        assert sign_in(code=secured.app.wrong_code()) == 200
        assert sign_in(code=secured.app.code()) == IN
        assert sign_in(code=secured.app.code()) == 200, "each code once"

    def test_takes_a_recovery_code_once(self, secured: Secured) -> None:
        assert [sign_in(code=secured.recovery_codes[0]) for _ in range(2)] == [IN, 200]

    def test_counts_wrong_codes_like_any_sign_in(self, secured: Secured) -> None:
        assert [sign_in(code=secured.app.wrong_code()) for _ in range(5)] == [200] * 5
        assert sign_in(code=secured.app.code()) == 200, "now it has to wait"

    def test_is_limited_by_account(self, staff: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
        now = time.time()
        monkeypatch.setattr(django_ratelimit.core, "time", SimpleNamespace(time=lambda: now))
        with override_settings(RATELIMIT_ENABLE=True):
            assert [sign_in(password="Wrong-Horse-1") for _ in range(5)] == [200] * 5
            assert sign_in(email=" STAFF@example.com") == 200, "the sixth is not looked at, though it is right"
        assert sign_in() == IN

    def test_is_counted_together_with_the_apis(self, staff: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
        now = time.time()
        monkeypatch.setattr(django_ratelimit.core, "time", SimpleNamespace(time=lambda: now))
        wrong = {"email": staff.email, "password": "Wrong-Horse-1"}
        with override_settings(RATELIMIT_ENABLE=True):
            elsewhere = APIClient(REMOTE_ADDR="192.0.2.1")
            assert [elsewhere.post("/api/v1/auth/login", wrong).status_code for _ in range(5)] == [401] * 5
            assert sign_in() == 200

    def test_leaves_a_trace(self, secured: Secured) -> None:
        sign_in(code=secured.app.code())
        trace = "select actor_id::text, data from users_auditentry where action = 'STAFF_SIGNED_IN'"
        assert as_owner(trace) == [(secured.customer.user_id, {"amr": "pwd otp"})]

    def test_waits_for_the_address_to_be_verified(self, staff: Customer) -> None:
        as_owner("update users_user set email_verified_at = null")
        assert sign_in() == 200

    def test_shows_a_field_for_the_code(self) -> None:
        assert b'name="code"' in Client().get(LOGIN).content


class TestStaffSession:
    @pytest.fixture
    def browser(self, staff: Customer) -> Client:
        """Return the browser of a platform admin who is signed in by password alone."""
        browser = Client()
        browser.post(f"{LOGIN}?next=/django-admin/", {"username": staff.email, "password": PASSWORD})
        assert browser.get("/django-admin/").status_code == 200
        return browser

    def test_ends_with_every_other_when_a_second_factor_is_switched_on(self, browser: Client, staff: Customer) -> None:
        enable(staff)
        assert browser.get("/django-admin/").status_code == 302

    def test_does_not_change_the_password(self, browser: Client) -> None:
        sent = {"old_password": PASSWORD, "new_password1": "Another-Horse-2", "new_password2": "Another-Horse-2"}
        assert browser.post("/django-admin/password_change/", sent).status_code == 404
        assert sign_in() == IN
