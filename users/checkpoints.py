"""Signed checkpoints of audit chains: what is told to the world outside the database, and how it is told apart there.

Whoever owns the tables can drop their triggers and compute a whole chain anew. They cannot sign it, and cannot take
back the lines that log storage already holds.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.kernel.keyring import Purpose, keyring

logger = logging.getLogger("audit.checkpoint")

MESSAGE = "audit checkpoint"
_DOMAIN = b"coditect audit checkpoint, layout 1\n"


@dataclass(frozen=True)
class Checkpoint:
    """That entry number `sequence` of a chain had this hash; `signed_at` is in microseconds since 1970, UTC."""

    organization_id: UUID | None
    sequence: int
    hash: bytes
    signed_at: int
    key_id: str = ""
    signature: bytes = b""


def sign(*, organization_id: UUID | None, sequence: int, hash_: bytes, signed_at: int) -> Checkpoint:
    """Return a checkpoint signed with the newest key."""
    key = keyring(Purpose.AUDIT_CHECKPOINT).signing
    if not isinstance(key.private, Ed25519PrivateKey):
        raise TypeError("checkpoints are signed with Ed25519")
    unsigned = Checkpoint(organization_id, sequence, hash_, signed_at)
    return Checkpoint(organization_id, sequence, hash_, signed_at, key.kid, key.private.sign(_payload(unsigned)))


def is_ours(checkpoint: Checkpoint) -> bool:
    """Return whether one of our keys signed it. Keys are kept for as long as what they signed is to be believed."""
    key = keyring(Purpose.AUDIT_CHECKPOINT).find(checkpoint.key_id)
    if key is None or not isinstance(key.private, Ed25519PrivateKey):
        return False
    try:
        key.private.public_key().verify(checkpoint.signature, _payload(checkpoint))
    except InvalidSignature:
        return False
    return True


def publish(checkpoint: Checkpoint) -> None:
    """Write the checkpoint to the log, which is shipped to where the database's owner has no say."""
    told = asdict(checkpoint) | {"hash": checkpoint.hash.hex(), "signature": checkpoint.signature.hex()}
    logger.info(MESSAGE, extra=told)


def read(lines: Iterable[str]) -> Iterator[Checkpoint]:
    """Yield the checkpoints among lines of our log, as written or wrapped by a log service (`jsonPayload`).

    Other lines are passed over. Raises ValueError for a checkpoint that is damaged.
    """
    for number, line in enumerate(lines, 1):
        if MESSAGE not in line:
            continue
        try:
            yield _parse(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"line {number} is no readable checkpoint") from error


def _parse(told: dict[str, Any]) -> Checkpoint:
    told = told.get("jsonPayload", told)
    owner = told["organization_id"]
    return Checkpoint(
        organization_id=None if owner is None else UUID(owner),
        sequence=int(told["sequence"]),
        hash=bytes.fromhex(told["hash"]),
        signed_at=int(told["signed_at"]),
        key_id=str(told["key_id"]),
        signature=bytes.fromhex(told["signature"]),
    )


def _payload(checkpoint: Checkpoint) -> bytes:
    owner = checkpoint.organization_id.bytes if checkpoint.organization_id else b""
    numbers = checkpoint.sequence.to_bytes(8, "big") + checkpoint.signed_at.to_bytes(8, "big", signed=True)
    return _DOMAIN + len(owner).to_bytes(1, "big") + owner + numbers + checkpoint.hash
