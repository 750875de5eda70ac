"""Pure decisions about licences: no database, no clock, no network."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from config.kernel.errors import DomainError
from licenses.errors import LicenseExpired, LicenseInactive, LicenseSuspended
from licenses.models import LicenseStatus
from licenses.transitions import Verb
from subscriptions.models import ENDED_STATUSES, SubscriptionStatus


class Standing(StrEnum):
    """How a licence stands at one moment; also the codes that validation answers with."""

    VALID = "VALID"
    IN_GRACE = "IN_GRACE"
    EXPIRED = "EXPIRED"
    SUSPENDED = "SUSPENDED"
    INACTIVE = "INACTIVE"


USABLE = frozenset({Standing.VALID, Standing.IN_GRACE})
REFUSALS: dict[Standing, type[DomainError]] = {
    Standing.EXPIRED: LicenseExpired,
    Standing.SUSPENDED: LicenseSuspended,
    Standing.INACTIVE: LicenseInactive,
}


def standing(
    *, status: str, expires_at: datetime | None, grace_period_ends_at: datetime | None, now: datetime
) -> Standing:
    """Return how a licence stands: usable when active and not expired, or suspended with grace still running."""
    if status == LicenseStatus.ACTIVE:
        expired = expires_at is not None and expires_at <= now
        return Standing.EXPIRED if expired else Standing.VALID
    if status == LicenseStatus.SUSPENDED:
        in_grace = grace_period_ends_at is not None and grace_period_ends_at > now
        return Standing.IN_GRACE if in_grace else Standing.SUSPENDED
    return Standing.INACTIVE


@dataclass(frozen=True)
class Claim:
    """What a subscription asks of its licence; `ends_sessions` also ends the leases that run."""

    verb: Verb
    grace_period_ends_at: datetime | None = None
    ends_sessions: bool = False


def claim(
    *,
    status: str,
    failed_payment_count: int,
    grace_period_ends_at: datetime | None,
    payment_returned: bool,
    now: datetime,
) -> Claim | None:
    """Return what a subscription that stands like this asks for now (SPEC §5); None as long as it has not begun.

    A subscription that is past due for anything but a failed renewal, a proration say, keeps a good licence good.
    """
    if status == SubscriptionStatus.INCOMPLETE:
        return None
    if status in ENDED_STATUSES:
        return Claim(Verb.END, ends_sessions=True)
    if status in (SubscriptionStatus.UNPAID, SubscriptionStatus.PAUSED) or payment_returned:
        return Claim(Verb.SUSPEND_UNPAID)
    if failed_payment_count == 0:
        return Claim(Verb.RENEW)
    if grace_period_ends_at is None:
        return Claim(Verb.SUSPEND_UNPAID, ends_sessions=True)
    if grace_period_ends_at <= now:
        return Claim(Verb.GRACE_OVER, ends_sessions=True)
    return Claim(Verb.ALLOW_GRACE, grace_period_ends_at)


class HasSeats(Protocol):
    """What says how many seats a licence has: its row, or what a key reveals of it."""

    @property
    def max_seats(self) -> int:
        """Seats that were bought."""

    @property
    def overage_seats(self) -> int:
        """Seats that may be leased beyond them."""

    @property
    def overage_percent(self) -> int:
        """The same in hundredths of the seats that were bought; a factor of 1.25 is 25."""


def overage(license_: HasSeats) -> int:
    """Return how many seats may be leased beyond those that were bought: none, unless somebody of ours allowed some."""
    return license_.overage_seats + license_.max_seats * license_.overage_percent // 100


def seat_limit(license_: HasSeats) -> int:
    """Return how many seats may be leased at once; the gate and the record both go by this."""
    return license_.max_seats + overage(license_)


@dataclass(frozen=True)
class SeatCount:
    """How many seats of a licence are leased now, how many were bought, and how many may be leased at most."""

    used: int
    bought: int
    limit: int

    @property
    def remaining(self) -> int:
        """Bought seats that are free; never below zero, also when the number was lowered under what is leased."""
        return max(0, self.bought - self.used)

    @property
    def overage(self) -> int:
        """How many may be leased beyond what was bought."""
        return self.limit - self.bought

    @property
    def overage_used(self) -> int:
        """How many are."""
        return max(0, self.used - self.bought)

    @property
    def full(self) -> bool:
        """Whether a newcomer finds no seat."""
        return self.used >= self.limit
