"""Migrations run while the old code serves: none may lock or break it."""

import io

import pytest
from django.core.management import call_command

from tests.jobs import as_role

APPS = ["kernel", "users", "organizations", "subscriptions", "licenses", "emails"]


@pytest.mark.usefixtures("db")
class TestMigrations:
    def test_do_not_break_running_code(self) -> None:
        told = io.StringIO()
        with as_role("migrator"):
            call_command("lintmigrations", include_apps=APPS, warnings_as_errors=[], stdout=told)
