"""Pure decisions about licences: no database, no clock, no network."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from config.kernel.errors import DomainError
from licenses.errors import LicenseExpired, LicenseInactive, LicenseSuspended
from licenses.models import LicenseStatus
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

    status: LicenseStatus
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
        return Claim(LicenseStatus.INACTIVE, ends_sessions=True)
    if status in (SubscriptionStatus.UNPAID, SubscriptionStatus.PAUSED) or payment_returned:
        return Claim(LicenseStatus.SUSPENDED)
    if failed_payment_count == 0:
        return Claim(LicenseStatus.ACTIVE)
    if grace_period_ends_at is None:
        return Claim(LicenseStatus.SUSPENDED, ends_sessions=True)
    if grace_period_ends_at <= now:
        return Claim(LicenseStatus.INACTIVE, ends_sessions=True)
    return Claim(LicenseStatus.SUSPENDED, grace_period_ends_at)


@dataclass(frozen=True)
class SeatCount:
    """How many seats a licence has and how many are leased now."""

    used: int
    limit: int

    @property
    def remaining(self) -> int:
        """Seats that are free; never below zero, also when the limit was lowered under what is leased."""
        return max(0, self.limit - self.used)
