"""Pure decisions about licences: no database, no clock, no network."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from config.kernel.errors import DomainError
from licenses.errors import LicenseExpired, LicenseInactive, LicenseSuspended
from licenses.models import LicenseStatus
from subscriptions.models import SubscriptionStatus


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


class Effect(StrEnum):
    """What a subscription's status asks of its licence."""

    ACTIVATE = "activate"
    SUSPEND = "suspend"
    DEACTIVATE = "deactivate"
    NONE = "none"


EFFECTS: dict[str, Effect] = {
    SubscriptionStatus.TRIALING: Effect.ACTIVATE,
    SubscriptionStatus.ACTIVE: Effect.ACTIVATE,
    # Dunning decides, counted by the invoice; until it has, the licence runs to the end of what was paid.
    SubscriptionStatus.PAST_DUE: Effect.NONE,
    SubscriptionStatus.INCOMPLETE: Effect.NONE,
    SubscriptionStatus.UNPAID: Effect.SUSPEND,
    SubscriptionStatus.PAUSED: Effect.SUSPEND,
    SubscriptionStatus.CANCELED: Effect.DEACTIVATE,
    SubscriptionStatus.INCOMPLETE_EXPIRED: Effect.DEACTIVATE,
}


@dataclass(frozen=True)
class SeatCount:
    """How many seats a licence has and how many are leased now."""

    used: int
    limit: int

    @property
    def remaining(self) -> int:
        """Seats that are free; never below zero, also when the limit was lowered under what is leased."""
        return max(0, self.limit - self.used)
