"""Seat tokens: what a machine shows with each heartbeat, signed by a key of their own (EdDSA JWT, `typ: seat+jwt`)."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from config.kernel import compact_jws
from config.kernel.keyring import Purpose, keyring
from licenses.errors import SeatTokenInvalid

TYPE = "seat+jwt"
ISSUER = "coditect-cloud"
AUDIENCE = "coditect-seats"
OFFLINE_GRACE = timedelta(minutes=30)
"""How long a client that cannot reach us may run on after its lease was last renewed; it keeps no seat meanwhile."""
LONGEST_LEASE = timedelta(days=30)
"""Of a borrowed seat."""
OUTLIVES_LEASE = timedelta(days=1)
"""A beat that comes late, but within this, is told that its lease has run out, and not that its token is bad."""


@dataclass(frozen=True)
class SeatClaims:
    """What a verified seat token says."""

    session_id: UUID
    license_id: UUID
    organization_id: UUID
    lease_no: int
    sequence: int


def issue(claims: SeatClaims, *, expires_at: datetime, offline_until: datetime) -> str:
    """Return a signed token for a lease that runs to `expires_at`."""
    key = keyring(Purpose.SEAT_TOKEN).signing
    payload = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(claims.session_id),
        "license": str(claims.license_id),
        "organization": str(claims.organization_id),
        "lease": claims.lease_no,
        "sequence": claims.sequence,
        "expires_at": int(expires_at.timestamp()),
        "offline_until": int(offline_until.timestamp()),
        "exp": int((expires_at + OUTLIVES_LEASE).timestamp()),
    }
    return compact_jws.sign(payload, key=key, token_type=TYPE)


def signed_until(*, kid: str, stopped: datetime) -> datetime:
    """Return until when a token may live that was signed by a key which signed until `stopped`."""
    return stopped + LONGEST_LEASE + OUTLIVES_LEASE


def read(raw: str) -> SeatClaims:
    """Return the claims of a token we signed; raises SeatTokenInvalid for any other."""
    try:
        payload = compact_jws.read(raw, keys=keyring(Purpose.SEAT_TOKEN), token_type=TYPE)
        if payload["iss"] != ISSUER or payload["aud"] != AUDIENCE or float(payload["exp"]) <= time.time():
            raise SeatTokenInvalid
        return SeatClaims(
            session_id=UUID(payload["sub"]),
            license_id=UUID(payload["license"]),
            organization_id=UUID(payload["organization"]),
            lease_no=int(payload["lease"]),
            sequence=int(payload["sequence"]),
        )
    except (compact_jws.NotOurs, KeyError, ValueError, TypeError, AttributeError) as error:
        raise SeatTokenInvalid from error
