"""The rotation of a signing key, played through on a copy of the keys: what must hold at each step is looked at.

The copy is a folder of this process; no other one sees its keys, and the deployment's own are only read. What is real:
the code that rotates, publishes, signs, verifies and prunes, the waiting, and the table of signed files.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import jwt
from django.conf import settings
from django.db.models import Q

from config.kernel import clock, key_files, key_rotation, keyring
from config.kernel.key_files import LEAST_LEAD, RECHECK_SECONDS
from config.kernel.key_rotation import STRAGGLERS
from config.kernel.keyring import ALGORITHMS, Keyring, Purpose
from config.kernel.tenancy import organization_context, system_context
from licenses import selectors
from licenses.errors import LicenseNotFound
from licenses.models import License, SignedFile
from licenses.services import file_signing
from organizations.models import OrganizationStatus

PATIENCE = timedelta(seconds=4 * RECHECK_SECONDS)
TYPE = "coditect-drill+jws"


class DrillFailed(RuntimeError):
    """Something that must hold when a key is rotated did not."""


def play(*, purpose: Purpose) -> Iterator[str]:
    """Rotate a key of this purpose in a copy of KEYS_DIR, and yield a sentence after each step; takes half a minute.

    Raises DrillFailed, and LicenseNotFound for licence files where there is no licence that one could be signed of.
    """
    sign = _sign_file(_some_license()) if purpose is Purpose.LICENSE_FILE else _sign_text(purpose)
    with _copy_of_keys():
        yield from _Drill(purpose, sign).steps()


class _Drill:
    """One rotation: `old` signs, `new` takes over, `old` goes when nothing needs it."""

    def __init__(self, purpose: Purpose, sign: Callable[[], str]) -> None:
        self.purpose, self.sign = purpose, sign

    @property
    def ring(self) -> Keyring:
        return keyring.keyring(self.purpose)

    def steps(self) -> Iterator[str]:
        pending = [key for key in self.ring.keys if key.file.not_before > datetime.now(UTC)]
        _require(not pending, "a rotation is under way: its key has not begun to sign")
        # Not by a key of the deployment: it would be kept for files that nobody has.
        keyring.create(self.purpose)
        self._wait(lambda: len(self._names()) == len(self._files()), "the copy's own key was not noticed")
        old = self.ring.signing.kid
        before = self.sign()
        _require(_signer(before) == old, "the newest key does not sign")
        yield f"{len(self.ring.keys)} keys are published; {old} signs, and what it signs verifies by the JWKS"

        key_rotation.rotate(self.purpose, lead=LEAST_LEAD)
        self._wait(lambda: len(self._names()) == len(self._files()), "the new key was not published")
        new = self.ring.keys[-1].kid
        _require(new in _published(), "the new key is not in the JWKS")
        _require(_signer(self.sign()) == old, "the new key signs before its time")
        yield f"{new} is published, and does not sign yet"

        self._wait(lambda: self.ring.signing.kid == new, "the new key did not begin to sign", LEAST_LEAD + PATIENCE)
        after = self.sign()
        _require(_signer(after) == new, "what is signed now is not signed by the new key")
        _require(_signer(before) == old, "what the old key signed verifies no more")
        yield f"after {LEAST_LEAD.total_seconds():.0f} s it signs; what {old} signed verifies beside it"

        self._pass(STRAGGLERS + timedelta(minutes=1))
        until = self._needed_until(old)
        _require(not self._prune(old), "the old key was removed while something that it signed is valid")
        told = "for ever" if until is None else f"until {until:%Y-%m-%dT%H:%M:%SZ}"
        yield f"the old key is not removed: it is needed {told}"
        if until is None and self.purpose is not Purpose.LICENSE_FILE:
            return

        if self.purpose is Purpose.LICENSE_FILE:
            _end_files_of(old)
        elif until is not None:
            self._pass(until - datetime.now(UTC) + timedelta(minutes=1))
        _require(self._prune(old), "the old key was not removed, although nothing that it signed is valid")
        self._wait(lambda: old not in _published(), "the removed key is still published")
        _require(_signer(after) == new, "what the new key signed verifies no more")
        _require(_verifies(before) is None, "what a removed key signed still verifies")
        if self.purpose is Purpose.LICENSE_FILE:
            _end_files_of(new)
        yield "once that is over it is removed; what the new key signed verifies as before"

    def _files(self) -> set[str]:
        return {file.path.name for file in key_files.list_files(settings.KEYS_DIR / self.purpose, keyring.SUFFIX)}

    def _names(self) -> set[str]:
        return {key.file.path.name for key in self.ring.keys}

    def _wait(self, condition: Callable[[], bool], failure: str, patience: timedelta = PATIENCE) -> None:
        deadline = time.monotonic() + patience.total_seconds()
        while not condition():
            _require(time.monotonic() < deadline, failure)
            time.sleep(0.2)

    def _pass(self, span: timedelta) -> None:
        """Let time pass for the keys: all of them begin so much earlier, and the process notices."""
        for file in key_files.list_files(settings.KEYS_DIR / self.purpose, keyring.SUFFIX):
            if file.not_before > datetime(1970, 1, 1, tzinfo=UTC) + span:
                file.path.rename(file.path.with_name(key_files.stem(file.not_before - span) + keyring.SUFFIX))
        self._wait(lambda: self._names() == self._files(), "keys that were renamed were not read again")

    def _needed_until(self, kid: str) -> datetime | None:
        path = self._path(kid)
        return dict(key_rotation.removable(self.purpose))[path]

    def _prune(self, kid: str) -> bool:
        """Prune as `rotate_keys --prune` does; return whether this key is gone."""
        path = self._path(kid)
        key_rotation.prune(self.purpose)
        return not path.exists()

    def _path(self, kid: str) -> Path:
        key = self.ring.find(kid)
        if key is None:
            raise DrillFailed(f"{kid} is not in the keyring any more")
        return key.file.path


def _require(holds: bool, failure: str) -> None:
    if not holds:
        raise DrillFailed(failure)


@contextmanager
def _copy_of_keys() -> Iterator[None]:
    """Let this process work on a copy of KEYS_DIR until the block is left."""
    real = settings.KEYS_DIR
    with tempfile.TemporaryDirectory() as folder:
        settings.KEYS_DIR = Path(folder) / "keys"
        try:
            shutil.copytree(real, settings.KEYS_DIR)
            # Copied from where they are mounted read-only, they may be read-only too.
            for path in (settings.KEYS_DIR, *settings.KEYS_DIR.iterdir()):
                path.chmod(0o700)
            yield
        finally:
            settings.KEYS_DIR = real


def _sign_text(purpose: Purpose) -> Callable[[], str]:
    def sign() -> str:
        key = keyring.keyring(purpose).signing
        headers = {"kid": key.kid, "typ": TYPE}
        return jwt.api_jws.encode(b"drill", key.private, algorithm=key.algorithm, headers=headers)

    return sign


def _sign_file(license_: License) -> Callable[[], str]:
    def sign() -> str:
        with organization_context(license_.organization_id):
            (detail,) = selectors.describe([selectors.get_license(license_id=license_.id)])
            file = json.loads(file_signing.sign(detail=detail))
        return f"{file['protected']}.{file['payload']}.{file['signature']}"

    return sign


def _some_license() -> License:
    """Return the newest licence whose files are valid for longer than a drill lasts; raises LicenseNotFound."""
    lasting = Q(expires_at=None) | Q(expires_at__gt=clock.now() + timedelta(hours=1))
    with system_context(reason="choose a licence for a drill of key rotation"):
        # A closed organization's keys open no more.
        open_ones = License.objects.exclude(organization__status=OrganizationStatus.CLOSED)
        found = open_ones.filter(lasting).order_by("-id").first()
    if found is None:
        raise LicenseNotFound
    return found


def _published() -> dict[str, jwt.PyJWK]:
    return {key.key_id or "": key for key in jwt.PyJWKSet.from_dict(keyring.public_jwks()).keys}


def _verifies(signed: str) -> str | None:
    """Return the id of the published key by which this verifies, or None."""
    key = _published().get(jwt.get_unverified_header(signed)["kid"])
    if key is None:
        return None
    try:
        jwt.api_jws.decode(signed, key, algorithms=list(set(ALGORITHMS.values())))
    except jwt.InvalidTokenError:
        return None
    return key.key_id


def _signer(signed: str) -> str:
    """Return the id of the key by which this verifies; raises DrillFailed."""
    kid = _verifies(signed)
    if kid is None:
        raise DrillFailed("what was signed is not verified by the published keys")
    return kid


def _end_files_of(kid: str) -> None:
    """Let the files that a key of the drill signed have ended; the rows stay, and say nothing of any real key."""
    with system_context(reason="find the files of a drill of key rotation"):
        organizations: list[UUID] = list(SignedFile.objects.filter(kid=kid).values_list("organization_id", flat=True))
    for organization_id in organizations:
        with organization_context(organization_id):
            SignedFile.objects.filter(kid=kid).update(valid_until=clock.now() - timedelta(seconds=1))
