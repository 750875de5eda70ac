"""Whose signatures are believed: keys that the host carries, or those that the server publishes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Callable, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

JWKS_PATH = "/.well-known/jwks.json"
ASKED_AGAIN_AFTER_SECONDS = 60.0
LEAST_RSA_BITS = 2048


class AnswerKeys(Protocol):
    """Finds the key that an answer names."""

    def find(self, kid: str) -> Ed25519PublicKey | None:
        """Return the key of this id, if it is one that is trusted."""
        ...


class PinnedKeys:
    """Keys that came with the host: for programs that have to withstand whoever controls the machine."""

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        """`jwks`: the content of the server's /.well-known/jwks.json, as it was when the host was built."""
        self._keys = read_jwks(jwks)
        self._file_keys = _read_file_keys(jwks)

    def find(self, kid: str) -> Ed25519PublicKey | None:
        """Return the key of this id, for answers."""
        return self._keys.get(kid)

    def find_for_files(self, kid: str) -> RSAPublicKey | None:
        """Return the key of this id, for files."""
        return self._file_keys.get(kid)


class PublishedKeys:
    """What the server publishes, fetched when it is first needed, and again when an unknown id turns up.

    It tells the server from proxies. Whoever controls the machine can publish keys of their own to it.
    """

    def __init__(self, fetch: Callable[[], Mapping[str, Any]], *, now: Callable[[], float]) -> None:
        """`fetch` returns the document, and raises when it cannot be had."""
        self._fetch = fetch
        self._now = now
        self._keys: Mapping[str, Ed25519PublicKey] = {}
        self._fetched_at: float | None = None

    def find(self, kid: str) -> Ed25519PublicKey | None:
        """Return the key of this id; what `fetch` raises is raised."""
        if kid not in self._keys and self._may_fetch():
            # The minute counts from a fetch that came; one that failed may be repeated at once.
            self._keys = read_jwks(self._fetch())
            self._fetched_at = self._now()
        return self._keys.get(kid)

    def _may_fetch(self) -> bool:
        return self._fetched_at is None or self._now() - self._fetched_at >= ASKED_AGAIN_AFTER_SECONDS


def read_jwks(jwks: Mapping[str, Any]) -> dict[str, Ed25519PublicKey]:
    """Return the Ed25519 keys of a JWKS document by their ids; whatever else it holds is left out."""
    found = {}
    for key in _listed(jwks, "OKP"):
        try:
            if key.get("crv") == "Ed25519":
                found[str(key["kid"])] = Ed25519PublicKey.from_public_bytes(base64url(key["x"]))
        except (KeyError, ValueError):
            continue
    return found


def _read_file_keys(jwks: Mapping[str, Any]) -> dict[str, RSAPublicKey]:
    found = {}
    for key in _listed(jwks, "RSA"):
        try:
            n, e = (int.from_bytes(base64url(key[name]), "big") for name in ("n", "e"))
            if n.bit_length() >= LEAST_RSA_BITS:
                found[str(key["kid"])] = RSAPublicNumbers(e=e, n=n).public_key()
        except (KeyError, ValueError):
            continue
    return found


def _listed(jwks: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    listed = jwks.get("keys")
    keys = listed if isinstance(listed, list) else []
    return [key for key in keys if isinstance(key, dict) and key.get("kty") == kind]


def base64url(part: object) -> bytes:
    """Return the bytes of base64url without its padding; raises ValueError for anything else."""
    text = str(part)
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
