"""Licence files: flattened JWS JSON (RFC 7515 §7.2.2), PS256, that any JOSE library verifies offline with our JWKS."""

import json
from datetime import datetime

import jwt

from config.kernel.keyring import SigningKey
from licenses.selectors import LicenseDetail

TYPE = "coditect-license+jws"
CONTENT_TYPE = "application/jose+json"
FILENAME = "coditect.license"


def sign(detail: LicenseDetail, key: SigningKey) -> str:
    """Return the signed file of a licence as JSON text; type, algorithm and key id are inside what is signed."""
    license_ = detail.license
    payload = {
        "license_id": str(license_.id),
        "license_key": detail.license_key,
        "organization_id": str(license_.organization_id),
        "tier": license_.tier,
        "features": license_.features,
        "max_seats": license_.max_seats,
        "status": license_.status,
        "issued_at": _text(license_.issued_at),
        "expires_at": _text(license_.expires_at),
        "grace_period_ends_at": _text(license_.grace_period_ends_at),
    }
    compact = jwt.api_jws.encode(
        json.dumps(payload, separators=(",", ":")).encode(),
        key.private,
        algorithm=key.algorithm,
        headers={"kid": key.kid, "typ": TYPE},
    )
    protected, body, signature = compact.split(".")
    return json.dumps({"payload": body, "protected": protected, "signature": signature}, indent=2) + "\n"


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
