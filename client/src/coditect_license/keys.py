"""Whose signatures are believed: keys that the host carries, or those that the server publishes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Callable, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

JWKS_PATH = "/.well-known/jwks.json"
ASKED_AGAIN_AFTER_SECONDS = 60.0


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

    def find(self, kid: str) -> Ed25519PublicKey | None:
        """Return the key of this id."""
        return self._keys.get(kid)


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
    listed = jwks.get("keys")
    found = {}
    for key in listed if isinstance(listed, list) else []:
        if not isinstance(key, dict) or key.get("kty") != "OKP" or key.get("crv") != "Ed25519":
            continue
        try:
            raw = base64.urlsafe_b64decode(str(key["x"]) + "=")
            found[str(key["kid"])] = Ed25519PublicKey.from_public_bytes(raw)
        except (KeyError, ValueError, binascii.Error):
            continue
    return found
