"""Writes the audit log: called by every service, in the transaction of the change it records."""

from typing import Any
from uuid import UUID

from config.kernel.request_log import current_request_id
from users.models import AuditEntry


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
    # bulk_create, because a plain save asks for the row back, and platform entries may be written but not read here.
    AuditEntry._base_manager.bulk_create(
        [
            AuditEntry(
                action=action,
                organization_id=organization_id,
                object_type=object_type,
                object_id=object_id,
                actor_id=actor_id,
                data=data,
                request_id=current_request_id(),
            )
        ]
    )
