"""The embedded PostgreSQL: its four roles and their walls, and that no way of ending it loses a committed row."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.local.leftovers import children_of, started_at
from deploy.local.postgres import Postgres
from deploy.local.postgres_cluster import PostgresError
from deploy.local.process import Process
from deploy.local.unprivileged import server_account


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One prepared server for all tests that do not end it."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    postgres = Postgres(folder / "data", durable=False)
    postgres.start()
    postgres.prepare("coditect")
    yield postgres
    postgres.destroy()
    shutil.rmtree(folder)


def ask(postgres: Postgres, role: str, statement: str, database: str = "coditect") -> list[tuple[object, ...]]:
    """Run one statement in a session of its own and commit."""
    with psycopg.connect(postgres.url(role, database), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


class TestRoles:
    @pytest.mark.parametrize(
        ("role", "bypasses_rls", "creates_databases"),
        [("migrator", True, True), ("app", False, False), ("worker", False, False), ("system", True, False)],
    )
    def test_has_exactly_the_attributes_of_its_task(
        self, server: Postgres, role: str, bypasses_rls: bool, creates_databases: bool
    ) -> None:
        row = ask(
            server,
            role,
            "SELECT rolsuper, rolcreaterole, rolreplication, rolbypassrls, rolcreatedb"
            " FROM pg_roles WHERE rolname = current_user",
        )
        assert row == [(False, False, False, bypasses_rls, creates_databases)]

    @pytest.mark.parametrize("role", ["app", "worker", "system"])
    @pytest.mark.parametrize("statement", ["CREATE TABLE mine (a int)", "CREATE SCHEMA mine", "CREATE TEMP TABLE t ()"])
    def test_only_the_migrator_creates_anything(self, server: Postgres, role: str, statement: str) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(server, role, statement)

    def test_worker_may_what_app_may_and_not_the_other_way_round(self, server: Postgres) -> None:
        ask(server, "migrator", "CREATE TABLE for_app (a int); GRANT SELECT ON for_app TO coditect_app")
        ask(server, "migrator", "CREATE TABLE for_worker (a int); GRANT SELECT ON for_worker TO coditect_worker")

        assert ask(server, "worker", "SELECT * FROM for_app") == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(server, "app", "SELECT * FROM for_worker")

    def test_a_forced_policy_hides_rows_from_app_and_worker_but_not_from_system(self, server: Postgres) -> None:
        ask(
            server,
            "migrator",
            "CREATE TABLE secret AS SELECT 1 AS a; GRANT SELECT ON secret TO coditect_app, coditect_system;"
            "ALTER TABLE secret ENABLE ROW LEVEL SECURITY; ALTER TABLE secret FORCE ROW LEVEL SECURITY",
        )
        seen = {role: len(ask(server, role, "SELECT * FROM secret")) for role in ("app", "worker", "system")}
        assert seen == {"app": 0, "worker": 0, "system": 1}

    def test_a_role_without_a_grant_may_not_even_connect(self, server: Postgres) -> None:
        ask(server, "superuser", "CREATE ROLE outsider LOGIN PASSWORD 'known'")
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(f"postgresql://outsider:known@127.0.0.1:{server.port}/coditect")

    def test_nobody_gets_in_with_a_wrong_password(self, server: Postgres) -> None:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"postgresql://coditect_app:guess@127.0.0.1:{server.port}/coditect")

    def test_app_cannot_hang_for_ever(self, server: Postgres) -> None:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        assert [ask(server, "app", f"SHOW {name}") for name in names] == [[("15s",)], [("5s",)], [("30s",)]]

    def test_preparing_again_puts_right_what_was_changed_by_hand(self, server: Postgres) -> None:
        ask(server, "superuser", "ALTER ROLE coditect_app SUPERUSER BYPASSRLS; GRANT CREATE ON SCHEMA public TO PUBLIC")

        server.prepare("coditect")

        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(server, "app", "CREATE TABLE mine (a int)")

    def test_a_test_database_made_by_the_migrator_has_vector(self, server: Postgres) -> None:
        ask(server, "migrator", "CREATE DATABASE test_of_mine", "postgres")
        assert ask(server, "migrator", "SELECT '[1,2]'::vector <-> '[1,3]'", "test_of_mine") == [(1.0,)]


class TestServer:
    def test_killed_like_by_a_power_cut_it_leaves_no_process_and_loses_no_committed_row(self, folder: Path) -> None:
        with Postgres(folder / "data", durable=False) as postgres:
            postgres.prepare("coditect")
            ask(postgres, "migrator", "CREATE TABLE kept (a int); INSERT INTO kept SELECT generate_series(1, 1000)")
            processes = [postgres.process.pid, *children_of(postgres.process.pid)]

            postgres.kill()

            assert len(processes) > 3
            assert [pid for pid in processes if started_at(pid)] == []
            postgres.start()
            assert ask(postgres, "migrator", "SELECT count(*) FROM kept") == [(1000,)]

    def test_comes_back_when_only_its_main_process_was_killed(self, folder: Path) -> None:
        with Postgres(folder / "data", durable=False) as postgres:
            postgres.process.kill_group()
            postgres.end_leftovers()
            postgres.start()
            assert ask(postgres, "superuser", "SELECT 1", "postgres") == [(1,)]

    def test_a_later_start_knows_the_passwords_and_the_data(self, folder: Path) -> None:
        with Postgres(folder / "data", durable=False) as first:
            first.prepare("coditect")
            ask(first, "migrator", "CREATE TABLE kept (a int)")
        with Postgres(folder / "data", durable=False) as second:
            assert ask(second, "migrator", "SELECT * FROM kept") == []
        assert stat.S_IMODE((folder / "data.secrets.json").stat().st_mode) == 0o600

    def test_starts_although_its_lock_file_names_a_process_that_is_something_else_now(self, folder: Path) -> None:
        with Postgres(folder / "data", durable=False) as postgres:
            postgres.kill()
            other = Process(["sleep", "60"], log=folder / "other.log", env={}, account=server_account())
            other.spawn()
            lock = folder / "data" / "postmaster.pid"
            lock.write_text(f"{other.pid}\n{lock.read_text().partition(chr(10))[2]}")

            postgres.start()

            assert postgres.ready()
            other.stop()

    def test_refuses_a_folder_on_which_a_server_runs(self, folder: Path) -> None:
        with Postgres(folder / "data", durable=False), pytest.raises(PostgresError, match="already runs"):
            Postgres(folder / "data", durable=False).start()

    def test_half_a_data_folder_is_never_taken_for_a_whole_one(self, folder: Path) -> None:
        partial = folder / "data.partial"
        partial.mkdir()
        (partial / "PG_VERSION").write_text("16\n")
        with Postgres(folder / "data", durable=False) as postgres:
            assert postgres.ready()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root cannot run PostgreSQL as itself")
    def test_under_root_a_closed_folder_stays_closed_and_the_data_lies_elsewhere(self, folder: Path) -> None:
        folder.chmod(0o700)
        postgres = Postgres(folder / "data", durable=False)
        postgres.start()
        elsewhere = (folder / "data").resolve()
        try:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert elsewhere.is_dir()
            assert folder not in elsewhere.parents
        finally:
            postgres.destroy()
        assert not elsewhere.parent.exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root cannot run PostgreSQL as itself")
    def test_under_root_throwaway_data_of_a_folder_deleted_by_hand_is_swept_up_by_the_next_one(
        self, folder: Path
    ) -> None:
        folder.chmod(0o700)
        (folder / "first").mkdir()
        (folder / "second").mkdir()
        first = Postgres(folder / "first" / "data", durable=False)
        first.start()
        first_data = (folder / "first" / "data").resolve()
        first.stop()
        shutil.rmtree(folder / "first")

        second = Postgres(folder / "second" / "data", durable=True)

        assert not first_data.exists()
        second.destroy()
