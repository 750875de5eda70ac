"""Accounts in Django's own admin: what staff change goes through the system door, which alone may."""

import pytest
from django.test import Client

from tests.api.beneath import as_owner
from tests.jobs import as_role
from tests.journey import PASSWORD, sign_up
from users.models import User
from users.services import accounts

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def staff(db: None) -> Client:
    """Return the browser of a platform admin."""
    with as_role("migrator"):
        admin = accounts.create_user(
            email="staff@example.com", password=PASSWORD, full_name="Grace Hopper", is_platform_admin=True
        )
    browser = Client()
    browser.force_login(admin)
    return browser


class TestUserAdmin:
    def test_suspends_an_account_and_changes_nothing_else_of_it(self, staff: Client) -> None:
        customer = sign_up()
        address = f"/django-admin/users/user/{customer.user_id}/change/"
        sent = {"status": "suspended", "is_platform_admin": "on", "email": "other@example.com"}
        assert staff.post(address, sent).status_code == 302
        assert as_owner("select status, is_platform_admin, email from users_user where id = %s", customer.user_id) == [
            ("suspended", False, customer.email)
        ]
        assert User.objects.filter(email="other@example.com").count() == 0
        trace = "select object_id::text, data from users_auditentry where action = 'USER_STATUS_CHANGED'"
        assert as_owner(trace) == [(customer.user_id, {"status": "suspended"})]

    def test_is_closed_to_customers(self) -> None:
        customer = sign_up()
        browser = Client()
        browser.force_login(User.objects.get(id=customer.user_id))
        address = f"/django-admin/users/user/{customer.user_id}/change/"
        assert browser.post(address, {"status": "suspended"}).status_code == 302
        assert as_owner("select status from users_user where id = %s", customer.user_id) == [("active",)]
