"""Taking a seat, keeping it and giving it back (the protocol: docs/adr/0004-seats.md)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from config.kernel.database import changed_nothing
from config.kernel.errors import DomainError
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses import lookup, machines, metrics, rules
from licenses.errors import (
    LicenseNotFound,
    NoSeatsAvailable,
    SessionExpired,
    SessionNotFound,
    SessionTakenOver,
    TokenMismatch,
    TokenSuperseded,
)
from licenses.lookup import FoundLicense, KeyHolder
from licenses.machines import Shown
from licenses.models import EndReason, LicenseSession
from licenses.seats import beats, denials, record, store, tokens
from licenses.seats.record import Asked, Beat, Full, Granted, NotActivated, Outcome, Unusable
from licenses.seats.store import Lease, Verdict
from licenses.seats.tokens import OFFLINE_GRACE, SeatClaims
from licenses.services import activation, admission, clones


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


@metrics.counted_acquire
def acquire(
    *,
    license_key: str,
    hardware_id: str,
    holder: KeyHolder,
    hardware_signals: Mapping[str, str] | None = None,
    takeover_session_id: UUID | None = None,
) -> AcquiredSeat:
    """Lease a seat to a machine for one lease; the same machine asking again gets its live session back.

    With `takeover_session_id` the member's own session on another machine ends, and this one gets its seat.

    Raises LicenseKeyMalformed, HardwareIdInvalid, LicenseNotFound, AuthenticationRequired, LicenseExpired,
    LicenseSuspended, LicenseInactive, ActivationRequired, ActivationLimitReached, NoSeatsAvailable; with signals
    HardwareSignalsInvalid, MachineMismatch; and SessionNotFound for a session to take over that is not
    the member's on this licence.
    """
    shown = machines.shown(hardware_id=hardware_id, signals=hardware_signals or {})
    found = lookup.get_for_holder(license_key=license_key, holder=holder, machine=shown.hardware_hash)
    lookup.refuse_unless_usable(found)
    machine = activation.recognise(found=found, shown=shown)
    if machine != shown.hardware_hash:  # known by its signals: whether it holds a seat was asked of another
        found = lookup.get_for_holder(license_key=license_key, holder=holder, machine=machine)
    may_be_refused = not found.holds_seat and takeover_session_id is None
    reservation = f"reservation:{new_id()}"
    gate = store.reserve(
        license_id=found.id,
        hardware_hash=machine,
        limit=rules.seat_limit(found),
        reservation=reservation,
        denies=may_be_refused,
    )
    # A gate that has forgotten a holder (restored to an older state, say) does not keep it from its own seat.
    if gate.verdict is Verdict.FULL and may_be_refused:
        metrics.full_at_gate.inc()
        raise _no_seats(used=gate.held, limit=rules.seat_limit(found), seconds=gate.retry_after_ms / 1000)
    ask = partial(
        _ask_record, found, machine=machine, shown=shown, user_id=holder.user_id, takeover=takeover_session_id
    )
    outcome, ended = _decide(found, ask, machine=machine, reservation=reservation, verdict=gate.verdict)
    if isinstance(outcome, Full):
        store.forget(license_id=found.id, hardware_hash=machine, owner=reservation)
        metrics.full_at_record.inc()
        _note_full(found, gate.verdict, reservation)
        raise _no_seats(used=outcome.seats_used, limit=outcome.limit, seconds=outcome.retry_after_seconds)
    if ended is not None:
        store.forget(license_id=found.id, hardware_hash=ended.hardware_hash, owner=ended.owner)
    known_otherwise = outcome.lease.hardware_hash != machine
    if known_otherwise:
        store.forget(license_id=found.id, hardware_hash=machine, owner=reservation)
    if known_otherwise or gate.verdict is Verdict.FULL:
        # The gate has no place for this name, or had none at all before the one that was taken over left.
        store.load(license_id=found.id, leases=[outcome.lease])
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


def _note_full(found: FoundLicense, gate: Verdict, reservation: str) -> None:
    """Count a refusal of the record's, once: by the gate, which is taught what it did not know, else by the record."""
    if gate is Verdict.UNKNOWN:
        with organization_context(found.organization_id):
            denials.count_in_record(organization_id=found.organization_id, license_id=found.id)
        return
    leases = record.list_live(organization_id=found.organization_id, license_id=found.id)
    store.load(license_id=found.id, leases=leases, denied=reservation)


def _decide(
    found: FoundLicense,
    ask: Callable[[], tuple[Granted | Full, Lease | None]],
    *,
    machine: bytes,
    reservation: str,
    verdict: Verdict,
) -> tuple[Granted | Full, Lease | None]:
    """Let PostgreSQL decide, under the licence's lock; take the reservation back when it certainly did not grant."""
    try:
        return ask()
    except Exception as error:
        # A commit whose outcome is unknown may have granted: then the reservation is left to lapse by itself.
        if verdict is Verdict.RESERVED and changed_nothing(error):
            store.forget(license_id=found.id, hardware_hash=machine, owner=reservation)
        raise


def _ask_record(
    found: FoundLicense, *, machine: bytes, shown: Shown, user_id: UUID | None, takeover: UUID | None
) -> tuple[Granted | Full, Lease | None]:
    """Return what the record decides, and the lease that was ended for it."""
    outcome: Outcome | None = None
    ended = None
    in_one_trip = not shown.more_than_id and takeover is None
    if in_one_trip:
        outcome = record.acquire(
            organization_id=found.organization_id,
            license_id=found.id,
            hardware_hash=machine,
            user_id=user_id,
            by_id_alone=True,
        )
    if not in_one_trip or isinstance(outcome, NotActivated):
        outcome, ended = admission.admit_and_acquire(found, shown=shown, user_id=user_id, takeover=takeover)
    if outcome is None:
        raise LicenseNotFound
    if isinstance(outcome, Unusable):
        raise _unusable(outcome).within(found.organization_id)
    if isinstance(outcome, Granted | Full):
        return outcome, ended
    raise RuntimeError("the licence is locked and the machine activated, and yet not seen so")


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
    return _seat(
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


def _unusable(outcome: Unusable) -> DomainError:
    standing = rules.standing(
        status=outcome.license_status,
        expires_at=outcome.license_expires_at,
        grace_period_ends_at=outcome.grace_period_ends_at,
        now=outcome.now,
    )
    return rules.REFUSALS[standing]()


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
