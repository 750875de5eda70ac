"""A process that could see over the walls does not serve."""

import os
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from django.db import connections

from config.kernel.checks import UnsafeDatabaseRole, refuse_strong_role
from tests.jobs import as_role
from tests.plugins import servers

pytestmark = pytest.mark.usefixtures("db")


class TestRefuseStrongRole:
    @pytest.mark.parametrize("role", ["app", "worker"])
    def test_lets_the_serving_roles_pass(self, role: str) -> None:
        with as_role(role):
            refuse_strong_role()

    @pytest.mark.parametrize(
        ("role", "reason"),
        [("superuser", "it is a superuser"), ("migrator", "it owns tables"), ("migrator", "it bypasses row-level"),
         ("system", "it bypasses row-level security")],
    )  # fmt: skip
    def test_refuses_a_role_that_could_see_over_the_walls(self, role: str, reason: str) -> None:
        with as_role(role), pytest.raises(UnsafeDatabaseRole, match=reason):
            refuse_strong_role()

    def test_refuses_a_role_that_could_become_a_stronger_one(self) -> None:
        with psycopg.connect(servers.current().postgres.url("superuser"), autocommit=True) as admin:
            admin.execute("grant coditect_system to coditect_worker")
            try:
                with as_role("worker"), pytest.raises(UnsafeDatabaseRole, match="it can become a role that bypasses"):
                    refuse_strong_role()
            finally:
                admin.execute("revoke coditect_system from coditect_worker")

    def test_lets_a_process_start_whose_database_does_not_answer(self) -> None:
        connection = connections["default"]
        connection.close()
        before = connection.settings_dict["PORT"]
        connection.settings_dict["PORT"] = "9"
        try:
            refuse_strong_role()
        finally:
            connection.settings_dict["PORT"] = before


class TestEntryPoints:
    @pytest.mark.parametrize(
        "argv", [["-c", "import config.wsgi"], ["-c", "import config.asgi"], ["manage.py", "worker"]]
    )  # fmt: skip
    def test_refuse_to_serve_as_the_owner_of_the_tables(self, argv: list[str]) -> None:
        environment: dict[str, Any] = {**os.environ, "DATABASE_URL": servers.current().postgres.url("migrator")}
        argv = [sys.executable, *argv]
        ended = subprocess.run(argv, cwd=servers.ROOT, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode != 0
        assert "UnsafeDatabaseRole" in ended.stderr
