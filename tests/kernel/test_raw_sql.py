"""What the serving roles cannot do even with SQL of their own choice: the walls hold without the code's good will."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from config.kernel.ids import new_id
from tests.api.beneath import as_owner
from tests.api.issued import licensed
from tests.journey import Licensed
from tests.plugins import servers

pytestmark = pytest.mark.usefixtures("db")

TENANT_TABLES = {
    "organizations_organization": "id", "organizations_membership": "organization_id",
    "organizations_datakey": "organization_id", "subscriptions_subscription": "organization_id",
    "subscriptions_checkoutsession": "organization_id", "licenses_license": "organization_id",
    "licenses_activation": "organization_id", "licenses_licensesession": "organization_id",
    "licenses_signedfile": "organization_id",
    "emails_emaillog": "organization_id", "users_auditentry": "organization_id",
}  # fmt: skip
DENIED = psycopg.errors.InsufficientPrivilege


def settled() -> Licensed:
    """Return an organization with a row in every tenant table."""
    made = licensed()
    body = {"license_key": made.license_key, "hardware_id": "machine-0001"}
    assert made.customer.api.post("/api/v1/licenses/acquire", body).status_code == 201
    teams = f"/api/v1/organizations/{made.customer.organization_id}/teams"
    team_id = made.customer.api.post(teams, {"name": "Compilers"}).json()["id"]
    added = made.customer.api.post(f"{teams}/{team_id}/members", {"user_id": made.customer.user_id})
    assert added.status_code == 204
    as_owner(
        "insert into subscriptions_checkoutsession "
        "(id, organization_id, plan_id, stripe_session_id, status, created_at) "
        "select %s, organization_id, plan_id, 'cs_' || organization_id, 'open', now() "
        "from subscriptions_subscription where organization_id = %s",
        new_id(),
        made.customer.organization_id,
    )
    return made


@pytest.fixture
def theirs(db: None) -> Licensed:
    """Return the organization that is attacked."""
    return settled()


@pytest.fixture
def mine(db: None) -> Licensed:
    """Return the organization that attacks."""
    return settled()


@contextmanager
def serving_roles() -> Iterator[list[psycopg.Connection[Any]]]:
    """Return a connection as each role that serves."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(psycopg.connect(servers.current().postgres.url(role), autocommit=True))
            for role in ("app", "worker")
        ]


def enter(connection: psycopg.Connection[Any], organization_id: str) -> None:
    """Set the organization, for the session even: more than our code ever does."""
    connection.execute("select set_config('app.organization_id', %s, false)", [organization_id])


def rows_of(theirs: Licensed) -> list[Any]:
    """Return every row of the other organization."""
    return [as_owner(f"select * from {table} where {column} = %s order by id", theirs.customer.organization_id)  # noqa: S608
            for table, column in TENANT_TABLES.items()]  # fmt: skip


class TestWithoutContext:
    def test_there_are_no_rows(self, theirs: Licensed) -> None:
        assert all(rows_of(theirs)), "every table has rows to protect"
        with serving_roles() as roles:
            for role in roles:
                for setting in (None, ""):
                    if setting is not None:
                        enter(role, setting)
                    for table in TENANT_TABLES:
                        assert role.execute(f"select count(*) from {table}").fetchone() == (0,), table  # noqa: S608
                enter(role, "no id")
                with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                    role.execute("select count(*) from licenses_license")


class TestInAnothersContext:
    def test_no_row_is_read_changed_deleted_given_away_or_planted(self, theirs: Licensed, mine: Licensed) -> None:
        before = rows_of(theirs)
        with serving_roles() as roles:
            for role in roles:
                enter(role, mine.customer.organization_id)
                for table, column in TENANT_TABLES.items():
                    self.read_and_change(role, table, column, theirs.customer.organization_id)
                    self.give_and_plant(role, table, column, theirs.customer.organization_id)
        assert rows_of(theirs) == before

    def read_and_change(self, role: psycopg.Connection[Any], table: str, column: str, theirs: str) -> None:
        """Fail if a row can be seen, changed or deleted."""
        for statement in (
            f"select count(*) from {table} where {column} = %s",  # noqa: S608
            f"select count(*) from {table} where {column}::text like %s",  # noqa: S608
            f"select count(*) from (select * from {table}) t where {column} = %s",  # noqa: S608
        ):
            assert role.execute(statement, [theirs]).fetchone() == (0,), statement
        for statement in (
            f"update {table} set {column} = {column} where {column} = %s",  # noqa: S608
            f"delete from {table} where {column} = %s",  # noqa: S608
        ):
            try:
                assert role.execute(statement, [theirs]).rowcount == 0, statement
            except DENIED:
                continue

    def give_and_plant(self, role: psycopg.Connection[Any], table: str, column: str, theirs: str) -> None:
        """Fail if an own row can be made theirs, or a new one be theirs."""
        with pytest.raises(DENIED):
            role.execute(f"update {table} set {column} = %s", [theirs])  # noqa: S608
        columns = ", ".join(row[0] for row in as_owner(
            "select column_name from information_schema.columns where table_name = %s and column_name <> %s",
            table, column))  # fmt: skip
        with pytest.raises(DENIED):
            role.execute(
                f"insert into {table} ({column}, {columns}) select %s, {columns} from {table} limit 1",  # noqa: S608
                [theirs],
            )


NEW_USER = ("insert into users_user (id, email, full_name, password, status, is_platform_admin, token_version, "
            "created_at) values (gen_random_uuid(), 'mine@example.com', '', '', 'active',")  # fmt: skip
FORBIDDEN = (
    "set role coditect_migrator", "set role coditect_system", "set role postgres",
    "set session authorization coditect_migrator", "create table mine (id int)", "create temporary table mine (id int)",
    "create schema mine", "create role mine", "create function mine() returns int language sql as 'select 1'",
    "alter table licenses_license disable row level security", "alter role coditect_app bypassrls",
    "alter table licenses_license owner to coditect_app", "drop policy tenant_wall on licenses_license",
    "create policy mine on licenses_license using (true)", "truncate licenses_license", "truncate users_auditentry",
    "create trigger mine before update on users_user execute function suppress_redundant_updates_trigger()",
    "copy licenses_license to program 'cat'", "select pg_read_file('/etc/passwd')", "select * from pg_authid",
    "update users_auditentry set action = 'NOTHING'", "delete from users_auditentry", "delete from users_user",
    "delete from users_session", "delete from users_onetimetoken", "delete from licenses_license",
    "delete from licenses_licensesession", "delete from organizations_organization", "delete from emails_emaillog",
    "update organizations_datakey set wrapped_key = ''", "delete from organizations_datakey",
    "update subscriptions_plan set price_cents = 0", "insert into subscriptions_plan default values",
    "delete from subscriptions_webhookevent", "update django_migrations set name = ''",
    "update users_session set user_id = user_id", "update users_onetimetoken set user_id = user_id",
    "update users_onetimetoken set purpose = 'reset_password'",
    "update users_user set is_platform_admin = true", "update users_user set status = 'active'",
    "update users_user set id = id", "update users_user set (full_name, is_platform_admin) = ('', true)",
    f"{NEW_USER} true, 0, now())",
    f"{NEW_USER} false, 0, now()) on conflict (email) do update set is_platform_admin = true",
)  # fmt: skip
FORBIDDEN_TO_THE_WEB = (
    "select payload from subscriptions_webhookevent", "select * from subscriptions_webhookevent",
    "select event_type, status from subscriptions_webhookevent", "update subscriptions_webhookevent set status = ''",
    "select args from procrastinate_jobs", "select * from procrastinate_jobs", "delete from procrastinate_jobs",
    "update procrastinate_jobs set status = 'failed'", "select * from procrastinate_workers",
    "insert into procrastinate_workers default values", "select * from procrastinate_events",
)  # fmt: skip


def denied(role: str, statements: tuple[str, ...]) -> None:
    """Fail unless the role has no right to any of these."""
    with psycopg.connect(servers.current().postgres.url(role), autocommit=True) as connection:
        for statement in statements:
            try:
                connection.execute(statement)
            except DENIED:
                continue
            pytest.fail(f"{role} may: {statement}")


REFERENCES = {
    "licenses_license": ("subscription_id", "subscriptions_subscription"),
    "licenses_activation": ("license_id", "licenses_license"),
    "licenses_licensesession": ("license_id", "licenses_license"),
    "licenses_signedfile": ("license_id", "licenses_license"),
    "subscriptions_checkoutsession": ("subscription_id", "subscriptions_subscription"),
    "organizations_teammembership": ("team_id", "organizations_team"),
}


class TestReferences:
    @pytest.mark.parametrize("table", REFERENCES)
    def test_to_anothers_row_are_refused_as_those_to_none(self, table: str, theirs: Licensed, mine: Licensed) -> None:
        column, parent = REFERENCES[table]
        if table == "licenses_license":  # else that there is one licence a subscription would be the refusal
            as_owner("truncate licenses_activation, licenses_licensesession, licenses_signedfile")
            as_owner("delete from licenses_license where organization_id = %s", theirs.customer.organization_id)
        ((foreign,),) = as_owner(
            f"select id from {parent} where organization_id = %s",  # noqa: S608
            theirs.customer.organization_id,
        )
        with serving_roles() as roles:
            for role in roles:
                enter(role, mine.customer.organization_id)
                told = [self.refusal(role, table, column, value) for value in (foreign, new_id())]
                assert told[0] == told[1]

    def refusal(self, role: psycopg.Connection[Any], table: str, column: str, value: Any) -> tuple[Any, ...]:
        """Try to make an own row name this parent; return why it was refused."""
        copied = "id, created_at, organization_id, user_id"
        statement = (
            # Nobody may change who is in a team, so a row is added.
            f"insert into {table} ({copied}, {column}) select gen_random_uuid(), now(), organization_id, user_id, %s "  # noqa: S608
            f"from {table}"
            if table == "organizations_teammembership"
            else f"update {table} set {column} = %s"  # noqa: S608
        )
        with pytest.raises(psycopg.errors.ForeignKeyViolation) as refused:
            role.execute(statement, [value])
        return refused.value.sqlstate, str(refused.value).replace(str(value), "…")

    def test_to_who_is_no_member_are_refused(self, theirs: Licensed, mine: Licensed) -> None:
        with serving_roles() as roles:
            for role in roles:
                enter(role, mine.customer.organization_id)
                with pytest.raises(psycopg.errors.ForeignKeyViolation):
                    role.execute("update organizations_membership set user_id = %s", [theirs.customer.user_id])


class TestRights:
    @pytest.mark.parametrize("role", ["app", "worker", "system"])
    def test_to_change_structure_roles_or_history_are_nobodys_who_serves(self, role: str) -> None:
        own = ("set role coditect_system", "delete from licenses", "delete from organizations", "delete from emails",
               "update organizations", "update users_user")  # fmt: skip
        # Sessions that are over are deleted by the worker once they are kept no longer; live ones: the next test.
        allowed = {"system": own, "worker": ("delete from licenses_licensesession",)}.get(role, ())
        denied(role, tuple(one for one in FORBIDDEN if not one.startswith(allowed)))

    def test_to_take_a_live_seat_away_by_deleting_it_is_not_the_workers(self, mine: Licensed) -> None:
        with psycopg.connect(servers.current().postgres.url("worker")) as worker:
            enter(worker, mine.customer.organization_id)
            assert worker.execute("delete from licenses_licensesession").rowcount == 0
            as_owner("update licenses_licensesession set ended_at = now()")
            assert worker.execute("delete from licenses_licensesession").rowcount == 1

    def test_to_read_the_inbox_and_the_queue_are_not_the_webs(self) -> None:
        denied("app", FORBIDDEN_TO_THE_WEB)


class TestAuditLog:
    def test_platform_entries_can_be_added_but_not_read(self, mine: Licensed) -> None:
        assert as_owner("select count(*) from users_auditentry where organization_id is null")[0][0] > 0
        with serving_roles() as roles:
            for role in roles:
                enter(role, mine.customer.organization_id)
                found = role.execute("select count(*) from users_auditentry where organization_id is null").fetchone()
                assert found == (0,)
