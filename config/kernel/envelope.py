"""Authenticated encryption of single values, and the key-encryption key that wraps each organization's data key.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. What a value belongs to is bound in as associated data, so a
ciphertext moved to another row, column or organization does not open.
"""

import os
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16


class CannotDecrypt(Exception):
    """The ciphertext is damaged, belongs elsewhere, or was made with another key."""


def new_data_key() -> bytes:
    """Return a random 256-bit key."""
    return AESGCM.generate_key(bit_length=256)


def encrypt(key: bytes, plaintext: bytes, *context: str) -> bytes:
    """Return version, nonce and ciphertext of `plaintext`, bound to `context` (say organization, column, row)."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plaintext, _associated_data(context))


def decrypt(key: bytes, blob: bytes, *context: str) -> bytes:
    """Return the plaintext; raises CannotDecrypt unless key and `context` are those it was encrypted with."""
    if blob[:1] != _VERSION or len(blob) < 1 + _NONCE_BYTES + _TAG_BYTES:
        raise CannotDecrypt("unknown version, or cut off")
    nonce, ciphertext = blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, _associated_data(context))
    except InvalidTag:
        raise CannotDecrypt("key or context do not fit") from None


def wrap(data_key: bytes, *context: str) -> bytes:
    """Return a data key encrypted under the key-encryption key, fit to be stored."""
    return encrypt(_key_encryption_key(), data_key, *context)


def unwrap(wrapped: bytes, *context: str) -> bytes:
    """Return the data key of `wrap`; raises CannotDecrypt."""
    return decrypt(_key_encryption_key(), wrapped, *context)


def create_missing() -> Path | None:
    """Write the key-encryption key when there is none, readable by this user only; return its path if written."""
    path = _key_path()
    if path.exists():
        return None
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(new_data_key().hex())
    return path


def _key_path() -> Path:
    path: Path = settings.KEYS_DIR / "tenant-data" / "key-encryption.key"
    return path


@lru_cache(maxsize=1)
def _key_encryption_key() -> bytes:
    path = _key_path()
    if not path.exists():
        raise ImproperlyConfigured("there is no key-encryption key; run: manage.py create_keys")
    return bytes.fromhex(path.read_text().strip())


def _associated_data(context: tuple[str, ...]) -> bytes:
    """Length-prefix each part, so that no two different contexts give the same bytes."""
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in context)
