"""Taking a seat (the protocol: docs/adr/0004-seats.md); keeping it and giving it back is in `seats`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from config.kernel.database import changed_nothing
from config.kernel.errors import DomainError
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses import lookup, machines, metrics, rules
from licenses.errors import LicenseNotFound, NoSeatsAvailable
from licenses.lookup import FoundLicense, KeyHolder
from licenses.machines import Shown
from licenses.seats import denials, record, seat, store
from licenses.seats.record import Full, Granted, NotActivated, Outcome, Unusable
from licenses.seats.seat import Seat
from licenses.seats.store import Answer, Lease, Verdict
from licenses.services import activation, admission


@dataclass(frozen=True)
class AcquiredSeat:
    """A seat, the licence it is of, and how many are leased with it; `is_new` unless it was this machine's already."""

    seat: Seat
    license: FoundLicense
    seats_used: int
    is_new: bool


@dataclass(frozen=True)
class _Wish:
    """A machine that asks for a seat: of which licence, by which name, and under which reservation in the gate."""

    found: FoundLicense
    shown: Shown
    machine: bytes
    user_id: UUID | None
    takeover: UUID | None
    reservation: str

    @property
    def may_be_refused(self) -> bool:
        """Whether a full gate is the last word: not for a holder it has forgotten, nor for who takes a seat over."""
        return not self.found.holds_seat and self.takeover is None


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
    HardwareSignalsInvalid, MachineMismatch; and SessionNotFound for a session to take over that is not the member's on
    this licence.
    """
    shown = machines.shown(hardware_id=hardware_id, signals=hardware_signals or {})
    # How many seats are leased the gate and the record find out, each for itself.
    look_up = partial(lookup.get_for_holder, license_key=license_key, holder=holder, counting=False)
    found = look_up(machine=shown.hardware_hash)
    lookup.refuse_unless_usable(found)
    machine = activation.recognise(found=found, shown=shown)
    if machine != shown.hardware_hash:  # known by its signals: whether it holds a seat was asked of another
        found = look_up(machine=machine)
    wish = _Wish(found, shown, machine, holder.user_id, takeover_session_id, f"reservation:{new_id()}")
    gate = _ask_gate(wish)
    outcome, ended = _decide(wish, gate)
    if isinstance(outcome, Full):
        _note_full(wish, gate)
        raise _no_seats(used=outcome.seats_used, limit=outcome.limit, seconds=outcome.retry_after_seconds)
    told = _tell_gate(wish, gate, outcome.lease, ended)
    granted = seat.issue(
        organization_id=found.organization_id,
        license_id=found.id,
        lease=outcome.lease,
        lease_no=outcome.lease.lease_no,
        sequence=outcome.sequence,
        now=outcome.now,
        degraded=gate.verdict is Verdict.UNKNOWN or not told,
    )
    return AcquiredSeat(granted, found, outcome.seats_used, outcome.is_new)


def _ask_gate(wish: _Wish) -> Answer:
    """Reserve a place in Redis; raises NoSeatsAvailable where its refusal is the last word."""
    limit = rules.seat_limit(wish.found)
    gate = store.reserve(
        license_id=wish.found.id,
        hardware_hash=wish.machine,
        limit=limit,
        reservation=wish.reservation,
        denies=wish.may_be_refused,
    )
    if gate.verdict is Verdict.FULL and wish.may_be_refused:
        metrics.full_at_gate.inc()
        raise _no_seats(used=gate.held, limit=limit, seconds=gate.retry_after_ms / 1000)
    return gate


def _decide(wish: _Wish, gate: Answer) -> tuple[Granted | Full, Lease | None]:
    """Let PostgreSQL decide, under the licence's lock; take the reservation back when it certainly did not grant."""
    try:
        return _ask_record(wish)
    except Exception as error:
        # A commit whose outcome is unknown may have granted: then the reservation is left to lapse by itself.
        if gate.verdict is Verdict.RESERVED and changed_nothing(error):
            _give_up_reservation(wish)
        raise


def _ask_record(wish: _Wish) -> tuple[Granted | Full, Lease | None]:
    """Return what the record decides, and the lease that was ended for it."""
    found = wish.found
    outcome: Outcome | None = None
    ended = None
    in_one_trip = not wish.shown.more_than_id and wish.takeover is None
    if in_one_trip:
        outcome = record.acquire(
            organization_id=found.organization_id,
            license_id=found.id,
            hardware_hash=wish.machine,
            user_id=wish.user_id,
            by_id_alone=True,
        )
    if not in_one_trip or isinstance(outcome, NotActivated):
        outcome, ended = admission.admit_and_acquire(
            found, shown=wish.shown, user_id=wish.user_id, takeover=wish.takeover
        )
    if outcome is None:
        raise LicenseNotFound
    if isinstance(outcome, Unusable):
        raise _unusable(outcome).within(found.organization_id)
    if isinstance(outcome, Granted | Full):
        return outcome, ended
    raise RuntimeError("the licence is locked and the machine activated, and yet not seen so")


def _note_full(wish: _Wish, gate: Answer) -> None:
    """Count a refusal of the record's, once: by the gate, which is taught what it did not know, else by the record."""
    found = wish.found
    metrics.full_at_record.inc()
    _give_up_reservation(wish)
    if gate.verdict is Verdict.UNKNOWN:
        with organization_context(found.organization_id):
            denials.count_in_record(organization_id=found.organization_id, license_id=found.id)
        return
    leases = record.list_live(organization_id=found.organization_id, license_id=found.id)
    store.load(license_id=found.id, leases=leases, denied=wish.reservation)


def _tell_gate(wish: _Wish, gate: Answer, lease: Lease, ended: Lease | None) -> bool:
    """Bring the gate to what the record has granted and ended; return whether it heard the grant."""
    license_id = wish.found.id
    if ended is not None:
        store.forget(license_id=license_id, hardware_hash=ended.hardware_hash, owner=ended.owner)
    known_otherwise = lease.hardware_hash != wish.machine
    if known_otherwise:
        _give_up_reservation(wish)
    if known_otherwise or gate.verdict is Verdict.FULL:
        # The gate has no place for this name, or had none at all before the one that was taken over left.
        store.load(license_id=license_id, leases=[lease])
    return store.confirm(license_id=license_id, lease=lease)


def _give_up_reservation(wish: _Wish) -> None:
    store.forget(license_id=wish.found.id, hardware_hash=wish.machine, owner=wish.reservation)


def _unusable(outcome: Unusable) -> DomainError:
    standing = rules.standing(
        status=outcome.license_status,
        expires_at=outcome.license_expires_at,
        grace_period_ends_at=outcome.grace_period_ends_at,
        now=outcome.now,
    )
    return rules.REFUSALS[standing]()


def _no_seats(*, used: int, limit: int, seconds: float) -> NoSeatsAvailable:
    return NoSeatsAvailable(retry_after=max(1, math.ceil(seconds)), current_seats_used=used, max_seats=limit)
