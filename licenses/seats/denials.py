"""How often nobody could be given a seat: counted where the refusal is made, without a statement to PostgreSQL.

The gate counts in a hash a licence, `seats:{<licence id>}:denials`: UTC day (number since 1970) -> refusals, and
`source`, a name that the hash is given when it begins. A counter only grows, so nothing has to be moved exactly once:
`keep` raises what PostgreSQL has of a counter to what it says, and may do so twice, late or not at all. A hash that
was lost begins again under another name, and its count is another row. What is lost with Redis are the refusals since
they were last kept; after an older state was restored, new ones are told once they exceed what is known.

Refused without the gate (Redis does not answer), a caller is counted by the record itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from config.kernel.ids import new_id
from config.kernel.redis import breaker, client
from licenses.models import DenialCount

EPOCH = date(1970, 1, 1)
SOURCE = b"source"


@dataclass(frozen=True)
class Counted:
    """What one counter of one licence says of one day."""

    license_id: UUID
    day: date
    source: str
    count: int


def read(license_ids: Sequence[UUID]) -> list[Counted]:
    """Return what the gate has counted of these licences, in one exchange; raises RedisUnavailable."""
    answers = breaker.call(lambda: _read(license_ids))
    return [
        Counted(license_id, EPOCH + timedelta(days=int(field)), fields[SOURCE].decode(), int(count))
        for license_id, fields in zip(license_ids, answers, strict=True)
        for field, count in fields.items()
        if field != SOURCE and SOURCE in fields
    ]


def forget(counts: Iterable[Counted]) -> None:
    """Drop days from the gate that are over and kept; raises RedisUnavailable."""
    fields = [(_key(one.license_id), str((one.day - EPOCH).days)) for one in counts]
    if fields:
        breaker.call(lambda: _forget(fields))


_KEEP = """
insert into licenses_denialcount as kept (id, organization_id, license_id, day, source, count)
values (%s, %s, %s, %s, %s, %s)
on conflict (organization_id, license_id, day, source) do update set count = greatest(kept.count, excluded.count)
"""
_COUNT = """
insert into licenses_denialcount as kept (id, organization_id, license_id, day, source, count)
values (%s, %s, %s, (clock_timestamp() at time zone 'UTC')::date, %s, 1)
on conflict (organization_id, license_id, day, source) do update set count = kept.count + 1
"""


def keep(*, organization_id: UUID, counts: Iterable[Counted]) -> None:
    """Raise what PostgreSQL knows to what the counters say, inside the organization's context."""
    # In one order everywhere, so that two who keep the same counts cannot block each other.
    ordered = sorted(counts, key=lambda one: (one.license_id, one.day, one.source))
    with connection.cursor() as cursor:
        cursor.executemany(
            _KEEP, [(new_id(), organization_id, one.license_id, one.day, one.source, one.count) for one in ordered]
        )


def count_in_record(*, organization_id: UUID, license_id: UUID) -> None:
    """Count a refusal that the gate knows nothing of, in the transaction that refuses."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [new_id(), organization_id, license_id, DenialCount.RECORD])


def _key(license_id: UUID) -> str:
    return f"seats:{{{license_id}}}:denials"


def _read(license_ids: Sequence[UUID]) -> list[dict[bytes, bytes]]:
    pipeline = client().pipeline(transaction=False)
    for license_id in license_ids:
        pipeline.hgetall(_key(license_id))
    answers: list[Any] = pipeline.execute()
    return answers


def _forget(fields: Sequence[tuple[str, str]]) -> None:
    pipeline = client().pipeline(transaction=False)
    for key, field in fields:
        pipeline.hdel(key, field)
    pipeline.execute()
