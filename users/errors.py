"""Every failure of the users app."""

from config.kernel.errors import DependencyUnavailable, DomainError, Kind


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
    audited_as = "LOGIN_FAILED"
    detail = "E-mail or password is wrong."


class EmailNotVerified(DomainError):
    """The right password, but the address has not been verified."""

    kind = Kind.FORBIDDEN
    code = "email_not_verified"
    audited_as = "LOGIN_FAILED"
    detail = "Verify your e-mail address first; we have sent you a link."


class AccountSuspended(DomainError):
    """The right password, but the account is not active."""

    kind = Kind.FORBIDDEN
    code = "account_suspended"
    audited_as = "LOGIN_FAILED"
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


class SessionRequired(DomainError):
    """What only a session of ours can be asked for, asked with an ID token of Firebase."""

    kind = Kind.FORBIDDEN
    code = "session_required"
    detail = "Exchange the Firebase ID token at /auth/firebase, and repeat this with the access token."


class FirebaseNotConfigured(DomainError):
    """This deployment has no Firebase project."""

    kind = Kind.NOT_FOUND
    code = "firebase_not_configured"
    detail = "This service does not sign people in with Firebase."


class FirebaseTokenInvalid(DomainError):
    """No ID token of our project: malformed, forged, of another project or key, or its account is gone."""

    kind = Kind.UNAUTHENTICATED
    code = "firebase_token_invalid"
    audited_as = "LOGIN_FAILED"
    detail = "The Firebase ID token is not valid."


class FirebaseTokenExpired(DomainError):
    """A good ID token whose hour has passed; the Firebase SDK has a fresh one."""

    kind = Kind.UNAUTHENTICATED
    code = "firebase_token_expired"
    detail = "The Firebase ID token has expired. Get a fresh one."


class FirebaseSignInEnded(DomainError):
    """The sign-in at Firebase was revoked there, or ended here (a changed password, signing out everywhere)."""

    kind = Kind.UNAUTHENTICATED
    code = "firebase_sign_in_ended"
    audited_as = "LOGIN_FAILED"
    detail = "This sign-in has ended. Sign in at Firebase again."


class FirebaseNotLinked(DomainError):
    """A good ID token that no account here belongs to yet."""

    kind = Kind.UNAUTHENTICATED
    code = "firebase_not_linked"
    detail = "No account belongs to this Firebase user yet. Exchange the ID token at /auth/firebase first."


class FirebaseAccountDisabled(DomainError):
    """The account is disabled at Firebase."""

    kind = Kind.FORBIDDEN
    code = "firebase_account_disabled"
    audited_as = "LOGIN_FAILED"
    detail = "This account is disabled at Firebase."


class FirebaseProviderNotAllowed(DomainError):
    """Signed in at Firebase in a way that we do not accept: anonymously, or by a provider that is not on the list."""

    kind = Kind.FORBIDDEN
    code = "firebase_provider_not_allowed"
    audited_as = "LOGIN_FAILED"
    detail = "This way to sign in is not accepted here."


class FirebaseEmailUnverified(DomainError):
    """A new Firebase user whose address nobody has verified: it says nothing about whose account it is."""

    kind = Kind.FORBIDDEN
    code = "firebase_email_unverified"
    audited_as = "LOGIN_FAILED"
    detail = "Verify your e-mail address at Firebase first, then sign in there again."


class FirebaseUnavailable(DependencyUnavailable):
    """Google does not answer, and without it the token cannot be checked."""

    code = "firebase_unavailable"
    detail = "Firebase does not answer right now. Try again shortly."


class FirebaseIdentityTaken(Exception):
    """Another request linked this Firebase user in the same moment; looking again finds it."""


class SignInNotFound(DomainError):
    """No live session of this user has this id."""

    kind = Kind.NOT_FOUND
    code = "session_not_found"
    detail = "You have no such session."


class MfaRequired(DomainError):
    """Everything was right so far, and a second factor is needed; at sign-in `mfa_token` says for what."""

    kind = Kind.FORBIDDEN
    code = "mfa_required"
    detail = "Two-factor sign-in is on: send a code of your authenticator app, or a recovery code."


class MfaTokenInvalid(DomainError):
    """An `mfa_token` that was used, has expired, or has seen too many wrong codes."""

    kind = Kind.UNAUTHENTICATED
    code = "mfa_token_invalid"
    detail = "This sign-in has ended. Begin again with your password."


class MfaCodeInvalid(DomainError):
    """A code of the authenticator app that is wrong, too old, or was used before."""

    code = "mfa_code_invalid"
    audited_as = "MFA_REFUSED"
    detail = "This code is wrong, or was used before."
    attr = "code"


class RecoveryCodeInvalid(DomainError):
    """A recovery code that is wrong, void, or was used before."""

    code = "recovery_code_invalid"
    audited_as = "MFA_REFUSED"
    detail = "This recovery code is wrong, or was used before."
    attr = "recovery_code"


class MfaAttemptsExceeded(DomainError):
    """Too many wrong codes in a row: the next one is looked at later."""

    kind = Kind.RATE_LIMITED
    code = "mfa_attempts_exceeded"
    audited_as = "MFA_REFUSED"
    detail = "Too many wrong codes. Wait before you try again, or use a recovery code."


class MfaAlreadyEnabled(DomainError):
    """Two-factor sign-in is on already."""

    kind = Kind.CONFLICT
    code = "mfa_already_enabled"
    detail = "Two-factor sign-in is on already. Switch it off first to use another app."


class MfaNotEnabled(DomainError):
    """There is no authenticator app to confirm, use or remove."""

    kind = Kind.CONFLICT
    code = "mfa_not_enabled"
    detail = "Two-factor sign-in is not set up."


class StepUpRequired(DomainError):
    """The last proof of identity is too long ago for this; `methods` says what can be shown to renew it."""

    kind = Kind.FORBIDDEN
    code = "step_up_required"
    detail = "Prove again that it is you: POST /api/v1/auth/step-up, then repeat this request."


class EmailUnchanged(DomainError):
    """The new address is the one the account has."""

    code = "email_unchanged"
    detail = "This is your address already."
    attr = "email"
