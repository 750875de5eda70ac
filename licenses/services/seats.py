"""Taking a seat, keeping it and giving it back (the protocol: docs/adr/0004-seats.md)."""

import math
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses import lookup, machines, rules
from licenses.errors import (
    NoSeatsAvailable,
    SessionExpired,
    SessionNotFound,
    TokenMismatch,
    TokenSuperseded,
)
from licenses.lookup import FoundLicense, KeyHolder
from licenses.models import EndReason, License, LicenseSession
from licenses.seats import record, store, tokens
from licenses.seats.record import Full, Granted
from licenses.seats.store import Verdict
from licenses.seats.tokens import OFFLINE_GRACE, SeatClaims
from licenses.services import activation
from users.services import audit


@dataclass(frozen=True)
class Seat:
    """A lease on a seat, with the token that renews it. `degraded`: granted without Redis, just as good."""

    session_id: UUID
    signed_token: str
    expires_at: datetime
    offline_until: datetime
    degraded: bool


@dataclass(frozen=True)
class AcquiredSeat:
    """A seat, the licence it is of, and how many are leased with it; `is_new` unless it was this machine's already."""

    seat: Seat
    license: FoundLicense
    seats_used: int
    is_new: bool


def acquire(*, license_key: str, hardware_id: str, holder: KeyHolder) -> AcquiredSeat:
    """Lease a seat to a machine for one lease; the same machine asking again gets its live session back.

    Raises LicenseKeyMalformed, HardwareIdInvalid, LicenseNotFound, AuthenticationRequired, LicenseExpired,
    LicenseSuspended, LicenseInactive, ActivationRequired, ActivationLimitReached, NoSeatsAvailable.
    """
    machine = machines.hardware_hash(hardware_id)
    found = lookup.get_for_holder(license_key=license_key, holder=holder, machine=machine)
    lookup.refuse_unless_usable(found)
    reservation = f"reservation:{new_id()}"
    gate = store.reserve(license_id=found.id, hardware_hash=machine, limit=found.max_seats, reservation=reservation)
    # A gate that has forgotten a holder (restored to an older state, say) does not keep it from its own seat.
    if gate.verdict is Verdict.FULL and not found.holds_seat:
        raise _no_seats(used=gate.held, limit=found.max_seats, seconds=gate.retry_after_ms / 1000)
    outcome = _decide(found, machine=machine, user_id=holder.user_id, reservation=reservation, verdict=gate.verdict)
    if isinstance(outcome, Full):
        store.forget(license_id=found.id, hardware_hash=machine, owner=reservation)
        store.load(license_id=found.id, leases=outcome.leases)
        raise _no_seats(used=outcome.seats_used, limit=found.max_seats, seconds=outcome.retry_after_seconds)
    told = store.confirm(license_id=found.id, lease=outcome.lease)
    seat = _seat(
        organization_id=found.organization_id,
        license_id=found.id,
        lease=outcome.lease,
        lease_no=outcome.lease.lease_no,
        sequence=outcome.sequence,
        now=outcome.now,
        degraded=gate.verdict is Verdict.UNKNOWN or not told,
    )
    return AcquiredSeat(seat, found, outcome.seats_used, outcome.is_new)


def _decide(
    found: FoundLicense, *, machine: bytes, user_id: UUID | None, reservation: str, verdict: Verdict
) -> Granted | Full:
    """Let PostgreSQL decide, under the licence's lock; take the reservation back when it certainly did not grant."""
    committing = False
    try:
        with organization_context(found.organization_id):
            license_ = License.objects.select_for_update(no_key=True).get(id=found.id)
            outcome = record.acquire(
                organization_id=found.organization_id,
                license_id=found.id,
                hardware_hash=machine,
                user_id=user_id,
                limit=license_.max_seats,
            )
            if isinstance(outcome, Granted):
                _refuse_unless_usable(license_, now=outcome.now)
                if outcome.is_new:
                    activation.admit(license_=license_, machine=machine, explicit=False)
                    _audit("LICENSE_ACQUIRED", found.organization_id, outcome.lease.session_id, user_id)
            committing = True
    except BaseException:
        # A commit whose outcome is unknown may have granted: then the reservation is left to lapse by itself.
        if verdict is Verdict.RESERVED and not committing:
            store.forget(license_id=found.id, hardware_hash=machine, owner=reservation)
        raise
    return outcome


def heartbeat(*, claims: SeatClaims, session_id: UUID) -> Seat:
    """Renew the lease of a session by its own token; a lapsed one is never revived.

    Raises SessionNotFound, TokenMismatch, SessionExpired, TokenSuperseded, LicenseExpired, LicenseSuspended,
    LicenseInactive.
    """
    _refuse_mismatch(claims, session_id)
    return _beat(
        organization_id=claims.organization_id,
        license_id=claims.license_id,
        session_id=session_id,
        sequence=claims.sequence,
        lease_no=claims.lease_no,
    )


def heartbeat_as_member(*, organization_id: UUID, user_id: UUID, session_id: UUID) -> Seat:
    """Renew the lease of a session that this member acquired; raises as `heartbeat` does."""
    session = _get_session(organization_id=organization_id, session_id=session_id)
    if session.user_id != user_id:
        raise SessionNotFound
    return _beat(
        organization_id=organization_id,
        license_id=session.license_id,
        session_id=session_id,
        sequence=None,
        lease_no=session.lease_no,
    )


def _beat(*, organization_id: UUID, license_id: UUID, session_id: UUID, sequence: int | None, lease_no: int) -> Seat:
    beat = record.beat(organization_id=organization_id, license_id=license_id, session_id=session_id, sequence=sequence)
    if beat is None:
        raise SessionNotFound
    if not beat.renewed:
        if beat.ended or beat.lease.expires_at <= beat.now:
            raise SessionExpired
        standing = rules.standing(
            status=beat.license_status,
            expires_at=beat.license_expires_at,
            grace_period_ends_at=beat.grace_period_ends_at,
            now=beat.now,
        )
        # A token that still fits was refused because the lease was closed in the moment it was looked at.
        fits = sequence is None or beat.sequence - sequence in {0, 1}
        raise rules.REFUSALS.get(standing, SessionExpired if fits else TokenSuperseded)
    told = store.confirm(license_id=license_id, lease=beat.lease)
    return _seat(
        organization_id=organization_id,
        license_id=license_id,
        lease=beat.lease,
        lease_no=lease_no,
        sequence=beat.sequence,
        now=beat.now,
        degraded=not told,
    )


def release(*, claims: SeatClaims, session_id: UUID) -> None:
    """Give a seat back by its own token; again is fine. Raises SessionNotFound, TokenMismatch.

    The token of an earlier answer, after the machine asked again, frees nothing: the later lease stands.
    """
    _refuse_mismatch(claims, session_id)
    ended = _end(organization_id=claims.organization_id, session_id=session_id, lease_no=claims.lease_no)
    if not ended:
        _get_session(organization_id=claims.organization_id, session_id=session_id)


def release_as_member(*, organization_id: UUID, user_id: UUID, session_id: UUID, may_release_any: bool) -> None:
    """Give a seat back as the member who acquired it, or any seat of the organization; raises SessionNotFound."""
    session = _get_session(organization_id=organization_id, session_id=session_id)
    own = session.user_id == user_id
    if not own and not may_release_any:
        raise SessionNotFound
    reason = EndReason.RELEASED if own else EndReason.FORCED
    _end(organization_id=organization_id, session_id=session_id, lease_no=None, reason=reason, actor_id=user_id)


def _end(
    *,
    organization_id: UUID,
    session_id: UUID,
    lease_no: int | None,
    reason: EndReason = EndReason.RELEASED,
    actor_id: UUID | None = None,
) -> bool:
    with organization_context(organization_id):
        ended = record.release(organization_id=organization_id, session_id=session_id, lease_no=lease_no, reason=reason)
        if ended is not None:
            _audit("LICENSE_RELEASED", organization_id, session_id, actor_id, reason=reason)
    if ended is None:
        return False
    license_id, lease = ended
    store.forget(license_id=license_id, hardware_hash=lease.hardware_hash, owner=lease.owner)
    return True


def _refuse_mismatch(claims: SeatClaims, session_id: UUID) -> None:
    """Raise TokenMismatch for another session's token, SessionNotFound when there is no such session to mismatch."""
    if claims.session_id != session_id:
        _get_session(organization_id=claims.organization_id, session_id=session_id)
        raise TokenMismatch


def _get_session(*, organization_id: UUID, session_id: UUID) -> LicenseSession:
    with organization_context(organization_id):
        session = LicenseSession.objects.filter(id=session_id).first()
    if session is None:
        raise SessionNotFound
    return session


def _refuse_unless_usable(license_: License, *, now: datetime) -> None:
    standing = rules.standing(
        status=license_.status,
        expires_at=license_.expires_at,
        grace_period_ends_at=license_.grace_period_ends_at,
        now=now,
    )
    if standing not in rules.USABLE:
        raise rules.REFUSALS[standing]


def _seat(
    *,
    organization_id: UUID,
    license_id: UUID,
    lease: store.Lease,
    lease_no: int,
    sequence: int,
    now: datetime,
    degraded: bool,
) -> Seat:
    """Return the seat as its holder sees it. The token keeps the lease number its holder came with."""
    offline_until = max(now + OFFLINE_GRACE, lease.expires_at)
    claims = SeatClaims(lease.session_id, license_id, organization_id, lease_no, sequence)
    token = tokens.issue(claims, expires_at=lease.expires_at, offline_until=offline_until)
    return Seat(lease.session_id, token, lease.expires_at, offline_until, degraded)


def _no_seats(*, used: int, limit: int, seconds: float) -> NoSeatsAvailable:
    return NoSeatsAvailable(retry_after=max(1, math.ceil(seconds)), current_seats_used=used, max_seats=limit)


def _audit(action: str, organization_id: UUID, session_id: UUID, actor_id: UUID | None, **data: str) -> None:
    audit.record(
        action=action,
        organization_id=organization_id,
        object_type="license_session",
        object_id=session_id,
        actor_id=actor_id,
        **data,
    )
