"""Every migration goes back and forth again, and leaves the database as it was, down to its policies and grants."""

import os
import subprocess
import sys

import psycopg

from tests.plugins import servers

SCRATCH = "scratch_migrations"
OURS = ("users", "emails", "organizations", "subscriptions", "licenses", "kernel")
# One process for all of it: starting Python and Django six times takes longer than migrating.
SCRIPT = """
import sys, django
django.setup()
from django.core.management import call_command
for step in sys.argv[1:]:
    call_command("migrate", *step.split(), verbosity=0)
"""
PICTURE = {
    "columns": "select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns "
    "where table_schema = 'public' order by 1, 2",
    "indexes": "select indexdef from pg_indexes where schemaname = 'public' order by 1",
    "constraints": "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint "
    "where connamespace = 'public'::regnamespace order by 1, 2",
    "policies": "select * from pg_policies order by tablename, policyname",
    "walls": "select relname, relrowsecurity, relforcerowsecurity, relacl::text from pg_class "
    "where relnamespace = 'public'::regnamespace and relkind in ('r', 'S') order by 1",
    "functions": "select proname, prosecdef, proconfig::text, proacl::text, pg_get_functiondef(oid) from pg_proc "
    "where pronamespace = 'public'::regnamespace and proname not in (select proname from pg_proc p "
    "join pg_depend d on d.objid = p.oid and d.deptype = 'e') and prokind = 'f' order by 1, 5",
    "plans": "select slug, price_cents, max_seats from subscriptions_plan order by 1",
}  # fmt: skip


def scratch() -> dict[str, str]:
    """Return the environment of a process that migrates the scratch database."""
    postgres = servers.current().postgres
    return {
        **os.environ,
        "DATABASE_URL": postgres.url("migrator", SCRATCH),
        "DATABASE_SYSTEM_URL": postgres.url("system", SCRATCH),
    }


def migrate(*steps: str) -> None:
    """Migrate the scratch database, a step an argument."""
    argv = [sys.executable, "-W", "ignore", "-c", SCRIPT, *steps]
    done = subprocess.run(argv, cwd=servers.ROOT, env=scratch(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def picture() -> dict[str, list[tuple[object, ...]]]:
    """Return what the catalogue says of the scratch database."""
    with psycopg.connect(servers.current().postgres.url("migrator", SCRATCH)) as owner:
        return {name: owner.execute(query).fetchall() for name, query in PICTURE.items()}


class TestMigrations:
    def test_reverse_and_apply_again_to_the_same_database(self) -> None:
        postgres = servers.current().postgres
        postgres.prepare(SCRATCH)
        try:
            migrate("")
            before = picture()
            migrate(*(f"{app} zero" for app in reversed(OURS)))
            with psycopg.connect(postgres.url("migrator", SCRATCH)) as owner:
                left = owner.execute(
                    "select relname from pg_class where relnamespace = 'public'::regnamespace "
                    "and relkind in ('r', 'S') and split_part(relname, '_', 1) = any(%s)",
                    [list(OURS)],
                ).fetchall()
                assert left == []
            migrate("")
            after = picture()
            for name in PICTURE:
                assert after[name] == before[name], name
        finally:
            with psycopg.connect(postgres.url("superuser", "postgres"), autocommit=True) as admin:
                admin.execute(f"drop database {SCRATCH} with (force)")

    def test_are_not_held_up_by_the_check_of_the_walls_that_they_build(self) -> None:
        """`manage.py migrate` runs the system checks first, on a database that is empty, or some steps behind."""
        postgres = servers.current().postgres
        postgres.prepare(SCRATCH)
        try:
            for target in ([], ["users", "0006"], []):
                argv = [sys.executable, "-W", "ignore", "manage.py", "migrate", *target]
                done = subprocess.run(
                    argv, cwd=servers.ROOT, env=scratch(), capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, done.stderr[-3000:]
        finally:
            with psycopg.connect(postgres.url("superuser", "postgres"), autocommit=True) as admin:
                admin.execute(f"drop database {SCRATCH} with (force)")
