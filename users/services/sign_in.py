"""Signing in: with a password, and with a second factor where the user has set one up."""

import secrets
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from config.kernel import clock
from config.kernel.digests import keyed_hash
from users.errors import AccountSuspended, EmailNotVerified, InvalidCredentials, MfaRequired, MfaTokenInvalid
from users.models import SignInChallenge, User, UserStatus
from users.models.user import normalize_email
from users.services import second_factor, sessions
from users.services.sessions import SignIn

CHALLENGE_LIFETIME = timedelta(minutes=5)
MOST_ATTEMPTS = 5
"""At one challenge; how many there may be at one account is `second_factor`'s business."""


def login(*, email: str, password: str, ip_address: str | None = None, user_agent: str = "") -> SignIn:
    """Sign a user in with e-mail and password.

    Raises InvalidCredentials for an unknown address as for a wrong password, after the same work; and only when the
    password was right, AccountSuspended, EmailNotVerified or MfaRequired.
    """
    user = User.objects.filter(email=normalize_email(email)).select_related("authenticator").first()
    if user is None:
        make_password(password)  # the same work as for a known address, so that time tells nothing
        raise InvalidCredentials
    if not user.check_password(password):
        raise InvalidCredentials
    if user.status != UserStatus.ACTIVE:
        raise AccountSuspended
    if not user.email_verified:
        raise EmailNotVerified
    return begin(user=user, amr="pwd", ip_address=ip_address, user_agent=user_agent)


def begin(*, user: User, amr: str, ip_address: str | None, user_agent: str) -> SignIn:
    """Sign in a user who has proven a first factor, `amr`; raises MfaRequired where a second one is due."""
    if user.mfa_enabled:
        token = _challenge(user, amr)
        raise MfaRequired(mfa_token=token, expires_in=int(CHALLENGE_LIFETIME.total_seconds()))
    return sessions.start(user=user, amr=amr, ip_address=ip_address, user_agent=user_agent)


def attempt(*, mfa_token: str, with_code: bool) -> SignInChallenge:
    """Count an attempt at a challenge, and with a code at the account's authenticator, before anything is looked at.

    Committed at once, so that none of any number at once goes uncounted. Raises MfaTokenInvalid, MfaAttemptsExceeded.
    """
    open_ = SignInChallenge.objects.filter(
        token_hash=keyed_hash("mfa-token", mfa_token), used_at=None, expires_at__gt=Now(), attempts__lt=MOST_ATTEMPTS
    )
    with transaction.atomic(durable=True):
        challenge = open_.select_related("user").first()
        if challenge is None or not open_.update(attempts=F("attempts") + 1):
            raise MfaTokenInvalid
        user = challenge.user
        if user.status != UserStatus.ACTIVE or user.token_version != challenge.token_version:
            raise MfaTokenInvalid
        if with_code:
            second_factor.count_attempt(user_id=user.id)
    return challenge


def answer(
    *,
    challenge: SignInChallenge,
    code: str | None,
    recovery_code: str | None,
    ip_address: str | None,
    user_agent: str,
) -> SignIn:
    """Sign in by the second factor, to a challenge whose attempt was counted; the challenge is used up by success.

    Raises MfaTokenInvalid, MfaCodeInvalid, RecoveryCodeInvalid.
    """
    with transaction.atomic(savepoint=False):
        if not SignInChallenge.objects.filter(id=challenge.id, used_at=None).update(used_at=Now()):
            raise MfaTokenInvalid
        method = second_factor.prove(user_id=challenge.user_id, code=code, recovery_code=recovery_code)
        return sessions.start(
            user=challenge.user, amr=f"{challenge.amr} {method}", ip_address=ip_address, user_agent=user_agent
        )


def _challenge(user: User, amr: str) -> str:
    """Return the token of a new challenge; only its hash is kept. Those that have expired are swept away."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        SignInChallenge.objects.filter(user=user, expires_at__lt=Now()).delete()
        SignInChallenge.objects.create(
            user=user,
            token_hash=keyed_hash("mfa-token", token),
            token_version=user.token_version,
            amr=amr,
            expires_at=clock.now() + CHALLENGE_LIFETIME,
        )
    return token
