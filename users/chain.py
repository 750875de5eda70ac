"""How audit entries are chained: the bytes of an entry, and the hash of each place in the chain.

`hash(n) = SHA-256(domain, hash(n - 1), n, entry)`, with 32 zero bytes for hash(0). Whoever has the entries and the last
hash can tell that none was changed, left out, put in or moved.
"""

import hashlib
from typing import NamedTuple
from uuid import UUID

GENESIS = bytes(32)
_DOMAIN = b"coditect audit entry, layout 1\n"
_ABSENT = b"\xff\xff\xff\xff"

# Each column of an entry `e`, in the order in which they are hashed. Nothing here depends on a setting of the session:
# times are whole microseconds since 1970 (UTC), and the text of a jsonb is canonical (keys sorted and single, numbers
# as exact decimals).
COLUMNS = """
  e.id, e.organization_id, e.action, e.actor_id, e.object_type, e.object_id, e.data::text, e.request_id,
  trunc(extract(epoch from e.occurred_at) * 1000000)::text, e.transaction_id::text
"""


class Leaf(NamedTuple):
    """An entry as COLUMNS reads it."""

    id: UUID
    organization_id: UUID | None
    action: str
    actor_id: UUID | None
    object_type: str
    object_id: UUID | None
    data: str
    request_id: str
    occurred_at: str
    transaction_id: str


def link(previous: bytes, sequence: int, leaf: Leaf) -> bytes:
    """Return the hash of place `sequence`, which holds this entry and comes after the hash `previous`."""
    return hashlib.sha256(_DOMAIN + previous + sequence.to_bytes(8, "big") + canonical(leaf)).digest()


def canonical(leaf: Leaf) -> bytes:
    """Return the bytes that stand for an entry: each column with its length before it, so that none runs into another.

    A column without a value has the length 2³² - 1 and no bytes.
    """
    return b"".join(_ABSENT if part is None else len(part).to_bytes(4, "big") + part for part in map(_bytes_of, leaf))


def _bytes_of(value: UUID | str | None) -> bytes | None:
    if isinstance(value, UUID):
        return value.bytes
    return None if value is None else value.encode()
