"""Key-encryption keys in files, `KEYS_DIR/tenant-data/*.key` (32 bytes as hex): the newest wraps, all of them open."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.kernel import cipher, key_files
from config.kernel.key_encryption.interface import Opened
from config.kernel.key_files import KeyFile, Watched

SUFFIX = ".key"
ID_BYTES = 8


@dataclass(frozen=True)
class FileKey:
    """A key-encryption key from a file; its id is a hash of it."""

    id: bytes
    secret: bytes = field(repr=False)
    file: KeyFile


class FileKeeper:
    """Wraps and opens with the keys of the folder; a wrapped key begins with the id of its key-encryption key."""

    def wrap(self, data_key: bytes, context: tuple[str, ...]) -> bytes:
        """Return the data key under the newest key-encryption key."""
        newest = _newest(keys())
        return newest.id + cipher.encrypt(newest.secret, data_key, *context)

    def open(self, wrapped: bytes, context: tuple[str, ...]) -> Opened:
        """Return the data key; raises CannotDecrypt, also when its key-encryption key is not in the folder."""
        known = keys()
        for key in known:
            if key.id == wrapped[:ID_BYTES]:
                data_key = cipher.decrypt(key.secret, wrapped[ID_BYTES:], *context)
                return Opened(data_key, newest=key == _newest(known))
        raise cipher.CannotDecrypt("its key-encryption key is not in KEYS_DIR")


def keys() -> list[FileKey]:
    """Return the keys of the folder, oldest first; raises ImproperlyConfigured when there is none."""
    return _watched(folder()).current()


def folder() -> Path:
    """Return where the keys lie."""
    path: Path = settings.KEYS_DIR / "tenant-data"
    return path


def create(*, lead: timedelta = timedelta(0)) -> Path:
    """Write a new key that wraps `lead` from now on, and return its path."""
    return key_files.write(folder(), SUFFIX, cipher.new_key().hex().encode(), lead=lead)


def _newest(known: list[FileKey]) -> FileKey:
    now = datetime.now(UTC)
    begun = [key for key in known if key.file.not_before <= now]
    return begun[-1] if begun else known[0]


@lru_cache(maxsize=4)
def _watched(path: Path) -> Watched[list[FileKey]]:
    return Watched(path, SUFFIX, _load)


def _load(files: list[KeyFile]) -> list[FileKey]:
    if not files:
        raise ImproperlyConfigured("there is no key-encryption key; run: manage.py create_keys")
    return [_read(file) for file in files]


def _read(file: KeyFile) -> FileKey:
    secret = bytes.fromhex(file.path.read_text().strip())
    if len(secret) != 32:
        raise ImproperlyConfigured(f"{file.path.name} is not a key of 32 bytes")
    return FileKey(hashlib.sha256(b"key-encryption-key" + secret).digest()[:ID_BYTES], secret, file)
