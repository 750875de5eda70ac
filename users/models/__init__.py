"""Tables of the users app."""

from users.models.audit import AuditCheckpoint, AuditEntry, AuditSeal
from users.models.firebase_identity import FirebaseIdentity
from users.models.second_factor import Authenticator, RecoveryCode, SignInChallenge
from users.models.session import Session
from users.models.token import OneTimeToken, TokenPurpose
from users.models.user import User, UserStatus

__all__ = [
    "AuditCheckpoint",
    "AuditEntry",
    "AuditSeal",
    "Authenticator",
    "FirebaseIdentity",
    "OneTimeToken",
    "RecoveryCode",
    "Session",
    "SignInChallenge",
    "TokenPurpose",
    "User",
    "UserStatus",
]
