"""Finds a licence by its key, before any organization is known, and decides whether the caller may use it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from config.kernel.digests import keyed_hash
from licenses import rules
from licenses.errors import AuthenticationRequired, LicenseNotFound
from licenses.keys import normalize
from licenses.models import AccessPolicy


@dataclass(frozen=True)
class KeyHolder:
    """Who shows a licence key: a signed-in user, or nobody in particular."""

    user_id: UUID | None = None


@dataclass(frozen=True)
class FoundLicense:
    """What a key reveals to whoever holds it. `key_valid_until` is set for a key that was replaced: it works till then.

    Its fields are the columns of `license_of_key`, and the moment `now` at which it was asked. `seats_used` is None
    where it was not to be counted.
    """

    id: UUID
    organization_id: UUID
    tier: str
    features: dict[str, Any]
    max_seats: int
    overage_seats: int
    overage_percent: int
    seats_used: int | None
    status: str
    suspension_reason: str | None
    expires_at: datetime | None
    grace_period_ends_at: datetime | None
    access_policy: str
    require_activation: bool
    match_policy: str
    activated: bool
    holds_seat: bool
    role: str | None
    key_valid_until: datetime | None
    now: datetime

    @property
    def standing(self) -> rules.Standing:
        """How the licence stands at the moment it was looked up."""
        return rules.standing(
            status=self.status,
            expires_at=self.expires_at,
            grace_period_ends_at=self.grace_period_ends_at,
            now=self.now,
        )

    @property
    def seats(self) -> rules.SeatCount:
        """Its seats, counted at the moment it was looked up; raises ValueError where they were not."""
        if self.seats_used is None:
            raise ValueError("the seats were not counted")
        return rules.SeatCount(used=self.seats_used, bought=self.max_seats, limit=rules.seat_limit(self))


_COLUMNS = [name for name in FoundLicense.__dataclass_fields__ if name != "now"]
# One row always, so that an unknown key costs the very query that a known one does, and learns the time from it.
_LOOK_UP = f"""
select {", ".join(_COLUMNS)}, clock_timestamp() from license_of_key(%s, %s, %s, %s)
"""  # noqa: S608  (names of columns)
DECOY = FoundLicense(
    id=UUID(int=0),
    organization_id=UUID(int=0),
    tier="starter",
    features={"decoy": False},
    max_seats=0,
    overage_seats=0,
    overage_percent=0,
    seats_used=0,
    status="active",
    suspension_reason=None,
    expires_at=None,
    grace_period_ends_at=None,
    access_policy=AccessPolicy.USER,
    require_activation=False,
    match_policy="any",
    activated=False,
    holds_seat=False,
    role=None,
    key_valid_until=None,
    now=datetime(2026, 1, 1, tzinfo=UTC),
)
"""What is worked through, and thrown away, for a key that nobody has: its answer takes the time of any other."""


def key_hash(key: str) -> bytes:
    """Return what a canonical key is found by."""
    return keyed_hash("license-key", key)


def look_up(
    *, license_key: str, user_id: UUID | None = None, machine: bytes | None = None, counting: bool = True
) -> tuple[FoundLicense | None, datetime]:
    """Return the licence of a key, or None, and the database's time; one query, the same for known and unknown keys.

    With `machine` it is said whether that machine is activated, and with `counting` how many seats are leased. Raises
    LicenseKeyMalformed.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_UP, [key_hash(normalize(license_key)), user_id, machine, counting])
        *row, now = cursor.fetchone()
    fields = dict(zip(_COLUMNS, row, strict=True))
    # Django hands jsonb over as text outside of its own fields.
    features = json.loads(fields["features"] or '{"decoy": false, "of": "nobody"}')
    found = FoundLicense(**{**fields, "features": features, "now": now})
    return (None if fields["id"] is None else found), now


def find_by_key(
    *, license_key: str, user_id: UUID | None = None, machine: bytes | None = None, counting: bool = True
) -> FoundLicense | None:
    """Return the licence of a key, or None; looks up as `look_up` does."""
    return look_up(license_key=license_key, user_id=user_id, machine=machine, counting=counting)[0]


def get_for_holder(
    *, license_key: str, holder: KeyHolder, machine: bytes | None = None, counting: bool = True
) -> FoundLicense:
    """Return the licence of a key if its policy lets this caller use it; looks up as `look_up` does.

    Raises LicenseKeyMalformed, LicenseNotFound, AuthenticationRequired.
    """
    found = find_by_key(license_key=license_key, user_id=holder.user_id, machine=machine, counting=counting)
    if found is None:
        raise LicenseNotFound
    if found.access_policy in {AccessPolicy.KEY, AccessPolicy.MIXED} or found.role is not None:
        return found
    if holder.user_id is None:
        raise AuthenticationRequired
    raise LicenseNotFound  # a member of some other organization


def refuse_unless_usable(found: FoundLicense) -> None:
    """Raise LicenseExpired, LicenseSuspended or LicenseInactive for a licence that may not be used now."""
    if found.standing not in rules.USABLE:
        raise rules.REFUSALS[found.standing]
