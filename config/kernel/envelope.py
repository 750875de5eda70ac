"""Encrypts short secrets that belong to no organization's key: mails that wait, remembered answers, second factors.

They lie under the platform's data key, which the key-encryption key wraps: one call to its keeper serves a process for
minutes. Each such column is listed in `config/kernel/sealed_columns.py`, so that the key can be rotated beneath it.
"""

from config.kernel import cipher, platform_keys
from config.kernel.cipher import CannotDecrypt

__all__ = ["CannotDecrypt", "key_version", "unwrap", "wrap"]

VERSION_BYTES = 4


def wrap(secret: bytes, *context: str) -> bytes:
    """Return a secret encrypted under the platform's newest data key, led by that key's version.

    `context` is what the secret belongs to (say owner, field, row). Raises KeyEncryptionUnavailable.
    """
    version, key = platform_keys.newest()
    return version.to_bytes(VERSION_BYTES, "big") + cipher.encrypt(key, secret, *context, str(version))


def unwrap(wrapped: bytes, *context: str) -> bytes:
    """Return the secret of `wrap`; raises CannotDecrypt for another's, KeyEncryptionUnavailable."""
    version = key_version(wrapped)
    return cipher.decrypt(platform_keys.find(version), wrapped[VERSION_BYTES:], *context, str(version))


def key_version(blob: bytes) -> int:
    """Return the version of the data key that a stored ciphertext is led by."""
    return int.from_bytes(blob[:VERSION_BYTES], "big")
