"""Licence files: flattened JWS JSON (RFC 7515 §7.2.2), PS256, that any JOSE library verifies offline with our JWKS."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import jwt

from config.kernel.keyring import SigningKey
from licenses.models import License
from licenses.selectors import LicenseDetail

TYPE = "coditect-license+jws"
BORROW_TYPE = "coditect-borrow+jws"
CONTENT_TYPE = "application/jose+json"
FILENAME = "coditect.license"


@dataclass(frozen=True)
class Borrow:
    """A seat that a machine has until `until`, whether or not it can reach us; `license_key` is the one it showed."""

    license_key: str
    session_id: UUID
    hardware_id: str
    since: datetime
    until: datetime


def sign(detail: LicenseDetail, key: SigningKey) -> str:
    """Return the signed file of a licence as JSON text; type, algorithm and key id are inside what is signed."""
    return json.dumps(_jws(_payload(detail.license, detail.license_key), key, TYPE), indent=2) + "\n"


def sign_borrow(license_: License, key: SigningKey, *, borrow: Borrow) -> dict[str, str]:
    """Return the signed file of a borrowed seat: that of the licence, for one machine and until the seat's end."""
    salt = secrets.token_hex(16)
    payload = _payload(license_, borrow.license_key) | {
        "session_id": str(borrow.session_id),
        "machine": {"salt": salt, "sha256": machine_digest(salt, borrow.hardware_id)},
        "not_before": _text(borrow.since),
        "expires_at": _text(borrow.until),
    }
    return _jws(payload, key, BORROW_TYPE)


def machine_digest(salt: str, hardware_id: str) -> str:
    """Return what a borrowed seat's file knows a machine by; a client computes it without a secret of ours."""
    return hashlib.sha256(f"{salt}:{hardware_id}".encode()).hexdigest()


def _payload(license_: License, license_key: str) -> dict[str, Any]:
    return {
        "license_id": str(license_.id),
        "license_key": license_key,
        "organization_id": str(license_.organization_id),
        "tier": license_.tier,
        "features": license_.features,
        "max_seats": license_.max_seats,
        "status": license_.status,
        "issued_at": _text(license_.issued_at),
        "expires_at": _text(license_.expires_at),
        "grace_period_ends_at": _text(license_.grace_period_ends_at),
    }


def _jws(payload: dict[str, Any], key: SigningKey, type_: str) -> dict[str, str]:
    compact = jwt.api_jws.encode(
        json.dumps(payload, separators=(",", ":")).encode(),
        key.private,
        algorithm=key.algorithm,
        headers={"kid": key.kid, "typ": type_},
    )
    protected, body, signature = compact.split(".")
    return {"payload": body, "protected": protected, "signature": signature}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
