"""Borrowing a seat: a lease of days instead of minutes, with a signed file that proves it offline.

A borrowed seat is a lease like any other, granted under the same lock and counted for its whole time; it ends by
itself, or when it is released. The gate is not asked, only told: it knows of no leases that long.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from config.kernel import clock
from config.kernel.tenancy import organization_context
from licenses import files, keys, lookup, machines, rules, selectors
from licenses.errors import BorrowLimitReached, LicenseNotFound, NoSeatsAvailable
from licenses.files import Borrow
from licenses.lookup import KeyHolder
from licenses.machines import Shown
from licenses.models import License, LicenseSession, SessionKind
from licenses.seats import record, store, tokens
from licenses.seats.record import Full, Granted
from licenses.seats.tokens import LONGEST_LEASE, SeatClaims
from licenses.services import activation, file_signing
from users.services import audit

MOST_DAYS = LONGEST_LEASE.days


@dataclass(frozen=True)
class BorrowedSeat:
    """A seat that is held until `expires_at` without heartbeats; `signed_token` gives it back, `file` proves it."""

    session_id: UUID
    signed_token: str
    expires_at: datetime
    file: dict[str, str]


def borrow(
    *,
    license_key: str,
    hardware_id: str,
    days: int,
    holder: KeyHolder,
    hardware_signals: Mapping[str, str] | None = None,
) -> BorrowedSeat:
    """Lease a seat to a machine for days, at most until the licence ends; its own seat becomes that, if it has one.

    The file is made when the seat is granted for good: an RSA signature is not for everybody to wait for who wants a
    seat of the licence. Where that fails, asking again finds the seat and makes the file. It names the key that was
    shown: whoever has one that was replaced is not told the newer one.

    Raises LicenseKeyMalformed, HardwareIdInvalid, LicenseNotFound, AuthenticationRequired, LicenseExpired,
    LicenseSuspended, LicenseInactive, ActivationRequired, ActivationLimitReached, BorrowLimitReached,
    NoSeatsAvailable, MachineMismatch; with signals HardwareSignalsInvalid.
    """
    shown = machines.shown(hardware_id=hardware_id, signals=hardware_signals or {})
    found = lookup.get_for_holder(license_key=license_key, holder=holder, machine=shown.hardware_hash, counting=False)
    lookup.refuse_unless_usable(found)
    with organization_context(found.organization_id):
        license_ = selectors.lock_license(license_id=found.id)
        granted = _grant(license_, shown=shown, days=days, holder=holder)
    lease = granted.lease
    store.confirm(license_id=found.id, lease=lease)
    with organization_context(found.organization_id):
        key = file_signing.key_until(license_=license_, end=lease.expires_at)
    proof = Borrow(keys.normalize(license_key), lease.session_id, hardware_id, granted.now, lease.expires_at)
    file = files.sign_borrow(license_, key, borrow=proof)
    claims = SeatClaims(lease.session_id, found.id, found.organization_id, lease.lease_no, granted.sequence)
    token = tokens.issue(claims, expires_at=lease.expires_at, offline_until=lease.expires_at)
    return BorrowedSeat(lease.session_id, token, lease.expires_at, file)


def _grant(license_: License, *, shown: Shown, days: int, holder: KeyHolder) -> Granted:
    """Decide, with the licence's row locked."""
    machine = activation.name_of(license_=license_, shown=shown)
    now = clock.now()
    standing = rules.standing(
        status=license_.status,
        expires_at=license_.expires_at,
        grace_period_ends_at=license_.grace_period_ends_at,
        now=now,
    )
    if standing not in rules.USABLE:
        raise rules.REFUSALS[standing]
    borrowed = LicenseSession.objects.filter(
        license=license_, kind=SessionKind.BORROWED, ended_at=None, expires_at__gt=now
    )
    if borrowed.exclude(hardware_hash=machine).count() >= license_.max_borrowed_seats:
        raise BorrowLimitReached(max_borrowed_seats=license_.max_borrowed_seats)
    ends = license_.grace_period_ends_at if standing is rules.Standing.IN_GRACE else license_.expires_at
    lasting = timedelta(days=days) if ends is None else min(timedelta(days=days), ends - now)
    activation.admit(license_=license_, shown=shown, explicit=False)
    outcome = record.acquire(
        organization_id=license_.organization_id,
        license_id=license_.id,
        hardware_hash=machine,
        user_id=holder.user_id,
        lease_seconds=max(1, math.floor(lasting.total_seconds())),
    )
    if isinstance(outcome, Full):
        wait = max(1, math.ceil(outcome.retry_after_seconds))
        raise NoSeatsAvailable(retry_after=wait, current_seats_used=outcome.seats_used, max_seats=outcome.limit)
    if not isinstance(outcome, Granted):
        raise LicenseNotFound  # usable and known under this very lock: only a licence that is gone is refused here
    LicenseSession.objects.filter(id=outcome.lease.session_id).update(kind=SessionKind.BORROWED)
    audit.record(
        action="LICENSE_BORROWED",
        organization_id=license_.organization_id,
        object_type="license_session",
        object_id=outcome.lease.session_id,
        actor_id=holder.user_id,
        days=str(days),
    )
    return outcome
