"""Holds a seat of a CODITECT licence, through outages too, and never harms the program that it runs in."""

from __future__ import annotations

from coditect_license.answers import License, Validation
from coditect_license.client import LicenseClient
from coditect_license.dispatcher import SeatEvent
from coditect_license.errors import (
    ClockSetBack,
    FileNotGenuine,
    FileNotUsable,
    FileOfAnotherMachine,
    FileRefused,
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
from coditect_license.license_files import FileKind, LicenseFile, verify_license_file
from coditect_license.seat import Seat
from coditect_license.seat_life import Event, State, Status

__all__ = [
    "ClockSetBack",
    "Event",
    "FileKind",
    "FileNotGenuine",
    "FileNotUsable",
    "FileOfAnotherMachine",
    "FileRefused",
    "License",
    "LicenseClient",
    "LicenseFile",
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
    "verify_license_file",
]
