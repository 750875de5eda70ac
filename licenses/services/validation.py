"""Saying whether a licence key is good."""

from dataclasses import dataclass
from datetime import datetime

from config.kernel import clock
from licenses import lookup, machines, rules
from licenses.errors import LicenseExpired, LicenseInactive, LicenseKeyMalformed, LicenseNotFound, LicenseSuspended
from licenses.lookup import FoundLicense

DETAILS = {
    "VALID": "The licence is valid.",
    "MALFORMED": LicenseKeyMalformed.detail,
    "NOT_FOUND": LicenseNotFound.detail,
    "EXPIRED": LicenseExpired.detail,
    "SUSPENDED": LicenseSuspended.detail,
    "IN_GRACE": "The licence is suspended, and usable until its grace period ends. Pay what is missing before.",
    "INACTIVE": LicenseInactive.detail,
    "NOT_ACTIVATED": "The licence is valid, but not activated on this machine. Activate it first.",
    "NO_SEATS": "The licence is valid, but every seat is in use. Try again when one is given back.",
}


@dataclass(frozen=True)
class Validation:
    """A verdict, and the database's time at which it was true; `license` is None when there is none to tell about."""

    valid: bool
    code: str
    license: FoundLicense | None
    at: datetime

    @property
    def detail(self) -> str:
        """The verdict as a sentence, and that the key was replaced, if it was."""
        until = self.license and self.license.key_valid_until
        return DETAILS[self.code] + (f" This key was replaced and stops working at {until:{_TIME}}." if until else "")


def validate(*, license_key: str, hardware_id: str | None) -> Validation:
    """Return the verdict on a key, and, with a `hardware_id`, on its use on that machine.

    A bad licence is a verdict and no error. Raises HardwareIdInvalid.
    """
    machine = None if hardware_id is None else machines.hardware_hash(hardware_id)
    try:
        found, now = lookup.look_up(license_key=license_key, machine=machine)
    except LicenseKeyMalformed:
        return Validation(False, "MALFORMED", None, clock.now())
    valid, code = _judge(found or lookup.DECOY, on_machine=machine is not None)
    return Validation(False, "NOT_FOUND", None, now) if found is None else Validation(valid, code, found, now)


def _judge(found: FoundLicense, *, on_machine: bool) -> tuple[bool, str]:
    """Return whether a licence is good and the code that says how; the first that applies, in the documented order."""
    standing = found.standing
    if standing not in rules.USABLE:
        return False, standing
    if on_machine and found.require_activation and not found.activated:
        return False, "NOT_ACTIVATED"
    if standing is rules.Standing.VALID and found.seats.full and not found.holds_seat:
        return True, "NO_SEATS"
    return True, standing


_TIME = "%Y-%m-%dT%H:%M:%SZ"
