"""Signing keys, one folder a purpose: the newest that has begun signs, all verify, all are published in the JWKS.

`KEYS_DIR/<purpose>/<from when on>.pem` holds private keys (PKCS #8). A new key is written with a moment ahead, so that
it is published, and known to every process, before anything is signed by it; processes notice new files by themselves.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.kernel import key_files
from config.kernel.key_files import KeyFile, Watched

PrivateKey = Ed25519PrivateKey | RSAPrivateKey
SUFFIX = ".pem"


class Purpose(StrEnum):
    """What a key signs; a key of one purpose never verifies for another."""

    USER_TOKEN = "user-tokens"  # noqa: S105  (the name of a folder)
    SEAT_TOKEN = "seat-tokens"  # noqa: S105  (a name of keys, and no secret)
    LICENSE_FILE = "license-files"
    AUDIT_CHECKPOINT = "audit-checkpoints"
    ANSWER = "answers"


ALGORITHMS = {
    Purpose.USER_TOKEN: "EdDSA",
    Purpose.SEAT_TOKEN: "EdDSA",
    Purpose.LICENSE_FILE: "PS256",
    Purpose.AUDIT_CHECKPOINT: "EdDSA",
    Purpose.ANSWER: "EdDSA",
}


@dataclass(frozen=True)
class SigningKey:
    """A private key with its id: the RFC 7638 thumbprint of its public half."""

    kid: str
    algorithm: str
    private: PrivateKey = field(repr=False)
    public_jwk: dict[str, Any]
    file: KeyFile

    @cached_property
    def public(self) -> Ed25519PublicKey | RSAPublicKey:
        """The half that verifies, derived once: that takes as long as verifying."""
        return self.private.public_key()


class Keyring:
    """The keys of one purpose, oldest first."""

    def __init__(self, keys: list[SigningKey]) -> None:
        if not keys:
            raise ImproperlyConfigured("a keyring without keys cannot sign; run: manage.py create_keys")
        self.keys = tuple(keys)
        self._by_kid = {key.kid: key for key in keys}

    @property
    def signing(self) -> SigningKey:
        """The key that signs now."""
        return self.signing_at(datetime.now(UTC))

    def signing_at(self, moment: datetime) -> SigningKey:
        """Return the key that signs what is dated `moment`; the same in every process that knows the key files."""
        begun = [key for key in self.keys if key.file.not_before <= moment]
        return begun[-1] if begun else self.keys[0]

    def find(self, kid: str) -> SigningKey | None:
        """Return the key with this id, or None."""
        return self._by_kid.get(kid)

    def public_jwks(self) -> list[dict[str, Any]]:
        """Return the public keys as JWKs (RFC 7517), oldest first."""
        return [key.public_jwk for key in self._by_kid.values()]


def keyring(purpose: Purpose) -> Keyring:
    """Return the keyring of a purpose as its folder is now; raises ImproperlyConfigured when it has no key."""
    return _watched(settings.KEYS_DIR, purpose).current()


def public_jwks() -> dict[str, list[dict[str, Any]]]:
    """Return every public key in use as a JWK set (RFC 7517 §5)."""
    return {"keys": [key for purpose in Purpose for key in keyring(purpose).public_jwks()]}


def refuse_missing() -> None:
    """Raise ImproperlyConfigured, naming every purpose without a key; called before a process serves.

    All that there are are read by it: better now than while the first caller waits.
    """
    missing = [str(purpose) for purpose in Purpose if not key_files.list_files(settings.KEYS_DIR / purpose, SUFFIX)]
    if missing:
        raise ImproperlyConfigured(f"KEYS_DIR has no key for: {', '.join(missing)}; run: manage.py create_keys")
    for purpose in Purpose:
        keyring(purpose)


def create_missing() -> list[Path]:
    """Write a first key for each purpose that has none, and return the new files."""
    return [create(purpose) for purpose in Purpose if not key_files.list_files(settings.KEYS_DIR / purpose, SUFFIX)]


def create(purpose: Purpose, *, lead: timedelta = timedelta(0)) -> Path:
    """Write a new private key for a purpose, that signs `lead` from now on, and return its path."""
    private: PrivateKey
    if ALGORITHMS[purpose] == "PS256":
        private = generate_private_key(public_exponent=65537, key_size=4096)
    else:
        private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key_files.write(settings.KEYS_DIR / purpose, SUFFIX, pem, lead=lead)


@lru_cache(maxsize=4 * len(Purpose))
def _watched(folder: Path, purpose: Purpose) -> Watched[Keyring]:
    return Watched(
        folder / purpose, SUFFIX, lambda files: Keyring([_load(file, ALGORITHMS[purpose]) for file in files])
    )


def _load(file: KeyFile, algorithm: str) -> SigningKey:
    # Not validated again: the file is our own, and checking an RSA key of 4096 bits takes most of a second.
    pem = file.path.read_bytes()
    private = serialization.load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, Ed25519PrivateKey | RSAPrivateKey):
        raise ImproperlyConfigured(f"{file.path.name} is neither an Ed25519 nor an RSA key")
    jwk = _public_jwk(private.public_key())
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    kid = _base64url(hashlib.sha256(canonical).digest())
    return SigningKey(kid, algorithm, private, {**jwk, "kid": kid, "alg": algorithm, "use": "sig"}, file)


def _public_jwk(public: Ed25519PublicKey | RSAPublicKey) -> dict[str, str]:
    if isinstance(public, Ed25519PublicKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(raw)}
    numbers = public.public_numbers()
    size = (public.key_size + 7) // 8
    return {
        "kty": "RSA",
        "n": _base64url(numbers.n.to_bytes(size, "big")),
        "e": _base64url(numbers.e.to_bytes(3, "big")),
    }


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
