"""Signs and reads compact JWS (RFC 7515) by Ed25519 keys of a keyring: for tokens that each request of a machine shows.

Only what our own tokens need: one algorithm, the key named by `kid`, nothing negotiated. A library that is asked to
take any token spends three times as long on it.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config.kernel.keyring import Keyring, SigningKey

ALGORITHM = "EdDSA"


class NotOurs(ValueError):
    """The text is no token, or none that this keyring signed for this type."""


def sign(payload: dict[str, Any], *, key: SigningKey, token_type: str) -> str:
    """Return the signed token; `token_type` goes into its header, so that no token passes for one of another type."""
    if not isinstance(key.private, Ed25519PrivateKey):
        raise TypeError("compact tokens are signed by Ed25519 keys")
    text = _header(key.kid, token_type) + b"." + _encode(json.dumps(payload, separators=(",", ":")).encode())
    return (text + b"." + _encode(key.private.sign(text))).decode()


def read(raw: str, *, keys: Keyring, token_type: str) -> dict[str, Any]:
    """Return the payload of a token whose signature is good; its claims are the caller's to judge. Raises NotOurs."""
    try:
        text, _, signature = raw.encode("ascii").rpartition(b".")
        head, _, body = text.partition(b".")
        kid = _kid(head, token_type)
        key = keys.find(kid)
        if key is None or key.algorithm != ALGORITHM or not isinstance(key.public, Ed25519PublicKey):
            raise NotOurs("signed by a key that is none of ours")
        key.public.verify(_decode(signature), text)
        payload = json.loads(_decode(body))
    except (ValueError, InvalidSignature, RecursionError) as error:
        raise NotOurs(str(error)) from error
    if not isinstance(payload, dict):
        raise NotOurs("the payload is no object")
    return payload


@lru_cache(maxsize=32)
def _header(kid: str, token_type: str) -> bytes:
    return _encode(json.dumps({"alg": ALGORITHM, "kid": kid, "typ": token_type}, separators=(",", ":")).encode())


@lru_cache(maxsize=32)  # there are as many headers as keys; what strangers send pushes them out at worst
def _kid(head: bytes, token_type: str) -> str:
    """Return the key that a header names; raises NotOurs for any but the headers we write."""
    header = json.loads(_decode(head))
    if not isinstance(header, dict) or "crit" in header or header.get("alg") != ALGORITHM:
        raise NotOurs("not a header of ours")
    kid = header.get("kid")
    if header.get("typ") != token_type or not isinstance(kid, str):
        raise NotOurs("not a header of ours")
    return kid


def _encode(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))
