"""The yardstick (b): the same seats by PostgreSQL's row locks alone, as one would write them without a gate.

The same authentication, look-up, lock, count, insert and audit entry; a transaction of statements, no Redis, no limits.
With `"lean"` in the body it is the product's own statement, `seat_acquire`, and only the gate is missing.
"""

from typing import Any
from uuid import UUID

from django.db import connection
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses import lookup, machines
from licenses.lookup import FoundLicense, KeyHolder
from licenses.models import License, LicenseSession
from licenses.seats import record
from licenses.seats.record import Full
from users.services import audit


class RowLockAcquireView(APIView):
    """Leases a seat."""

    def post(self, request: Request) -> Response:
        """201 with the session, 429 when the licence is full."""
        body: Any = request.data
        machine = machines.hardware_hash(body["hardware_id"])
        holder = KeyHolder(request.user.id)
        found = lookup.get_for_holder(license_key=body["license_key"], holder=holder, machine=machine)
        session_id = _lean(found, machine) if "lean" in body else _acquire(found, machine)
        if session_id is None:
            return Response({"code": "no_seats_available"}, status=429)
        return Response({"session_id": session_id, "organization_id": found.organization_id}, status=201)


class RowLockReleaseView(APIView):
    """Gives it back."""

    def post(self, request: Request) -> Response:
        """204."""
        body: Any = request.data
        organization_id, session_id = UUID(body["organization_id"]), UUID(body["session_id"])
        with organization_context(organization_id):
            session = LicenseSession.objects.select_for_update().get(id=session_id, ended_at=None)
            session.ended_at, session.end_reason = clock.now(), "released"
            session.save(update_fields=["ended_at", "end_reason"])
            _audit("LICENSE_RELEASED", organization_id, session_id)
        return Response(status=204)


def _acquire(found: FoundLicense, machine: bytes) -> UUID | None:
    with organization_context(found.organization_id):
        license_ = License.objects.select_for_update(no_key=True).get(id=found.id)
        if record.count_live(organization_id=found.organization_id, license_id=found.id) >= license_.max_seats:
            return None
        session_id = new_id()
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into licenses_licensesession (id, organization_id, license_id, hardware_hash, lease_no, "
                "sequence, acquired_at, last_heartbeat_at, expires_at, end_reason) values (%s, %s, %s, %s, 1, 1, "
                "clock_timestamp(), clock_timestamp(), clock_timestamp() + interval '360 s', '')",
                [session_id, found.organization_id, found.id, machine],
            )
        _audit("LICENSE_ACQUIRED", found.organization_id, session_id)
    return session_id


def _lean(found: FoundLicense, machine: bytes) -> UUID | None:
    outcome: Any = record.acquire(
        organization_id=found.organization_id, license_id=found.id, hardware_hash=machine, user_id=None
    )
    return None if isinstance(outcome, Full) else outcome.lease.session_id


def _audit(action: str, organization_id: UUID, session_id: UUID) -> None:
    audit.record(action=action, organization_id=organization_id, object_type="license_session", object_id=session_id)
