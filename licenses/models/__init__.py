"""Tables of the licenses app."""

from licenses.models.activation import Activation
from licenses.models.license import AccessPolicy, License, LicenseStatus, MatchPolicy, SuspensionReason
from licenses.models.retired_key import RetiredKey
from licenses.models.session import EndReason, LicenseSession, SessionKind
from licenses.models.signed_file import SignedFile
from licenses.models.usage import DailyUsage, DenialCount, UsageProgress

__all__ = [
    "AccessPolicy",
    "Activation",
    "DailyUsage",
    "DenialCount",
    "EndReason",
    "License",
    "LicenseSession",
    "LicenseStatus",
    "MatchPolicy",
    "RetiredKey",
    "SessionKind",
    "SignedFile",
    "SuspensionReason",
    "UsageProgress",
]
