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
from config.kernel.walls import CURRENT, definer_function, tenant_reference, tenant_wall
from tests.plugins import servers

pytestmark = pytest.mark.usefixtures("db")

TABLE = "create table planted (id uuid primary key, organization_id uuid not null)"
INDEX = "create index on planted (organization_id)"
FORCED = ("alter table planted enable row level security", "alter table planted force row level security")
OWN = f"organization_id = {CURRENT}"
WALL = f"create policy w on planted as restrictive for all using ({OWN}) with check ({OWN})"
WALLED = (TABLE, INDEX, *FORCED, WALL)
DEFINER = "create function planted_function(asked uuid) returns int language sql as 'select 1' security definer"
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
            owner.execute("revoke select on sequence procrastinate_jobs_id_seq from coditect_app, public")
            owner.execute("revoke update, delete on users_auditentry from coditect_app, coditect_worker")
            owner.execute("revoke update (data) on users_auditentry from coditect_worker")
            owner.execute("alter table users_user enable row level security")
            owner.execute("alter policy no_new_is_platform_admin on users_user with check (not is_platform_admin)")
            owner.execute("revoke update (is_platform_admin) on users_user from coditect_app, coditect_worker")


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
        with planted(DEFINER):
            assert faults() == [
                "planted_function: a definer function that everybody may call",
                "planted_function: a definer function without a pinned search_path",
            ]
        with planted(f"{DEFINER} set search_path = public", "revoke all on function planted_function from public"):
            assert faults() == []
        narrow = definer_function(signature="planted_function(asked uuid)", returns="int", body="SELECT 1")
        with planted(*narrow.sql):
            assert faults() == []

    def test_names_a_definer_function_that_a_superuser_made(self) -> None:
        with psycopg.connect(servers.current().postgres.url("superuser"), autocommit=True) as admin:
            try:
                admin.execute(f"{DEFINER} set search_path = public")
                admin.execute("revoke all on function planted_function from public")
                assert faults() == ["planted_function: a definer function that runs as a superuser"]
            finally:
                admin.execute("drop function planted_function")

    def test_names_a_role_that_became_too_strong(self) -> None:
        with psycopg.connect(servers.current().postgres.url("superuser"), autocommit=True) as admin:
            try:
                admin.execute("alter role coditect_worker bypassrls")
                assert faults() == ["coditect_worker: is a superuser or bypasses row-level security"]
            finally:
                admin.execute("alter role coditect_worker nobypassrls")

    def test_names_views_that_look_over_the_wall(self) -> None:
        with planted("create view planted_view as select * from licenses_license"):
            assert faults() == ["planted_view: a view without security_invoker, or a materialized view"]
        with planted("create materialized view planted_copy as select * from licenses_license"):
            assert faults() == ["planted_copy: a view without security_invoker, or a materialized view"]
        with planted("create view planted_view with (security_invoker=true) as select * from licenses_license"):
            assert faults() == []

    def test_names_an_organization_that_may_be_null(self) -> None:
        with planted(*WALLED, "alter table planted alter organization_id drop not null"):
            assert faults() == ["planted: organization_id may be null"]

    @pytest.mark.parametrize(
        ("columns", "told"),
        [
            ("name", "name"),
            ("name, organization_id", "name, organization_id"),
            ("lower(name)", "lower(name)"),
            ("name) where (name <> ''", "name"),
            ("organization_id, name", None),
            ("organization_id) where (name <> ''", None),
        ],
    )
    def test_names_a_unique_that_tells_of_other_organizations(self, columns: str, told: str | None) -> None:
        fault = f"unique planted({told}): does not begin with organization_id, nor is it in the list of global ones"
        with planted(*WALLED, "alter table planted add name text", f"create unique index on planted ({columns})"):
            assert faults() == ([fault] if told else [])

    @pytest.mark.parametrize(
        ("constraint", "is_fault"),
        [
            ("foreign key (license_id) references licenses_license (id)", True),
            ("foreign key (organization_id, license_id) references licenses_license (organization_id, id)", False),
            ("foreign key (license_id, organization_id) references licenses_license (organization_id, id)", True),
            ("foreign key (organization_id, license_id) references licenses_license (organization_id, id) not valid",
             True),
            ("foreign key (organization_id) references organizations_organization (id)", False),
            ("foreign key (license_id) references organizations_organization (id)", True),
            ("foreign key (license_id) references subscriptions_plan (id)", False),
        ],
    )  # fmt: skip
    def test_names_a_foreign_key_that_could_name_anothers_row(self, constraint: str, is_fault: bool) -> None:
        added = f"alter table planted add license_id uuid, add constraint parent {constraint}"
        with planted(*WALLED, added):
            assert faults() == (["planted: parent may name a row of another organization"] if is_fault else [])

    def test_accepts_a_plain_foreign_key_beside_one_with_the_organization(self) -> None:
        reference = tenant_reference("planted", "license_id", to="licenses_license")
        plain = "alter table planted add license_id uuid references licenses_license (id)"
        assert isinstance(reference, RunSQL)
        with planted(*WALLED, plain, *reference.sql):
            assert faults() == []
        with planted(*WALLED, plain, str(reference.sql[0])):
            assert faults() == [
                "planted: planted_license_id_fkey may name a row of another organization",
                "planted: planted_license_id_of_tenant may name a row of another organization",
            ]

    @pytest.mark.parametrize("kind", ["serial", "bigint generated always as identity"])
    def test_names_numbers_that_count_over_all_organizations(self, kind: str) -> None:
        with planted(*WALLED, f"alter table planted add number {kind}"):
            assert faults() == ["planted: numbers from a sequence tell an organization how many rows the others make"]

    def test_names_whoever_may_read_how_far_a_sequence_is(self) -> None:
        with planted("grant select on sequence procrastinate_jobs_id_seq to coditect_app"):
            assert faults() == ["procrastinate_jobs_id_seq: coditect_app may SELECT"]

    @pytest.mark.parametrize(
        ("granted", "told"),
        [
            ("update on users_auditentry to coditect_app",
             ["users_auditentry: coditect_app may UPDATE", "users_auditentry: coditect_worker may UPDATE"]),
            ("delete on users_auditentry to coditect_worker", ["users_auditentry: coditect_worker may DELETE"]),
            ("update (data) on users_auditentry to coditect_worker", ["users_auditentry: coditect_worker may UPDATE"]),
            ("update (is_platform_admin) on users_user to coditect_worker",
             ["users_user.is_platform_admin: coditect_worker may UPDATE"]),
        ],
    )  # fmt: skip
    def test_names_a_right_over_history_or_over_everybody(self, granted: str, told: list[str]) -> None:
        with planted(f"grant {granted}"):
            assert faults() == told

    def test_names_that_platform_admins_could_be_made(self) -> None:
        told = [f"users_user.is_platform_admin: coditect_{role} may INSERT it as true" for role in ("app", "worker")]
        with planted("alter table users_user disable row level security"):
            assert faults() == told
        with planted("alter policy no_new_is_platform_admin on users_user with check (is_platform_admin)"):
            assert faults() == told
        assert faults() == []

    def test_names_a_table_of_a_serving_role(self) -> None:
        with psycopg.connect(servers.current().postgres.url("superuser"), autocommit=True) as admin, planted(*WALLED):
            admin.execute("alter table planted owner to coditect_app")
            try:
                assert faults() == ["planted: belongs to coditect_app"]
            finally:
                admin.execute("alter table planted owner to coditect_migrator")

    def test_names_a_log_that_can_be_changed(self) -> None:
        unkept = "users_auditseal: its append-only triggers are missing or can be switched off"
        with psycopg.connect(servers.current().postgres.url("migrator"), autocommit=True) as owner:
            try:
                for state in ("disable", "enable", "enable replica"):
                    owner.execute(f"alter table users_auditseal {state} trigger append_only_rows")
                    assert faults() == [unkept]
            finally:
                owner.execute("alter table users_auditseal enable always trigger append_only_rows")

    def test_is_a_system_check_that_stops_a_deployment(self) -> None:
        call_command("check", databases=["default"])
        with planted(TABLE), pytest.raises(SystemCheckError, match="planted: row-level security"):
            call_command("check", databases=["default"])
