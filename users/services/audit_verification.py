"""Computes audit chains anew and names what does not fit: edited, missing, moved, back-dated, cut off.

Reads through the system door, place by place and a page at a time, whatever the length of a chain.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.backends.utils import CursorWrapper

from config.kernel.tenancy import SYSTEM_ALIAS, system_context
from users import chain_sql, checkpoints
from users.chain import Leaf
from users.chain_walk import TOLERANCE, Fault, Place, Walk
from users.checkpoints import Checkpoint

PAGE = 2000
MOST_NAMED = 1000

Tell = Callable[[Fault], None]


@dataclass
class Verified:
    """How much has been looked at; `oldest_unsealed_seconds` is None when everything is sealed."""

    chains: int = 0
    sealed: int = 0
    unsealed: int = 0
    oldest_unsealed_seconds: float | None = None


def list_chains() -> list[UUID | None]:
    """Return whose chains there are; None stands for the platform's."""
    with _looking() as cursor:
        cursor.execute(chain_sql.EVERY_CHAIN)
        return [row[0] for row in cursor.fetchall()]


def verify(*, chains: Iterable[UUID | None], tell: Tell) -> Verified:
    """Verify these chains, telling each fault as it is found."""
    total = Verified()
    for organization_id in chains:
        with _looking() as cursor:
            total.sealed += _walk(cursor, organization_id, tell)
            _name_cut_off(cursor, organization_id, tell)
            unsealed, oldest = _unsealed(cursor, organization_id)
        total.chains += 1
        total.unsealed += unsealed
        if oldest is not None:
            total.oldest_unsealed_seconds = max(oldest, total.oldest_unsealed_seconds or 0.0)
    return total


def compare(*, outside: Iterable[Checkpoint], tell: Tell) -> int:
    """Hold the chains against checkpoints that were kept elsewhere, telling faults; return how many were compared.

    This is how a chain is found whose end was cut off together with its seals, or that was written anew.
    """
    compared = 0
    with _looking() as cursor:
        for checkpoint in outside:
            compared += 1
            fault = _difference(cursor, checkpoint)
            if fault is not None:
                tell(Fault(checkpoint.organization_id, checkpoint.sequence, None, fault))
    return compared


@contextmanager
def _looking() -> Iterator[CursorWrapper]:
    with system_context(reason="verify the audit log"), connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute("set local statement_timeout = 0")
        yield cursor


def _walk(cursor: CursorWrapper, organization_id: UUID | None, tell: Tell) -> int:
    """Follow one chain from its first place to its head; return how many places it has."""
    walk, count, last = Walk(organization_id, tell), 0, -1
    while True:
        cursor.execute(
            chain_sql.of_chain(chain_sql.PLACES, organization_id),
            {"owner": organization_id, "after": last, "page": PAGE},
        )
        rows = cursor.fetchall()
        for row in rows:
            walk.visit(_place(organization_id, row))
        count += len(rows)
        if len(rows) < PAGE:
            break
        last = rows[-1][0]
    walk.arrive()
    values = {"owner": organization_id, "oldest": walk.newest - TOLERANCE, "most": MOST_NAMED}
    cursor.execute(chain_sql.of_chain(chain_sql.SLIPPED_IN, organization_id), values)
    for (entry_id,) in cursor.fetchall():
        tell(Fault(organization_id, None, entry_id, "was put in behind the seal: it is older than what is sealed"))
    return count


def _place(organization_id: UUID | None, row: Sequence[Any]) -> Place:
    sequence, entry_id, hash_, signed_hash, signed_at, key_id, signature, *columns = row
    signed = None
    if signed_hash is not None:
        signed = Checkpoint(organization_id, sequence, bytes(signed_hash), int(signed_at), key_id, bytes(signature))
    leaf = None if columns[0] is None else Leaf(*columns)
    return Place(sequence, entry_id, bytes(hash_), leaf, signed)


def _name_cut_off(cursor: CursorWrapper, organization_id: UUID | None, tell: Tell) -> None:
    cursor.execute(
        chain_sql.of_chain(chain_sql.SIGNED_BUT_GONE, organization_id), {"owner": organization_id, "most": MOST_NAMED}
    )
    for (sequence,) in cursor.fetchall():
        tell(Fault(organization_id, sequence, None, "is missing: a signed checkpoint says that it was there"))


def _unsealed(cursor: CursorWrapper, organization_id: UUID | None) -> tuple[int, float | None]:
    cursor.execute(chain_sql.of_chain(chain_sql.COUNT_UNSEALED, organization_id), {"owner": organization_id})
    count, oldest = cursor.fetchone()
    return count, oldest


def _difference(cursor: CursorWrapper, checkpoint: Checkpoint) -> str | None:
    """Return what is wrong between a chain and a checkpoint of it, or None."""
    if not checkpoints.is_ours(checkpoint):
        return "the checkpoint is not signed by a key of ours"
    owner = {"owner": checkpoint.organization_id, "sequence": checkpoint.sequence}
    cursor.execute(chain_sql.of_chain(chain_sql.HASH_AT, checkpoint.organization_id), owner)
    row = cursor.fetchone()
    if row is None:
        return "is missing: a checkpoint kept elsewhere says that it was there"
    return None if bytes(row[0]) == checkpoint.hash else "has another hash than a checkpoint kept elsewhere says"
