"""Tables of the licenses app."""

from licenses.models.activation import Activation
from licenses.models.license import AccessPolicy, License, LicenseStatus, SuspensionReason
from licenses.models.session import EndReason, LicenseSession, SessionKind
from licenses.models.signed_file import SignedFile

__all__ = [
    "AccessPolicy",
    "Activation",
    "EndReason",
    "License",
    "LicenseSession",
    "LicenseStatus",
    "SessionKind",
    "SignedFile",
    "SuspensionReason",
]
