"""Keyed hashes of secrets and identifiers, so that a copy of the database reveals neither."""

import hashlib
import hmac
from functools import lru_cache

from django.conf import settings


@lru_cache(maxsize=1)
def _key() -> bytes:
    return bytes.fromhex(settings.LOOKUP_HASH_KEY)


def keyed_hash(purpose: str, value: str) -> bytes:
    """Return 32 bytes, HMAC-SHA256 of `value` under LOOKUP_HASH_KEY.

    `purpose` separates uses: the same value hashed for two purposes gives unrelated results.
    """
    return hmac.new(_key(), purpose.encode() + b"\x00" + value.encode(), hashlib.sha256).digest()
