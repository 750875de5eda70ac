"""Tells an organization that one of its leases is beaten by two: somebody shows a token long replaced."""

from uuid import UUID

from django.db import connection

from config.kernel.tenancy import organization_context
from users.services import audit

# An hour of one session's clones is one audit entry, however often, and through however many processes, they beat.
_COUNT = """
update licenses_licensesession
set clones_suspected = clones_suspected + 1,
    clone_reported_at = case when clone_reported_at > now() - interval '1 hour' then clone_reported_at else now() end
where organization_id = %s and id = %s returning license_id, clones_suspected, clone_reported_at = now()
"""


def report(*, organization_id: UUID, session_id: UUID) -> None:
    """Count a beat with a token older than the last two, and write LICENSE_CLONE_SUSPECTED, once an hour a session."""
    with organization_context(organization_id):
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [organization_id, session_id])
            row = cursor.fetchone()
        if row is None or not row[2]:
            return
        audit.record(
            action="LICENSE_CLONE_SUSPECTED",
            organization_id=organization_id,
            object_type="license_session",
            object_id=session_id,
            license_id=str(row[0]),
            suspected=row[1],
        )
