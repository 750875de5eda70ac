"""Signing keys come and go, and whatever was signed is verified as long as it may live."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from config.kernel import key_rotation, keyring
from config.kernel.keyring import SUFFIX, Purpose
from tests import journey
from tests.api.beneath import as_owner
from tests.api.issued import licensed
from tests.concurrency.together import wait_until

pytestmark = pytest.mark.usefixtures("db", "folder")


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Work on a copy of the keys: other processes of this run go on with theirs."""
    copy = tmp_path / "keys"
    shutil.copytree(settings.KEYS_DIR, copy)
    for purpose in Purpose:  # one key each, also where another test has rotated
        for older in sorted((copy / purpose).iterdir())[:-1]:
            older.unlink()
    settings.KEYS_DIR = copy
    yield copy
    keyring._watched.cache_clear()


def looked_again() -> None:
    """Read the folders like a process that has not done so for a while."""
    keyring._watched.cache_clear()


def add(folder: Path, purpose: Purpose, *, began: timedelta) -> Path:
    """Add a key that began so long ago."""
    path = keyring.create(purpose)
    made = path.rename(folder / purpose / f"{datetime.now(UTC) - began:%Y%m%dT%H%M%S%f}{SUFFIX}")
    looked_again()
    return made


def kid_of(token: str) -> str:
    """Return which key signed a token."""
    kid: str = jwt.get_unverified_header(token)["kid"]
    return kid


def published() -> list[str]:
    """Return the ids of the published keys."""
    return [key["kid"] for key in APIClient().get("/.well-known/jwks.json").json()["keys"]]


class TestRotation:
    @pytest.mark.parametrize("purpose", Purpose)
    def test_publishes_a_key_before_it_signs(self, purpose: Purpose) -> None:
        old = keyring.keyring(purpose).signing
        call_command("rotate_keys", purpose=str(purpose))
        looked_again()
        ring = keyring.keyring(purpose)
        assert ring.signing.kid == old.kid
        new = ring.signing_at(datetime.now(UTC) + timedelta(hours=1, seconds=1))
        assert new.kid != old.kid
        assert new.algorithm == old.algorithm
        assert {old.kid, new.kid} <= set(published())

    def test_takes_no_lead_that_some_process_would_miss(self) -> None:
        with pytest.raises(CommandError, match="10 s at least"):
            call_command("rotate_keys", purpose="all", lead=9)
        with pytest.raises(CommandError, match="say what to rotate"):
            call_command("rotate_keys")

    def test_shows_no_private_key(self) -> None:
        key = keyring.keyring(Purpose.USER_TOKEN).signing
        assert "PrivateKey" not in repr(key)


class TestRefreshTokens:
    def test_that_are_given_again_are_the_same_when_another_key_has_begun_in_between(self, folder: Path) -> None:
        """Else the answer would hold a token that was never issued, and using it would end the session as a theft."""
        customer = journey.sign_up()
        path, body = "/api/v1/auth/token/refresh", {"refresh": customer.refresh}
        first = APIClient().post(path, body).json()
        add(folder, Purpose.USER_TOKEN, began=timedelta(0))
        again = APIClient().post(path, body).json()
        assert again["refresh"] == first["refresh"]
        # Tokens are dated in whole seconds.
        wait_until(lambda: kid_of(journey.sign_up().refresh) != kid_of(first["refresh"]))
        again = APIClient().post(path, body).json()
        assert again["refresh"] == first["refresh"]
        assert APIClient().post(path, {"refresh": again["refresh"]}).status_code == 200


class TestPruning:
    @pytest.mark.parametrize(
        ("purpose", "lives"),
        [(Purpose.USER_TOKEN, timedelta(days=30)), (Purpose.SEAT_TOKEN, timedelta(days=31))],
    )
    def test_removes_a_key_when_its_last_token_has_run_out(
        self, folder: Path, purpose: Purpose, lives: timedelta
    ) -> None:
        (old,) = (folder / purpose).iterdir()
        old.rename(folder / purpose / f"20200101T000000000000{SUFFIX}")
        new = add(folder, purpose, began=lives)
        assert key_rotation.prune(purpose) == [], "a slow process may have signed a little longer"
        new.rename(folder / purpose / f"{datetime.now(UTC) - lives - timedelta(minutes=6):%Y%m%dT%H%M%S%f}{SUFFIX}")
        looked_again()
        assert [path.name for path in key_rotation.prune(purpose)] == [f"20200101T000000000000{SUFFIX}"]
        looked_again()
        assert key_rotation.prune(purpose) == [], "the one that signs stays"

    def test_leaves_keys_whose_successor_has_not_begun(self, folder: Path) -> None:
        (old,) = (folder / Purpose.SEAT_TOKEN).iterdir()
        old.rename(folder / Purpose.SEAT_TOKEN / f"20200101T000000000000{SUFFIX}")
        key_rotation.rotate(Purpose.SEAT_TOKEN, lead=timedelta(hours=1))
        looked_again()
        assert key_rotation.prune(Purpose.SEAT_TOKEN) == []

    def test_leaves_a_key_of_licence_files_while_one_is_valid(self, folder: Path) -> None:
        purpose = Purpose.LICENSE_FILE
        (old,) = (folder / purpose).iterdir()
        licensed(expires_at=datetime.now(UTC) + timedelta(days=300))
        made = licensed()
        as_owner("update licenses_license set expires_at = now() + interval '10 days' where id = %s", made.license_id)
        as_owner("update licenses_signedfile set valid_until = now() - interval '1 hour'")
        made.customer.api.get(f"/api/v1/licenses/{made.license_id}/download")
        old.rename(folder / purpose / f"20200101T000000000000{SUFFIX}")
        add(folder, purpose, began=timedelta(days=400))
        ((_, until),) = key_rotation.removable(purpose)
        assert until is not None
        assert timedelta(days=9) < until - datetime.now(UTC) <= timedelta(days=10)
        assert key_rotation.prune(purpose) == []
        as_owner("update licenses_signedfile set valid_until = now() - interval '1 second'")
        assert len(key_rotation.prune(purpose)) == 1

    def test_never_removes_a_key_that_signed_a_file_without_an_end(self, folder: Path) -> None:
        purpose = Purpose.LICENSE_FILE
        (old,) = (folder / purpose).iterdir()
        old.rename(folder / purpose / f"20100101T000000000000{SUFFIX}")
        looked_again()
        licensed()  # its subscription has no end of a paid period yet, nor has the file that was mailed
        add(folder, purpose, began=timedelta(days=400))
        ((_, until),) = key_rotation.removable(purpose)
        assert until is None
        assert key_rotation.prune(purpose) == []

    def test_never_removes_keys_of_a_purpose_that_says_nothing(self, folder: Path, settings: Any) -> None:
        settings.SIGNED_UNTIL = {}
        for purpose in Purpose:
            (old,) = (folder / purpose).iterdir()
            old.rename(folder / purpose / f"20200101T000000000000{SUFFIX}")
            add(folder, purpose, began=timedelta(days=4000))
            assert key_rotation.prune(purpose) == []


class TestSignedFiles:
    def test_keep_the_latest_end_of_a_licence_and_key(self) -> None:
        made = licensed()
        path = f"/api/v1/licenses/{made.license_id}/download"
        for days, expected in ((10, 10), (20, 20), (15, 20)):
            as_owner("update licenses_license set expires_at = now() + interval '1 day' * %s", days)
            if days == 10:
                as_owner("update licenses_signedfile set valid_until = now()")
            made.customer.api.get(path)
            ((left,),) = as_owner("select valid_until - now() from licenses_signedfile")
            assert timedelta(days=expected - 1) < left <= timedelta(days=expected)
        as_owner("update licenses_license set expires_at = null")
        made.customer.api.get(path)
        assert as_owner("select valid_until from licenses_signedfile") == [(None,)]
        as_owner("update licenses_license set expires_at = now()")
        made.customer.api.get(path)
        assert as_owner("select valid_until from licenses_signedfile") == [(None,)]
