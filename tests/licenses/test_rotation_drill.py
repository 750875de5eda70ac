"""The drill of key rotation: it goes well on what we run, and notices what a rotation must not do."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from config.kernel import key_files, key_rotation, keyring
from config.kernel.keyring import Purpose
from licenses.services import rotation_drill
from tests.api.beneath import as_owner
from tests.api.issued import licensed

pytestmark = pytest.mark.usefixtures("db", "folder")


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Work on keys of which nobody else adds or removes one."""
    data_keys = settings.KEYS_DIR / "tenant-data"
    settings.KEYS_DIR = tmp_path / "keys"
    shutil.copytree(data_keys, settings.KEYS_DIR / "tenant-data")
    keyring.create_missing()
    before = {path: path.read_bytes() for path in settings.KEYS_DIR.rglob("*.pem")}
    yield settings.KEYS_DIR
    assert {path: path.read_bytes() for path in settings.KEYS_DIR.rglob("*.pem")} == before, "only read"
    keyring._watched.cache_clear()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes look into their folders often, so that a lead may be short."""
    monkeypatch.setattr(key_files, "RECHECK_SECONDS", 0.2)
    for module in (key_files, rotation_drill):
        monkeypatch.setattr(module, "LEAST_LEAD", timedelta(seconds=1.5))


def drill(purpose: Purpose) -> list[str]:
    """Run the command and return what it printed."""
    out = StringIO()
    call_command("drill_key_rotation", purpose=str(purpose), stdout=out)
    return out.getvalue().splitlines()


class TestDrill:
    def test_of_licence_files_goes_well(self, settings: Any) -> None:
        licensed()
        known = as_owner("select kid, valid_until from licenses_signedfile")
        told = drill(Purpose.LICENSE_FILE)
        assert [line[:2] for line in told] == ["1.", "2.", "3.", "4.", "5.", "th"]
        left = as_owner(
            "select kid, valid_until from licenses_signedfile where valid_until > now() or valid_until is null"
        )
        assert left == known, "nothing that it signed keeps a key"

    @pytest.mark.usefixtures("quick")
    @pytest.mark.parametrize("purpose", [Purpose.ANSWER, Purpose.SEAT_TOKEN])
    def test_of_what_lives_for_a_known_time_goes_well(self, purpose: Purpose) -> None:
        assert drill(purpose)[-1] == "the drill went well"

    @pytest.mark.usefixtures("quick")
    def test_of_what_is_verified_for_ever_removes_nothing(self) -> None:
        told = drill(Purpose.AUDIT_CHECKPOINT)
        assert told[3] == "4. the old key is not removed: it is needed for ever"

    def test_needs_a_licence_for_files(self) -> None:
        with pytest.raises(CommandError, match="no licence"):
            drill(Purpose.LICENSE_FILE)


@pytest.mark.usefixtures("quick")
class TestFailures:
    """A drill that cannot fail would be worth nothing."""

    def test_a_key_that_is_pruned_too_early(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def prune(purpose: Purpose) -> list[Path]:
            paths = [path for path, _ in key_rotation.removable(purpose)]
            for path in paths:
                path.unlink()
            return paths

        monkeypatch.setattr(key_rotation, "prune", prune)
        with pytest.raises(CommandError, match="removed while something that it signed is valid"):
            drill(Purpose.SEAT_TOKEN)

    def test_a_key_that_is_never_pruned(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(key_rotation, "prune", lambda purpose: [])
        with pytest.raises(CommandError, match="was not removed"):
            drill(Purpose.SEAT_TOKEN)

    def test_a_key_that_signs_before_it_is_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(key_rotation, "rotate", lambda purpose, **_: keyring.create(purpose))
        with pytest.raises(CommandError, match="signs before its time"):
            drill(Purpose.SEAT_TOKEN)

    def test_a_rotation_that_is_under_way(self, folder: Path, tmp_path: Path) -> None:
        path = key_rotation.rotate(Purpose.SEAT_TOKEN, lead=key_rotation.STRAGGLERS)
        keyring._watched.cache_clear()
        with pytest.raises(CommandError, match="under way"):
            drill(Purpose.SEAT_TOKEN)
        path.unlink()
