"""The drill: what a closed organization had opens nowhere any more, and everybody else's data comes back."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.core.management import call_command

from config.kernel import key_files
from deploy.local.postgres_binaries import find_install
from organizations.services import key_backups, profile
from tests.api.issued import licensed
from tests.journey import Licensed
from tests.plugins import servers

pytestmark = pytest.mark.usefixtures("db")

DATABASE = "drill"
# What each organization's licence opens to, as the serving role of the restored database sees it.
LOOK = """
import json, sys, django
django.setup()
from uuid import UUID
from config.kernel.cipher import CannotDecrypt
from config.kernel.tenancy import organization_context
from licenses.models import License
def look(organization_id):
    with organization_context(UUID(organization_id)):
        try:
            return License.objects.get().key
        except CannotDecrypt:
            return None
print(json.dumps([look(one) for one in sys.argv[1:]]))
"""


@dataclass(frozen=True)
class Fresh:
    """A database into which a dump was restored, seen by processes of its own."""

    environment: dict[str, str]

    def manage(self, *words: str, fails: bool = False) -> str:
        """Run a command of manage.py; return what it said."""
        done = self._run("manage.py", *words)
        assert bool(done.returncode) is fails, done.stderr
        return done.stdout + done.stderr

    def keys_shown(self, *made: Licensed) -> list[str | None]:
        """Return the licence keys that open."""
        done = self._run("-W", "ignore", "-c", LOOK, *(one.customer.organization_id for one in made))
        assert done.returncode == 0, done.stderr
        shown: list[str | None] = json.loads(done.stdout.splitlines()[-1])
        return shown

    def lose_keys(self) -> None:
        """Delete every wrapped key, as no role that serves can."""
        with psycopg.connect(servers.current().postgres.url("migrator", DATABASE), autocommit=True) as owner:
            owner.execute("delete from organizations_datakey")
            owner.execute("delete from kernel_platformkey")

    def _run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *argv], cwd=servers.ROOT, env=self.environment, capture_output=True, text=True, check=False
        )


def programs() -> dict[str, str]:
    """Return an environment in which PostgreSQL's programs are found."""
    return {**os.environ, "PATH": f"{find_install() / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def dump(file: Path) -> None:
    """Dump the database with the script of a deployment."""
    url = servers.current().postgres.url("migrator")
    subprocess.run([servers.ROOT / "deploy/postgres/dump", file], env={**programs(), "DATABASE_URL": url}, check=True)


def restore(file: Path) -> Fresh:
    """Restore a dump into a fresh database."""
    postgres = servers.current().postgres
    postgres.prepare(DATABASE)
    subprocess.run(
        ["pg_restore", "--no-owner", "--no-comments", "--dbname", postgres.url("migrator", DATABASE), file],
        env=programs(),
        check=True,
    )
    urls = {"DATABASE_URL": postgres.url("app", DATABASE), "DATABASE_SYSTEM_URL": postgres.url("system", DATABASE)}
    return Fresh({**os.environ, **urls})


Restorer = Callable[[Path], Fresh]


@pytest.fixture
def restored() -> Iterator[Restorer]:
    """Return what restores a dump into a fresh database, which is gone afterwards."""
    yield restore
    with psycopg.connect(servers.current().postgres.url("superuser", "postgres"), autocommit=True) as admin:
        admin.execute(f"drop database if exists {DATABASE} with (force)")


def close(made: Licensed) -> None:
    """Close the licence's organization."""
    profile.close(organization_id=UUID(made.customer.organization_id), actor_id=UUID(made.customer.user_id))


def backups(folder: Path) -> list[Path]:
    """Return the backups of keys, oldest first."""
    return [file.path for file in key_files.list_files(folder, key_backups.SUFFIX)]


class TestDrill:
    def test_of_an_organization_that_was_closed_after_the_dump(self, tmp_path: Path, restored: Restorer) -> None:
        kept, closed = licensed(), licensed()
        keys, file = tmp_path / "keys", tmp_path / "dump"
        dump(file)
        call_command("back_up_keys", keys)
        close(closed)
        call_command("back_up_keys", keys)
        before, after = backups(keys)

        fresh = restored(file)
        assert fresh.keys_shown(kept, closed) == [None, None], "the dump alone opens nothing"
        told = fresh.manage("restore_keys", str(before))
        assert f"to be closed again: {closed.customer.organization_id}" in told
        assert fresh.keys_shown(kept, closed) == [kept.license_key, None]

        fresh.lose_keys()
        assert fresh.keys_shown(kept, closed) == [None, None]
        fresh.manage("restore_keys", str(after))
        assert fresh.keys_shown(kept, closed) == [kept.license_key, None]
        assert "restored 0 keys" in fresh.manage("restore_keys", str(after))

    def test_of_the_loss_of_every_wrapped_key(self, tmp_path: Path, restored: Restorer) -> None:
        one, other = licensed(), licensed()
        dump(tmp_path / "dump")
        call_command("back_up_keys", tmp_path)
        fresh = restored(tmp_path / "dump")
        migrator = {"DATABASE_URL": servers.current().postgres.url("migrator", DATABASE)}
        Fresh({**fresh.environment, **migrator}).manage("bootstrap")  # too early: it makes a platform key
        (backup,) = backups(tmp_path)
        assert "another platform key" in fresh.manage("restore_keys", str(backup), fails=True)
        assert "restored 3 keys" in fresh.manage("restore_keys", str(backup), "--replace-platform-key")
        assert fresh.keys_shown(one, other) == [one.license_key, other.license_key]

    def test_of_the_loss_of_the_key_encryption_key_ends_with_nothing(self, tmp_path: Path, restored: Restorer) -> None:
        made = licensed()
        dump(tmp_path / "dump")
        call_command("back_up_keys", tmp_path)
        fresh = restored(tmp_path / "dump")
        elsewhere = Fresh({**fresh.environment, "KEYS_DIR": str(tmp_path / "other"),
                           "DJANGO_SETTINGS_MODULE": "config.settings.test"})  # fmt: skip
        elsewhere.manage("create_keys")
        elsewhere.manage("restore_keys", str(backups(tmp_path)[0]))
        assert elsewhere.keys_shown(made) == [None]


class TestBackups:
    def test_hold_no_key_in_clear_and_are_for_nobody_else(self, tmp_path: Path) -> None:
        licensed()
        path = key_backups.back_up(folder=tmp_path)
        assert path.stat().st_mode & 0o777 == 0o600
        content = json.loads(path.read_text())
        assert all(set(one) <= {"organization_id", "version", "wrapped_key"} for one in content["organizations"])

    def test_are_removed_after_a_week(self, tmp_path: Path) -> None:
        for days in (6.9, 7.1, 30):
            made = key_backups.back_up(folder=tmp_path)
            made.rename(tmp_path / f"{datetime.now(UTC) - timedelta(days=days):%Y%m%dT%H%M%S%f}{key_backups.SUFFIX}")
        assert len(key_backups.prune(folder=tmp_path)) == 2
        assert len(backups(tmp_path)) == 1

    @pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"platform": []}'])
    def test_that_are_none_are_refused(self, tmp_path: Path, content: str) -> None:
        file = tmp_path / "x.backup"
        file.write_text(content)
        with pytest.raises(ValueError, match=r".*"):
            key_backups.restore(file=file)
