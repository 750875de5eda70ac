"""The platform's own data key, for short secrets that belong to no organization; each version is one wrapped row."""

import base64
import time
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from config.kernel import cipher, key_encryption
from config.kernel.models import PlatformKey
from config.kernel.tenancy import system_context

OWNER = "platform"
FIRST_VERSION = 1
REREAD_SECONDS = 60.0
"""A new version is used by every process after so long; an old one is kept for a day longer than it is needed."""


class PlatformKeyDiffers(Exception):
    """A version of the platform's key is there already, and it is another key."""


_wrapped: dict[int, bytes] = {}
_read_again_at = 0.0


def newest() -> tuple[int, bytes]:
    """Return the newest version and its key. Raises KeyEncryptionUnavailable."""
    wrapped = _rows()
    if not wrapped:
        raise cipher.CannotDecrypt("there is no platform key; run: manage.py bootstrap, or restore_keys")
    version = max(wrapped)
    return version, _open(version, wrapped[version])


def find(version: int) -> bytes:
    """Return the key of a version; raises CannotDecrypt when there is none, KeyEncryptionUnavailable."""
    wrapped = _rows().get(version) or _rows(afresh=True).get(version)
    if wrapped is None:
        raise cipher.CannotDecrypt("there is no such platform key")
    return _open(version, wrapped)


def reread() -> None:
    """Read the versions again, as every process does by itself every REREAD_SECONDS."""
    _rows(afresh=True)


def list_wrapped() -> list[bytes]:
    """Return every version as it is stored."""
    return list(_rows(afresh=True).values())


def create_first() -> bool:
    """Make the first version when there is none; return whether it was made. By the role that owns the tables."""
    return bool(not PlatformKey.objects.exists() and _create(FIRST_VERSION))


def export() -> list[dict[str, Any]]:
    """Return every version in the form of a backup: wrapped, as it is stored."""
    return [
        {"version": version, "wrapped_key": base64.b64encode(wrapped).decode()}
        for version, wrapped in sorted(_rows(afresh=True).items())
    ]


def restore(exported: list[dict[str, Any]], *, replace: bool) -> int:
    """Put back the versions of a backup that are missing; return how many.

    Raises PlatformKeyDiffers for one that is there with another key, unless it is to be replaced.
    """
    missing = {one["version"]: base64.b64decode(one["wrapped_key"]) for one in exported}
    for version, present in _rows(afresh=True).items():
        backed_up = missing.pop(version, None)
        if backed_up is None or _open(version, backed_up) == _open(version, present):
            continue
        if not replace:
            raise PlatformKeyDiffers
        missing[version] = backed_up
    with system_context(reason="restore the platform's data key"):
        PlatformKey.objects.filter(version__in=missing).delete()
        PlatformKey.objects.bulk_create(PlatformKey(version=one, wrapped_key=key) for one, key in missing.items())
    _rows(afresh=True)
    return len(missing)


def rotate() -> int:
    """Make the next version, which new secrets are encrypted under, and return it."""
    with system_context(reason="rotate the platform's data key"):
        version = max(PlatformKey.objects.values_list("version", flat=True), default=0) + 1
        _create(version)
    return version


def rotate_when_older(lifetime: timedelta) -> bool:
    """Make the next version when the newest is older than `lifetime`; return whether it was made."""
    with system_context(reason="find out how old the platform's data key is"):
        young = PlatformKey.objects.filter(created_at__gt=Now() - lifetime).exists()
    return not young and bool(rotate())


def rewrap() -> int:
    """Wrap every version anew that the newest key-encryption key does not wrap; return how many.

    Raises CannotDecrypt, KeyEncryptionUnavailable.
    """
    done = 0
    for version, old in _rows(afresh=True).items():
        new = key_encryption.rewrap(old, OWNER, str(version))
        if new is not None:
            with system_context(reason="wrap the platform's data key anew"):
                done += PlatformKey.objects.filter(version=version, wrapped_key=old).update(wrapped_key=new)
    return done


def _create(version: int) -> bool:
    """Write a version; of several processes that do so at once the unique constraint lets one succeed."""
    row = PlatformKey(version=version, wrapped_key=key_encryption.wrap(cipher.new_key(), OWNER, str(version)))
    PlatformKey.objects.bulk_create([row], ignore_conflicts=True)
    _rows(afresh=True)
    return True


def _open(version: int, wrapped: bytes) -> bytes:
    return key_encryption.unwrap(wrapped, OWNER, str(version))


def _rows(*, afresh: bool = False) -> dict[int, bytes]:
    global _wrapped, _read_again_at
    if afresh or not _wrapped or time.monotonic() >= _read_again_at:
        _wrapped = {row.version: bytes(row.wrapped_key) for row in PlatformKey.objects.all()}
        _read_again_at = time.monotonic() + REREAD_SECONDS
    return _wrapped
