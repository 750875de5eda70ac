"""Saying whether a licence key is good."""

from dataclasses import dataclass

from licenses import lookup, machines, rules
from licenses.errors import LicenseKeyMalformed
from licenses.lookup import FoundLicense

DETAILS = {
    "VALID": "The licence is valid.",
    "MALFORMED": "This is not a licence key. Check it for typing errors.",
    "NOT_FOUND": "There is no such licence.",
    "EXPIRED": "The licence has expired.",
    "SUSPENDED": "The licence is suspended.",
    "IN_GRACE": "The licence is suspended, and usable until its grace period ends.",
    "INACTIVE": "The licence has ended.",
    "NOT_ACTIVATED": "The licence is valid, but not activated on this machine.",
    "NO_SEATS": "The licence is valid, but every seat is in use.",
}


@dataclass(frozen=True)
class Validation:
    """A verdict; `license` is None when there is none to tell about."""

    valid: bool
    code: str
    license: FoundLicense | None

    @property
    def detail(self) -> str:
        """The verdict as a sentence."""
        return DETAILS[self.code]


def validate(*, license_key: str, hardware_id: str | None) -> Validation:
    """Return the verdict on a key, and, with a `hardware_id`, on its use on that machine.

    A bad licence is a verdict and no error. Raises HardwareIdInvalid.
    """
    machine = None if hardware_id is None else machines.hardware_hash(hardware_id)
    try:
        found = lookup.find_by_key(license_key=license_key, machine=machine)
    except LicenseKeyMalformed:
        return Validation(False, "MALFORMED", None)
    if found is None:
        return Validation(False, "NOT_FOUND", None)
    standing = found.standing
    if standing not in rules.USABLE:
        return Validation(False, standing, found)
    if machine is not None and found.require_activation and not found.activated:
        return Validation(False, "NOT_ACTIVATED", found)
    if standing is rules.Standing.VALID and found.seats_used >= found.max_seats:
        return Validation(True, "NO_SEATS", found)
    return Validation(True, standing, found)
