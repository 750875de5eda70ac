"""Signing keys, one folder a purpose: the newest signs, all of them verify, all are published in the JWKS.

`KEYS_DIR/<purpose>/<name>.pem` holds private keys (PKCS #8). Names sort by age (`create` names by date), so a new key
is added beside the old one and the old one is removed when nothing signed with it lives any more.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

PrivateKey = Ed25519PrivateKey | RSAPrivateKey


class Purpose(StrEnum):
    """What a key signs; a key of one purpose never verifies for another."""

    USER_TOKEN = "user-tokens"  # noqa: S105  (the name of a folder)
    SEAT_TOKEN = "seat-tokens"  # noqa: S105
    LICENSE_FILE = "license-files"
    AUDIT_CHECKPOINT = "audit-checkpoints"


ALGORITHMS = {
    Purpose.USER_TOKEN: "EdDSA",
    Purpose.SEAT_TOKEN: "EdDSA",
    Purpose.LICENSE_FILE: "PS256",
    Purpose.AUDIT_CHECKPOINT: "EdDSA",
}


@dataclass(frozen=True)
class SigningKey:
    """A private key with its id: the RFC 7638 thumbprint of its public half."""

    kid: str
    algorithm: str
    private: PrivateKey
    public_jwk: dict[str, Any]


class Keyring:
    """The keys of one purpose."""

    def __init__(self, keys: list[SigningKey]) -> None:
        if not keys:
            raise ImproperlyConfigured("a keyring without keys cannot sign; run: manage.py create_keys")
        self.signing = keys[-1]
        self._by_kid = {key.kid: key for key in keys}

    def find(self, kid: str) -> SigningKey | None:
        """Return the key with this id, or None."""
        return self._by_kid.get(kid)

    def public_jwks(self) -> list[dict[str, Any]]:
        """Return the public keys as JWKs (RFC 7517), oldest first."""
        return [key.public_jwk for key in self._by_kid.values()]


@lru_cache(maxsize=len(Purpose))
def keyring(purpose: Purpose) -> Keyring:
    """Return the keyring of a purpose, read once a process; raises ImproperlyConfigured when it has no key."""
    files = sorted((settings.KEYS_DIR / purpose).glob("*.pem"))
    return Keyring([_load(path, ALGORITHMS[purpose]) for path in files])


def create_missing() -> list[Path]:
    """Write a first key for each purpose that has none, and return the new files."""
    return [create(purpose) for purpose in Purpose if not any((settings.KEYS_DIR / purpose).glob("*.pem"))]


def create(purpose: Purpose) -> Path:
    """Write a new private key for a purpose, readable by this user only, and return its path.

    Running processes use it after their next start.
    """
    private: PrivateKey
    if purpose is Purpose.LICENSE_FILE:
        private = generate_private_key(public_exponent=65537, key_size=4096)
    else:
        private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    folder: Path = settings.KEYS_DIR / purpose
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}.pem"
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(pem)
    return path


def _load(path: Path, algorithm: str) -> SigningKey:
    # Not validated again: the file is our own, and checking an RSA key of 4096 bits takes most of a second.
    private = serialization.load_pem_private_key(path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, Ed25519PrivateKey | RSAPrivateKey):
        raise ImproperlyConfigured(f"{path.name} is neither an Ed25519 nor an RSA key")
    jwk = _public_jwk(private.public_key())
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    kid = _base64url(hashlib.sha256(canonical).digest())
    return SigningKey(kid, algorithm, private, {**jwk, "kid": kid, "alg": algorithm, "use": "sig"})


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
