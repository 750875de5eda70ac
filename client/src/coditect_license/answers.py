"""What signed answers say, as values; one that cannot be understood is an outage and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from coditect_license.errors import Outage
from coditect_license.seat_life import Grant
from coditect_license.transport import Yes


@dataclass(frozen=True)
class License:
    """A licence as whoever holds its key may see it."""

    id: str
    organization_id: str
    tier: str
    features: Any
    max_seats: int
    seats_used: int
    status: str
    expires_at: datetime | None
    grace_period_ends_at: datetime | None
    key_valid_until: datetime | None
    """Set when the key has been replaced: it works until then."""


@dataclass(frozen=True)
class Validation:
    """What the server says of a licence key; `code` is VALID, IN_GRACE, NO_SEATS, EXPIRED, …"""

    valid: bool
    code: str
    detail: str
    license: License | None
    at: datetime


@dataclass(frozen=True)
class SeatToken:
    """What keeps a session and gives it back. A secret."""

    session_id: str
    signed_token: str = field(repr=False)

    def body(self) -> dict[str, str]:
        """Return it as the server wants to see it."""
        return {"session_id": self.session_id, "signed_token": self.signed_token}


def read_grant(yes: Yes) -> Grant:
    """Return the lease that an answer to acquire or heartbeat grants."""
    try:
        return Grant(
            sent_at=yes.sent_at,
            lease=_unix(yes.content["expires_at"]) - yes.signed_at,
            grace=_unix(yes.content["offline_until"]) - yes.signed_at,
            interval=float(yes.content["heartbeat_interval"]),
        )
    except (KeyError, TypeError, ValueError):
        raise _not_understood() from None


def read_token(yes: Yes, *, session_id: str | None = None) -> SeatToken:
    """Return the token for the next beat; an answer to a heartbeat does not repeat its session."""
    try:
        return SeatToken(session_id or str(yes.content["session_id"]), str(yes.content["signed_token"]))
    except KeyError:
        raise _not_understood() from None


def read_license(content: Mapping[str, Any]) -> License:
    """Return a licence out of an answer."""
    try:
        return License(
            id=str(content["id"]),
            organization_id=str(content["organization_id"]),
            tier=str(content["tier"]),
            features=content["features"],
            max_seats=int(content["max_seats"]),
            seats_used=int(content["seats_used"]),
            status=str(content["status"]),
            expires_at=_moment_if_any(content["expires_at"]),
            grace_period_ends_at=_moment_if_any(content["grace_period_ends_at"]),
            key_valid_until=_moment_if_any(content["key_valid_until"]),
        )
    except (KeyError, TypeError, ValueError):
        raise _not_understood() from None


def read_validation(content: Mapping[str, Any]) -> Validation:
    """Return what a validation says."""
    try:
        license_ = content["license"]
        return Validation(
            valid=content["valid"] is True,
            code=str(content["code"]),
            detail=str(content["detail"]),
            license=None if license_ is None else read_license(license_),
            at=moment(content["timestamp"]),
        )
    except (KeyError, TypeError, ValueError):
        raise _not_understood() from None


def license_within(yes: Yes) -> License:
    """Return the licence that an answer to acquire or activate holds."""
    return read_license(yes.content.get("license") or {})


def moment(text: str) -> datetime:
    """Return a moment as the server writes it, ending in Z; raises ValueError or TypeError for anything else."""
    # Python before 3.11 knows no Z.
    read = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    if read.tzinfo is None:
        raise ValueError("a moment without its offset")
    return read.astimezone(timezone.utc)


def _moment_if_any(text: str | None) -> datetime | None:
    return None if text is None else moment(text)


def _unix(text: str) -> float:
    return moment(text).timestamp()


def _not_understood() -> Outage:
    return Outage("The answer was signed, but says something that this version does not understand.")
