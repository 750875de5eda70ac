"""Holds a seat of a CODITECT licence, through outages too, and never harms the program that it runs in."""

from __future__ import annotations

from coditect_license.errors import (
    LicenseNotUsable,
    LicenseUnknown,
    LicensingError,
    MachineRefused,
    NoSeatsAvailable,
    OfflineGraceExceeded,
    Outage,
    Refused,
    SeatGone,
    SeatNotHeld,
    SeatTakenOver,
    SecondFactorRequired,
    SignInFailed,
    SignInRequired,
)
from coditect_license.keys import PinnedKeys

__all__ = [
    "LicenseNotUsable",
    "LicenseUnknown",
    "LicensingError",
    "MachineRefused",
    "NoSeatsAvailable",
    "OfflineGraceExceeded",
    "Outage",
    "PinnedKeys",
    "Refused",
    "SeatGone",
    "SeatNotHeld",
    "SeatTakenOver",
    "SecondFactorRequired",
    "SignInFailed",
    "SignInRequired",
]
