"""Writes the audit log: called by every service, in the transaction of the change it records.

Only a refusal is recorded beside the transaction, since that is rolled back.
"""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from config.kernel.ids import new_id
from config.kernel.request_log import current_request_id
from config.kernel.tenancy import aside


def record(
    *,
    action: str,
    organization_id: UUID | None,
    object_type: str,
    object_id: UUID | None,
    actor_id: UUID | None = None,
    **data: Any,
) -> None:
    """Append one entry: who (`actor_id`, None for the system itself) did `action` to which object.

    `data` holds small facts for a reader; never a secret, a key or a mail address. With an organization it must be
    called inside that organization's context, or the wall refuses the row.
    """
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, _values(action, organization_id, object_type, object_id, actor_id, data))


def record_each(*, action: str, organization_id: UUID, object_type: str, object_ids: Sequence[UUID]) -> None:
    """Append an entry for each of many objects that the system itself did the same to, in one statement."""
    ids = [new_id() for _ in object_ids]
    values: list[Any] = [organization_id, action, object_type, current_request_id(), ids, list(object_ids)]
    with connection.cursor() as cursor:
        cursor.execute(_APPEND_EACH, values)


def record_refusal(*, action: str, organization_id: UUID | None, actor_id: UUID | None, **data: Any) -> None:
    """Append that somebody was refused something, on a connection of its own; `data` as for `record`."""
    values = _values(action, organization_id, "request", None, actor_id, data)
    with aside(organization_id) as cursor:
        cursor.execute(_APPEND, values)


def _values(
    action: str,
    organization_id: UUID | None,
    object_type: str,
    object_id: UUID | None,
    actor_id: UUID | None,
    data: dict[str, Any],
) -> list[Any]:
    return [
        new_id(),
        organization_id,
        action,
        actor_id,
        object_type,
        object_id,
        json.dumps(data),
        current_request_id(),
    ]


# By hand: a save would ask for the row back, which a platform entry's writer may not read; and a seat appends two.
_APPEND = """
insert into users_auditentry
  (id, organization_id, action, actor_id, object_type, object_id, data, request_id, occurred_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())
"""
_APPEND_EACH = """
insert into users_auditentry
  (id, organization_id, action, actor_id, object_type, object_id, data, request_id, occurred_at)
select e.id, %s, %s, null, %s, e.object_id, '{}', %s, clock_timestamp()
from unnest(%s::uuid[], %s::uuid[]) as e (id, object_id)
"""
