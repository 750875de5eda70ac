"""Authenticated encryption of single values: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce.

What a value belongs to is bound in as associated data, so a ciphertext moved to another row, column or organization
does not open. With random nonces one key may encrypt 2^32 values (SP 800-38D, 8.3); docs/operations/keys.md says why
no key of ours comes near.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x02"
_NONCE_BYTES = 12
_TAG_BYTES = 16


class CannotDecrypt(Exception):
    """The ciphertext is damaged, belongs elsewhere, was made with another key, or its key is gone."""


def new_key() -> bytes:
    """Return a random 256-bit key."""
    return AESGCM.generate_key(bit_length=256)


def encrypt(key: bytes, plaintext: bytes, *context: str) -> bytes:
    """Return version, nonce and ciphertext of `plaintext`, bound to `context` (say organization, field, row)."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plaintext, _VERSION + bound(context))


def decrypt(key: bytes, blob: bytes, *context: str) -> bytes:
    """Return the plaintext; raises CannotDecrypt unless key and `context` are those it was encrypted with."""
    if blob[:1] != _VERSION or len(blob) < 1 + _NONCE_BYTES + _TAG_BYTES:
        raise CannotDecrypt("unknown version, or cut off")
    nonce, ciphertext = blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, _VERSION + bound(context))
    except InvalidTag:
        raise CannotDecrypt("key or context do not fit") from None


def bound(context: tuple[str, ...]) -> bytes:
    """Return a context as associated data: each part led by its length, so that no two contexts give the same bytes."""
    parts = [part.encode() for part in context]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
