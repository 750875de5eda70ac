"""Tables of the licenses app."""

from licenses.models.activation import Activation
from licenses.models.license import AccessPolicy, License, LicenseStatus, MatchPolicy, SuspensionReason
from licenses.models.retired_key import RetiredKey
from licenses.models.session import EndReason, LicenseSession
from licenses.models.signed_file import SignedFile

__all__ = [
    "AccessPolicy",
    "Activation",
    "EndReason",
    "License",
    "LicenseSession",
    "LicenseStatus",
    "MatchPolicy",
    "RetiredKey",
    "SignedFile",
    "SuspensionReason",
]
