"""Wraps data keys under key-encryption keys, which are kept in files or in Google Cloud KMS; one interface for both.

A wrapped key begins with a letter for its keeper, so that a deployment that moves from files to KMS opens what it has
while `rotate_keys --data-keys` wraps it anew.
"""

from functools import lru_cache

from django.conf import settings

from config.kernel import cipher
from config.kernel.key_encryption.cache import OpenedKeys
from config.kernel.key_encryption.files import FileKeeper
from config.kernel.key_encryption.interface import Keeper, KeyEncryptionUnavailable, Opened

__all__ = ["FILE_LETTER", "KeyEncryptionUnavailable", "forget", "rewrap", "unwrap", "wrap"]

FILES, GOOGLE_KMS = "files", "google_kms"
FILE_LETTER = b"F"
_LETTERS = {FILES: FILE_LETTER, GOOGLE_KMS: b"G"}
_opened = OpenedKeys()


def wrap(data_key: bytes, *context: str) -> bytes:
    """Return a data key under the newest key-encryption key, fit to be stored, bound to `context`.

    Its first part names the owner (an organization's id). Raises KeyEncryptionUnavailable.
    """
    chosen = settings.KEY_ENCRYPTION_PROVIDER
    wrapped = _LETTERS[chosen] + _keeper(chosen).wrap(data_key, context)
    _opened.keep(context, wrapped, data_key)
    return wrapped


def unwrap(wrapped: bytes, *context: str) -> bytes:
    """Return the data key of `wrap`, from this process's memory if it is there.

    Raises CannotDecrypt, KeyEncryptionUnavailable.
    """
    data_key = _opened.find(context, wrapped)
    if data_key is None:
        data_key = _open(wrapped, context).data_key
        _opened.keep(context, wrapped, data_key)
    return data_key


def rewrap(wrapped: bytes, *context: str) -> bytes | None:
    """Return the data key wrapped anew, or None when the newest key-encryption key wraps it already.

    Raises CannotDecrypt, KeyEncryptionUnavailable.
    """
    opened = _open(wrapped, context)
    if opened.newest and wrapped[:1] == _LETTERS[settings.KEY_ENCRYPTION_PROVIDER]:
        return None
    return wrap(opened.data_key, *context)


def forget(owner: str) -> None:
    """Drop an owner's opened keys from this process's memory."""
    _opened.forget(owner)


def _open(wrapped: bytes, context: tuple[str, ...]) -> Opened:
    if wrapped[:1] == _LETTERS[GOOGLE_KMS] and not settings.GOOGLE_KMS_KEYS:
        raise cipher.CannotDecrypt("Cloud KMS wrapped it, and GOOGLE_KMS_KEYS names no key")
    for name, letter in _LETTERS.items():
        if wrapped[:1] == letter:
            return _keeper(name).open(wrapped[1:], context)
    raise cipher.CannotDecrypt("unknown keeper")


@lru_cache(maxsize=len(_LETTERS))
def _keeper(name: str) -> Keeper:
    if name == FILES:
        return FileKeeper()
    from config.kernel.key_encryption.google_kms import GoogleKeeper  # noqa: PLC0415  (heavy, and an extra)

    return GoogleKeeper()
