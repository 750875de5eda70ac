"""Keeping a seat and giving it back (the protocol: docs/adr/0004-seats.md); taking it is in `acquiring`."""

from uuid import UUID

from config.kernel.errors import DomainError
from config.kernel.tenancy import organization_context
from licenses import metrics, rules
from licenses.errors import (
    SessionExpired,
    SessionNotFound,
    SessionTakenOver,
    TokenMismatch,
    TokenSuperseded,
)
from licenses.models import EndReason, LicenseSession
from licenses.seats import beats, record, seat, store
from licenses.seats.record import Asked, Beat
from licenses.seats.seat import Seat
from licenses.seats.tokens import SeatClaims
from licenses.services import clones


@metrics.counted_beat
def heartbeat(*, claims: SeatClaims, session_id: UUID) -> Seat:
    """Renew the lease of a session by its own token; a lapsed one is never revived.

    Raises SessionNotFound, TokenMismatch, SessionExpired, TokenSuperseded, LicenseExpired, LicenseSuspended,
    LicenseInactive, SessionTakenOver.
    """
    _refuse_mismatch(claims, session_id)
    return _beat(
        organization_id=claims.organization_id,
        license_id=claims.license_id,
        session_id=session_id,
        sequence=claims.sequence,
        lease_no=claims.lease_no,
    )


@metrics.counted_beat
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
    found, told = beats.beat(Asked(organization_id, license_id, session_id, sequence))
    if found is None:
        raise SessionNotFound
    if not found.renewed:
        refusal = _refusal(found, sequence=sequence)
        if isinstance(refusal, TokenSuperseded):
            clones.report(organization_id=organization_id, session_id=session_id)
        raise refusal
    return seat.issue(
        organization_id=organization_id,
        license_id=license_id,
        lease=found.lease,
        lease_no=lease_no,
        sequence=found.sequence,
        now=found.now,
        degraded=not told,
    )


def _refusal(beat: Beat, *, sequence: int | None) -> DomainError:
    """Return why a beat was refused that found its session."""
    if beat.end_reason == EndReason.TAKEN_OVER:
        return SessionTakenOver()
    if beat.ended or beat.lease.expires_at <= beat.now:
        return SessionExpired()
    standing = rules.standing(
        status=beat.license_status,
        expires_at=beat.license_expires_at,
        grace_period_ends_at=beat.grace_period_ends_at,
        now=beat.now,
    )
    # A token that still fits was refused because the lease was closed in the moment it was looked at.
    fits = sequence is None or beat.sequence - sequence in {0, 1}
    return rules.REFUSALS.get(standing, SessionExpired if fits else TokenSuperseded)()


@metrics.counted_release
def release(*, claims: SeatClaims, session_id: UUID) -> None:
    """Give a seat back by its own token; again is fine. Raises SessionNotFound, TokenMismatch.

    The token of an earlier answer, after the machine asked again, frees nothing: the later lease stands.
    """
    _refuse_mismatch(claims, session_id)
    ended = _end(organization_id=claims.organization_id, session_id=session_id, lease_no=claims.lease_no)
    if not ended:
        _get_session(organization_id=claims.organization_id, session_id=session_id)


@metrics.counted_release
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
    ended = record.release(
        organization_id=organization_id, session_id=session_id, lease_no=lease_no, reason=reason, actor_id=actor_id
    )
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
