"""Every failure of the users app."""

from config.kernel.errors import DomainError, Kind


class EmailTaken(DomainError):
    """The address has an account already."""

    code = "email_taken"
    detail = "This e-mail address has an account already."
    attr = "email"


class WeakPassword(DomainError):
    """The password breaks the password rules; `detail` says which."""

    code = "password_too_weak"
    detail = "The password is too weak."
    attr = "password"


class InvalidCredentials(DomainError):
    """E-mail and password do not belong together; also said for unknown addresses."""

    kind = Kind.UNAUTHENTICATED
    code = "invalid_credentials"
    detail = "E-mail or password is wrong."


class EmailNotVerified(DomainError):
    """The right password, but the address has not been verified."""

    kind = Kind.FORBIDDEN
    code = "email_not_verified"
    detail = "Verify your e-mail address first; we have sent you a link."


class AccountSuspended(DomainError):
    """The right password, but the account is not active."""

    kind = Kind.FORBIDDEN
    code = "account_suspended"
    detail = "This account is suspended."


class TokenInvalid(DomainError):
    """A mailed token that we never issued, or that was made void."""

    code = "token_invalid"
    detail = "This link is not valid."
    attr = "token"


class TokenExpired(DomainError):
    """A mailed token whose time has passed."""

    code = "token_expired"
    detail = "This link has expired. Ask for a new one."
    attr = "token"


class NotAuthenticated(DomainError):
    """An access or refresh token that is malformed, forged, expired or revoked."""

    kind = Kind.UNAUTHENTICATED
    code = "authentication_failed"
    detail = "The token is not valid or has expired."


class SessionRevoked(DomainError):
    """A refresh token of a session that was ended, or used a second time, which ends it."""

    kind = Kind.UNAUTHENTICATED
    code = "session_revoked"
    detail = "This session has ended. Sign in again."


class SignInNotFound(DomainError):
    """No live session of this user has this id."""

    kind = Kind.NOT_FOUND
    code = "session_not_found"
    detail = "You have no such session."
