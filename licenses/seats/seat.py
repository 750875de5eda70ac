"""A seat as its holder sees it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licenses.seats import tokens
from licenses.seats.store import Lease
from licenses.seats.tokens import OFFLINE_GRACE, SeatClaims


@dataclass(frozen=True)
class Seat:
    """A lease on a seat, with the token that renews it. `degraded`: granted without Redis, just as good."""

    session_id: UUID
    signed_token: str
    expires_at: datetime
    offline_until: datetime
    degraded: bool


def issue(
    *,
    organization_id: UUID,
    license_id: UUID,
    lease: Lease,
    lease_no: int,
    sequence: int,
    now: datetime,
    degraded: bool,
) -> Seat:
    """Return the seat of a lease, with a fresh token that keeps the lease number its holder came with.

    `now` is PostgreSQL's moment of the grant or beat.
    """
    offline_until = max(now + OFFLINE_GRACE, lease.expires_at)
    claims = SeatClaims(lease.session_id, license_id, organization_id, lease_no, sequence)
    token = tokens.issue(claims, expires_at=lease.expires_at, offline_until=offline_until)
    return Seat(lease.session_id, token, lease.expires_at, offline_until, degraded)
