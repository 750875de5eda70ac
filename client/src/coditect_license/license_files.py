"""Licence files and borrowed seats' files, verified without a network: flattened JWS (RFC 7515), PS256, pinned keys.

The checks come in this order: signature, type, machine, beginning, end. The algorithm is this page's, not the file's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256

from coditect_license.answers import moment
from coditect_license.errors import ClockSetBack, FileNotGenuine, FileNotUsable, FileOfAnotherMachine
from coditect_license.keys import PinnedKeys, base64url

CLOCK_TOLERANCE = timedelta(minutes=5)
_ALGORITHM = "PS256"
_PADDING = PSS(mgf=MGF1(SHA256()), salt_length=SHA256.digest_size)


class FileKind(str, Enum):
    """What a file proves; the value is the `typ` that is signed with it."""

    LICENSE = "coditect-license+jws"
    BORROWED_SEAT = "coditect-borrow+jws"


@dataclass(frozen=True)
class LicenseFile:
    """A genuine file that may be used now. `ends_at`: until when, None for ever."""

    kind: FileKind
    license_id: str
    license_key: str = field(repr=False)
    organization_id: str
    tier: str
    features: Any
    max_seats: int
    session_id: str | None
    """The lease, of a borrowed seat."""
    begins_at: datetime
    ends_at: datetime | None


def verify_license_file(
    text: str | bytes,
    *,
    keys: PinnedKeys,
    hardware_id: str | None = None,
    latest_seen: datetime | None = None,
    now: datetime | None = None,
) -> LicenseFile:
    """Return what a file says; raises FileNotGenuine, FileOfAnotherMachine, FileNotUsable, ClockSetBack.

    `hardware_id` is this machine's, which a borrowed seat is for. `latest_seen` is the latest time that the host has
    seen, such as `Validation.at`: a clock that says less has been set back, and files do not live longer by it.
    """
    kind, payload = _signed(text, keys)
    _refuse_another_machine(kind, payload, hardware_id)
    now = now or datetime.now(timezone.utc)
    if latest_seen is not None:
        if now < latest_seen - CLOCK_TOLERANCE:
            raise ClockSetBack
        now = max(now, latest_seen)
    try:
        file = _read(kind, payload)
    except (KeyError, TypeError, ValueError):
        raise FileNotGenuine("The file is signed, but says something that this version does not understand.") from None
    if now < file.begins_at - CLOCK_TOLERANCE:
        raise FileNotUsable("The file is not valid yet, by the clock of this machine.", code="file_not_yet_valid")
    if file.ends_at is not None and now >= file.ends_at:
        raise FileNotUsable("The file is not valid any more.", code="file_expired")
    return file


def _signed(text: str | bytes, keys: PinnedKeys) -> tuple[FileKind, Mapping[str, Any]]:
    """Return what is signed, and as what."""
    try:
        file = json.loads(text)
        protected, payload, signature = (str(file[name]) for name in ("protected", "payload", "signature"))
        header = json.loads(base64url(protected))
        algorithm, kid, kind = header["alg"], str(header["kid"]), header["typ"]
        raw, signed = base64url(signature), f"{protected}.{payload}".encode("ascii")
    except (KeyError, TypeError, ValueError):
        raise FileNotGenuine("This is not a licence file.") from None
    key = keys.find_for_files(kid)
    if algorithm != _ALGORITHM or key is None:
        raise FileNotGenuine("The file is not signed by a key that is trusted.")
    try:
        key.verify(raw, signed, _PADDING, SHA256())
    except InvalidSignature:
        raise FileNotGenuine("The file was changed, or not signed by us.") from None
    try:
        said = json.loads(base64url(payload))
        found = FileKind(kind)
    except ValueError:
        raise FileNotGenuine("The file is of another kind.") from None
    if not isinstance(said, dict):
        raise FileNotGenuine("The file is of another kind.")
    return found, said


def _refuse_another_machine(kind: FileKind, payload: Mapping[str, Any], hardware_id: str | None) -> None:
    if kind is not FileKind.BORROWED_SEAT:
        return
    machine = payload.get("machine")
    if hardware_id is None or not isinstance(machine, dict):
        raise FileOfAnotherMachine
    fits = hashlib.sha256(f"{machine.get('salt')}:{hardware_id}".encode()).hexdigest()
    if not hmac.compare_digest(fits.encode(), str(machine.get("sha256")).encode()):
        raise FileOfAnotherMachine


def _read(kind: FileKind, payload: Mapping[str, Any]) -> LicenseFile:
    borrowed = kind is FileKind.BORROWED_SEAT
    return LicenseFile(
        kind=kind,
        license_id=str(payload["license_id"]),
        license_key=str(payload["license_key"]),
        organization_id=str(payload["organization_id"]),
        tier=str(payload["tier"]),
        features=payload["features"],
        max_seats=int(payload["max_seats"]),
        session_id=str(payload["session_id"]) if borrowed else None,
        begins_at=moment(payload["not_before"] if borrowed else payload["issued_at"]),
        ends_at=moment(payload["expires_at"]) if borrowed else _end(payload),
    )


def _end(payload: Mapping[str, Any]) -> datetime | None:
    """Return until when a licence may be used that stands as it did when its file was signed.

    Usable is what is active and not expired, or suspended with grace still running.
    """
    status = payload["status"]
    if status == "active":
        expires_at = payload["expires_at"]
        return None if expires_at is None else moment(expires_at)
    if status == "suspended" and payload["grace_period_ends_at"] is not None:
        return moment(payload["grace_period_ends_at"])
    raise FileNotUsable("The licence was suspended or had ended when its file was made.", code="file_not_usable")
