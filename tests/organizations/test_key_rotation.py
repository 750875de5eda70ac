"""Data keys are wrapped anew and replaced while they are in use, and whatever was encrypted opens all the time."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from config.kernel import key_encryption, platform_keys
from config.kernel.key_encryption import files
from config.kernel.tenancy import organization_context
from licenses.models import License
from organizations.models import DataKey
from organizations.services import data_keys, key_rotation, profile
from tests.api.beneath import as_owner
from tests.api.issued import licensed
from tests.jobs import as_role, run_jobs
from tests.journey import Licensed

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def kek_folder() -> Iterator[Path]:
    """Return the folder of key-encryption keys; in the end it holds what it held."""
    before = {path: path.read_text() for path in files.folder().iterdir()}
    yield files.folder()
    for path in files.folder().iterdir():
        path.unlink()
    for path, text in before.items():
        path.write_text(text)
    files._watched.cache_clear()


@pytest.fixture
def platform_key(db: None) -> Iterator[None]:
    """Put the platform's key back as it was: other processes of this run know it."""
    ((wrapped,),) = as_owner("select wrapped_key from kernel_platformkey")
    yield
    as_owner("update kernel_platformkey set wrapped_key = %s", wrapped)
    platform_keys.reread()


def begin_now() -> Path:
    """Add a key-encryption key that wraps at once, and look into the folder again."""
    path = files.create()
    files._watched.cache_clear()
    key_encryption._opened.clear()
    return path


def prefixes() -> list[bytes]:
    """Return what names the key that wraps, for each data key that is stored."""
    stored = as_owner("select wrapped_key from organizations_datakey")
    return [bytes(wrapped)[: key_rotation.PREFIX] for (wrapped,) in stored]


def versions(organization_id: UUID) -> list[int]:
    """Return the versions of an organization's data key."""
    with organization_context(organization_id):
        return list(DataKey.objects.order_by("version").values_list("version", flat=True))


def carried(made: Licensed) -> int:
    """Return the version of the data key that the licence's key is encrypted under."""
    ((blob,),) = as_owner("select key_encrypted from licenses_license where id = %s", made.license_id)
    return int.from_bytes(bytes(blob)[: data_keys.VERSION_BYTES], "big")


def shown(made: Licensed) -> str:
    """Return the licence's key as its owner sees it."""
    key: str = made.customer.api.get(f"/api/v1/licenses/{made.license_id}").json()["license_key"]
    return key


def organization_of(made: Licensed) -> UUID:
    """Return whose licence it is."""
    return UUID(made.customer.organization_id)


@pytest.mark.usefixtures("kek_folder", "platform_key")
class TestNewKeyEncryptionKey:
    def test_wraps_every_data_key_and_makes_the_old_one_needless(self) -> None:
        one, other = licensed(), licensed()
        begin_now()
        assert key_rotation.rewrap() == (3, 0), "two organizations and the platform"
        assert key_rotation.rewrap() == (0, 0)
        assert set(prefixes()) == {key_encryption.FILE_LETTER + files.keys()[-1].id}
        assert (shown(one), shown(other)) == (one.license_key, other.license_key)

    def test_goes_on_where_a_run_was_ended(self) -> None:
        made = [licensed() for _ in range(3)]
        begin_now()
        rows = key_rotation._all_keys()
        first = next(rows)
        new = key_encryption.rewrap(bytes(first.wrapped_key), str(first.organization_id), str(first.version))
        as_owner("update organizations_datakey set wrapped_key = %s where id = %s", new, first.id)
        assert key_rotation.rewrap() == (3, 0)
        assert [shown(one) for one in made] == [one.license_key for one in made]

    def test_reports_a_data_key_that_does_not_open_and_goes_on(self) -> None:
        broken, whole = licensed(), licensed()
        as_owner(
            "update organizations_datakey set wrapped_key = 'F' where organization_id = %s",
            broken.customer.organization_id,
        )
        begin_now()
        assert key_rotation.rewrap() == (2, 1)
        assert shown(whole) == whole.license_key
        with pytest.raises(CommandError, match="1 data keys do not open"):
            call_command("rotate_keys", data_keys=True, verbosity=0)

    def test_is_known_to_every_process_before_it_wraps(self) -> None:
        licensed()
        call_command("rotate_keys", data_keys=True)
        files._watched.cache_clear()
        assert len(files.keys()) == 2
        assert key_rotation.rewrap() == (0, 0)
        with pytest.raises(CommandError, match="10 s at least"):
            call_command("rotate_keys", data_keys=True, lead=9)

    def test_lets_the_old_one_be_removed_once_no_backup_holds_what_it_wraps(self) -> None:
        (old,) = files.folder().iterdir()
        licensed()
        new = begin_now()
        assert key_rotation.prune_key_encryption_keys() == [], "it wraps data keys"
        key_rotation.rewrap()
        assert key_rotation.prune_key_encryption_keys() == [], "backups of the last days hold what it wrapped"
        new.rename(files.folder() / f"20200102T000000000000{files.SUFFIX}")
        oldest = old.rename(files.folder() / f"20200101T000000000000{files.SUFFIX}")
        files._watched.cache_clear()
        assert key_rotation.prune_key_encryption_keys() == [oldest]


class TestNewDataKey:
    def test_is_used_at_once_and_the_worker_encrypts_the_rest_anew(self) -> None:
        made = licensed()
        call_command("rotate_keys", organization=made.customer.organization_id)
        assert (versions(organization_of(made)), carried(made)) == ([1, 2], 1)
        assert shown(made) == made.license_key
        run_jobs()
        assert carried(made) == 2
        assert shown(made) == made.license_key

    def test_of_all_is_given_to_those_that_are_open(self) -> None:
        made, closed = licensed(), licensed()
        profile.close(organization_id=organization_of(closed), actor_id=UUID(closed.customer.user_id))
        call_command("rotate_keys", organization="all")
        assert versions(organization_of(made)) == [1, 2]
        assert versions(organization_of(closed)) == []
        with pytest.raises(CommandError, match="no organization that is open"):
            call_command("rotate_keys", organization=closed.customer.organization_id)

    def test_replaces_the_old_one_a_day_after_nothing_carries_it(self) -> None:
        made = licensed()
        organization_id = organization_of(made)
        key_rotation.begin_version(organization_id=organization_id)
        for _ in range(2):
            tend(organization_id)
            assert versions(organization_id) == [1, 2]
        as_owner("update organizations_datakey set retired_at = now() - interval '25 hours' where version = 1")
        tend(organization_id)
        assert versions(organization_id) == [2]
        assert shown(made) == made.license_key

    def test_leaves_the_old_one_as_long_as_a_value_carries_it(self) -> None:
        made = licensed()
        organization_id = organization_of(made)
        ((stale,),) = as_owner("select key_encrypted from licenses_license")
        key_rotation.begin_version(organization_id=organization_id)
        tend(organization_id)
        as_owner("update licenses_license set key_encrypted = %s", stale)  # by a request that had read it long ago
        as_owner("update organizations_datakey set retired_at = now() - interval '25 hours' where version = 1")
        with as_role("worker"), organization_context(organization_id):
            assert License.objects.get().key == made.license_key
        tend(organization_id)
        assert shown(made) == made.license_key
        assert carried(made) == 2

    def test_cannot_be_dropped_early_or_while_it_is_the_newest(self) -> None:
        organization_id = organization_of(licensed())
        for _ in range(3):
            as_owner("select retire_data_key(%s, 1, false)", organization_id)
            as_owner("update organizations_datakey set retired_at = now() - interval '25 hours'")
        assert versions(organization_id) == [1], "it is the newest"
        key_rotation.begin_version(organization_id=organization_id)
        as_owner("update organizations_datakey set retired_at = now() - interval '23 hours'")
        as_owner("select retire_data_key(%s, 1, false)", organization_id)
        assert versions(organization_id) == [1, 2], "not a day has passed"

    def test_is_given_to_whoever_has_had_the_old_one_for_a_year(self) -> None:
        old, young = licensed(), licensed()
        as_owner(
            "update organizations_datakey set created_at = now() - interval '366 days' where organization_id = %s",
            old.customer.organization_id,
        )
        assert key_rotation.replace_old() == 1
        assert key_rotation.replace_old() == 0
        assert (versions(organization_of(old)), versions(organization_of(young))) == ([1, 2], [1])

    def test_is_finished_by_the_worker_for_every_organization(self) -> None:
        made = licensed()
        with organization_context(organization_of(made)):
            data_keys.create(organization_id=organization_of(made), version=2)
        key_rotation.enqueue_unfinished()
        run_jobs()
        assert carried(made) == 2


def tend(organization_id: UUID) -> None:
    """Do what the worker does."""
    with as_role("worker"):
        key_rotation.reencrypt(organization_id=organization_id)
