"""Seals audit entries into a chain for each organization, and one for the platform; run by the worker.

The request path appends entries and waits for nobody. Here they are given their place: under the chain's lock, and
only those whose transaction is certainly over, in the order of their transactions. So an entry that commits late is
sealed later, and none is ever skipped.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.utils import CursorWrapper

from config.kernel.ids import new_id
from config.kernel.tenancy import SYSTEM_ALIAS, organization_context, system_context
from users import chain, chain_sql, checkpoints, metrics
from users.chain import Leaf
from users.checkpoints import Checkpoint

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 5000
LAGGING_SECONDS = 300.0


def seal_all() -> int:
    """Seal what is due in every chain and return how many entries that was; a chain that fails holds up no other."""
    sealed = 0
    for organization_id, waiting_seconds in _due():
        metrics.waited_seconds.observe(waiting_seconds)
        if waiting_seconds > LAGGING_SECONDS:
            logger.warning("audit entries of %s wait for their seal since %.0f s", organization_id, waiting_seconds)
        try:
            sealed += seal(organization_id=organization_id)
        except DatabaseError:
            metrics.seal_failures.inc()
            logger.exception("the audit chain of %s could not be sealed", organization_id)
    return sealed


def seal(*, organization_id: UUID | None) -> int:
    """Seal what is due in one chain (None: the platform's) and return how many entries that was."""
    sealed = 0
    while True:
        checkpoint, count = _seal_some(organization_id)
        sealed += count
        metrics.sealed.inc(count)
        if checkpoint is not None:
            # Only now that it is true for good: a line in the log cannot be rolled back.
            checkpoints.publish(checkpoint)
        if count < MOST_AT_ONCE:
            return sealed


def repeat_checkpoints() -> int:
    """Tell the log the newest checkpoint of each chain again, so that a quiet chain's outlives the log's retention.

    Also makes up for a process that died between sealing and telling. Returns how many there are.
    """
    with system_context(reason="tell the newest audit checkpoints again"), connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute(chain_sql.NEWEST_CHECKPOINTS)
        newest = [Checkpoint(row[0], row[1], bytes(row[2]), row[3], row[4], bytes(row[5])) for row in cursor]
    for checkpoint in newest:
        checkpoints.publish(checkpoint)
    return len(newest)


def _due() -> list[tuple[UUID | None, float]]:
    """Return the chains that have entries to seal, with the seconds for which the first has been waiting."""
    with system_context(reason="find unsealed audit entries"), connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute(chain_sql.CHAINS_WITH_WORK)
        return list(cursor.fetchall())


def _seal_some(organization_id: UUID | None) -> tuple[Checkpoint | None, int]:
    """Seal up to MOST_AT_ONCE entries in one transaction; return the checkpoint of the new head, and how many."""
    with _chain_of(organization_id) as reading, connection.cursor() as writing:
        writing.execute(chain_sql.LOCK, [f"audit chain {organization_id}"])
        if not writing.fetchone()[0]:
            return None, 0  # another worker is at this chain
        head, hash_ = _head(reading, organization_id)
        due = chain_sql.of_chain(chain_sql.DUE, organization_id)
        reading.execute(due, {"owner": organization_id, "most": MOST_AT_ONCE})
        leaves = [Leaf(*row) for row in reading.fetchall()]
        if not leaves:
            return None, 0
        sequences = range(head + 1, head + len(leaves) + 1)
        hashes = []
        for sequence, leaf in zip(sequences, leaves, strict=True):
            hash_ = chain.link(hash_, sequence, leaf)
            hashes.append(hash_)
        writing.execute(chain_sql.APPEND, [organization_id, [leaf.id for leaf in leaves], list(sequences), hashes])
        return _sign(writing, organization_id, sequences[-1], hash_), len(leaves)


@contextmanager
def _chain_of(organization_id: UUID | None) -> Iterator[CursorWrapper]:
    """Open the transaction in which a chain is sealed; yields the cursor that may read its entries.

    Platform entries can be read through the system door only, and sealed by the worker's own role only.
    """
    if organization_id is not None:
        with organization_context(organization_id), connection.cursor() as cursor:
            yield cursor
        return
    with (
        transaction.atomic(),
        system_context(reason="seal platform audit entries"),
        connections[SYSTEM_ALIAS].cursor() as cursor,
    ):
        yield cursor


def _head(reading: CursorWrapper, organization_id: UUID | None) -> tuple[int, bytes]:
    reading.execute(chain_sql.of_chain(chain_sql.HEAD, organization_id), {"owner": organization_id})
    row = reading.fetchone()
    return (row[0], bytes(row[1])) if row else (0, chain.GENESIS)


def _sign(writing: CursorWrapper, organization_id: UUID | None, sequence: int, hash_: bytes) -> Checkpoint:
    writing.execute(chain_sql.NOW)
    made = checkpoints.sign(
        organization_id=organization_id, sequence=sequence, hash_=hash_, signed_at=writing.fetchone()[0]
    )
    values = [new_id(), organization_id, sequence, hash_, made.signed_at, made.key_id, made.signature]
    writing.execute(chain_sql.CHECKPOINT, values)
    return made
