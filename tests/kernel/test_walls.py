"""The walls between organizations, read from the catalogue: none is missing, and a missing one is named."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.operations.special import RunSQL

from config.kernel import catalogue
from config.kernel.walls import CURRENT, definer_function, tenant_wall
from tests.plugins import servers

pytestmark = pytest.mark.usefixtures("db")

TABLE = "create table planted (id uuid primary key, organization_id uuid)"
INDEX = "create index on planted (organization_id)"
FORCED = ("alter table planted enable row level security", "alter table planted force row level security")
OWN = f"organization_id = {CURRENT}"
WALL = f"create policy w on planted as restrictive for all using ({OWN}) with check ({OWN})"
NO_WALL = "planted: no restrictive policy on organization_id for all commands and roles"
UNFORCED = "planted: row-level security is not enabled and forced"


def faults() -> list[str]:
    """Return the faults that the serving role finds."""
    with connection.cursor() as cursor:
        return catalogue.wall_faults(cursor)


@contextmanager
def planted(*statements: str) -> Iterator[None]:
    """Do this as the owner of the database, as a careless migration would, and take it back afterwards."""
    with psycopg.connect(servers.current().postgres.url("migrator"), autocommit=True) as owner:
        try:
            for statement in statements:
                owner.execute(statement)
            yield
        finally:
            owner.execute("drop table if exists planted cascade")
            owner.execute("drop function if exists planted_function(uuid)")
            owner.execute("drop view if exists planted_view")
            owner.execute("drop materialized view if exists planted_copy")
            owner.execute("revoke truncate, trigger on licenses_license from coditect_worker, public")


class TestCatalogue:
    def test_finds_no_hole(self) -> None:
        assert faults() == []

    def test_accepts_a_table_behind_the_wall_that_migrations_build(self) -> None:
        wall = tenant_wall("planted")
        assert isinstance(wall, RunSQL)
        with planted(TABLE, INDEX, *wall.sql):
            assert faults() == []

    @pytest.mark.parametrize(
        ("statements", "expected"),
        [
            ((TABLE, INDEX), [NO_WALL, UNFORCED]),
            ((TABLE, INDEX, *FORCED), [NO_WALL]),
            ((TABLE, INDEX, FORCED[0], WALL), [UNFORCED]),
            ((TABLE, *FORCED, WALL), ["planted: no index led by organization_id"]),
            (("create table planted (id uuid)",), ["planted: neither tenant-owned nor in the list of global tables"]),
            ((f"{TABLE.replace(' primary key', '')} partition by hash (id)", INDEX), [NO_WALL, UNFORCED]),
        ],
    )  # fmt: skip
    def test_names_a_table_without(self, statements: tuple[str, ...], expected: list[str]) -> None:
        with planted(*statements):
            assert faults() == expected

    @pytest.mark.parametrize(
        "policy",
        [
            f"for all using ({OWN}) with check ({OWN})",
            f"as restrictive for select using ({OWN})",
            f"as restrictive for all to coditect_worker using ({OWN}) with check ({OWN})",
            f"as restrictive for all using ({OWN})",
            f"as restrictive for all using ({OWN}) with check (true)",
            f"as restrictive for all using ({OWN} or id is null) with check ({OWN})",
            f"as restrictive for all using ({OWN}) with check ({OWN} or id is not null)",
            "as restrictive for all using (organization_id = organization_id) with check (true)",
            f"as restrictive for all using (id = {CURRENT}) with check (id = {CURRENT})",
            f"as restrictive for all using (not {OWN}) with check (not {OWN})",
            "as restrictive for all using (organization_id = current_setting('app.other')::uuid) with check (true)",
        ],
    )
    def test_is_not_taken_in_by_a_policy_that_only_looks_like_a_wall(self, policy: str) -> None:
        with planted(TABLE, INDEX, *FORCED, f"create policy w on planted {policy}"):
            assert faults() == [NO_WALL]

    @pytest.mark.parametrize("privilege", ["truncate", "trigger"])
    @pytest.mark.parametrize("role", ["coditect_worker", "public"])
    def test_names_a_right_that_goes_past_the_policies_whoever_has_it(self, privilege: str, role: str) -> None:
        with planted(f"grant {privilege} on licenses_license to {role}"):
            grantee = role.upper() if role == "public" else role
            assert faults() == [f"licenses_license: {grantee} may {privilege.upper()}"]

    def test_names_a_definer_function_without_a_pinned_search_path(self) -> None:
        function = (
            "create function planted_function(asked uuid) returns int language sql security definer as 'select 1'"
        )
        with planted(function):
            assert faults() == ["planted_function: a definer function without a pinned search_path"]
        narrow = definer_function(signature="planted_function(asked uuid)", returns="int", body="SELECT 1")
        with planted(*narrow.sql):
            assert faults() == []

    def test_names_views_that_look_over_the_wall(self) -> None:
        with planted("create view planted_view as select * from licenses_license"):
            assert faults() == ["planted_view: a view without security_invoker, or a materialized view"]
        with planted("create materialized view planted_copy as select * from licenses_license"):
            assert faults() == ["planted_copy: a view without security_invoker, or a materialized view"]
        with planted("create view planted_view with (security_invoker=true) as select * from licenses_license"):
            assert faults() == []

    def test_is_a_system_check_that_stops_a_deployment(self) -> None:
        call_command("check", databases=["default"])
        with planted(TABLE), pytest.raises(SystemCheckError, match="planted: row-level security"):
            call_command("check", databases=["default"])
