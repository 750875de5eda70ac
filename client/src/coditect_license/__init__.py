"""Holds a seat of a CODITECT licence, through outages too, and never harms the program that it runs in."""

from __future__ import annotations

from coditect_license.answers import License, Validation
from coditect_license.client import LicenseClient
from coditect_license.dispatcher import SeatEvent
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
from coditect_license.seat import Seat
from coditect_license.seat_life import Event, State, Status

__all__ = [
    "Event",
    "License",
    "LicenseClient",
    "LicenseNotUsable",
    "LicenseUnknown",
    "LicensingError",
    "MachineRefused",
    "NoSeatsAvailable",
    "OfflineGraceExceeded",
    "Outage",
    "PinnedKeys",
    "Refused",
    "Seat",
    "SeatEvent",
    "SeatGone",
    "SeatNotHeld",
    "SeatTakenOver",
    "SecondFactorRequired",
    "SignInFailed",
    "SignInRequired",
    "State",
    "Status",
    "Validation",
]
