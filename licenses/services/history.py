"""Keeps the history of seats true. Nothing depends on it: a lapsed lease counts for nothing, recorded or not."""

from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now

from config.kernel.tenancy import organization_context, system_context
from licenses import metrics
from licenses.models import EndReason, LicenseSession
from users.services import audit

MOST_AT_ONCE = 1000


def record_lapsed() -> int:
    """Close the sessions whose leases have run out, at the moment they did; return how many."""
    with system_context(reason="find seat leases that have run out"):
        lapsed = list(
            LicenseSession.objects.filter(ended_at=None, expires_at__lte=Now())
            .order_by("organization_id")
            .values_list("organization_id", "id")[:MOST_AT_ONCE]
        )
    closed = sum(_close(organization_id, session_id) for organization_id, session_id in lapsed)
    metrics.lease_expiries.inc(closed)
    return closed


def _close(organization_id: UUID, session_id: UUID) -> int:
    with organization_context(organization_id):
        # Looked at again: its machine may have come back meanwhile, and closed it itself.
        closed = LicenseSession.objects.filter(id=session_id, ended_at=None, expires_at__lte=Now()).update(
            ended_at=F("expires_at"), end_reason=EndReason.EXPIRED
        )
        if closed:
            audit.record(
                action="LICENSE_EXPIRED",
                organization_id=organization_id,
                object_type="license_session",
                object_id=session_id,
            )
    return closed
