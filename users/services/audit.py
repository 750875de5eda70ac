"""Writes the audit log: called by every service, in the transaction of the change it records."""

import json
from typing import Any
from uuid import UUID

from django.db import connection

from config.kernel.ids import new_id
from config.kernel.request_log import current_request_id


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
    values = [
        new_id(),
        organization_id,
        action,
        actor_id,
        object_type,
        object_id,
        json.dumps(data),
        current_request_id(),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, values)


# By hand: a save would ask for the row back, which a platform entry's writer may not read; and a seat appends two.
_APPEND = """
insert into users_auditentry
  (id, organization_id, action, actor_id, object_type, object_id, data, request_id, occurred_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())
"""
