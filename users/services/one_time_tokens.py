"""Secrets sent by mail: made, and used up exactly once."""

import secrets
from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Now

from config.kernel.digests import keyed_hash
from users.errors import TokenExpired, TokenInvalid
from users.models import OneTimeToken, TokenPurpose, User

LIFETIMES = {
    TokenPurpose.VERIFY_EMAIL: timedelta(hours=24),
    TokenPurpose.RESET_PASSWORD: timedelta(hours=1),
    TokenPurpose.CHANGE_EMAIL: timedelta(hours=1),
}


def issue(*, user: User, purpose: TokenPurpose, email: str | None = None, first: bool = False) -> str:
    """Return a new token for the user and void the older ones of this purpose; only its hash is kept.

    `email` is the new address that a CHANGE_EMAIL token is for; `first`: the user is so new that none can be older.
    """
    if not first:
        OneTimeToken.objects.filter(user=user, purpose=purpose, used_at=None).update(expires_at=Now())
    token = secrets.token_urlsafe(32)
    OneTimeToken.objects.create(
        user=user,
        purpose=purpose,
        token_hash=keyed_hash(purpose, token),
        email=email,
        expires_at=Now() + LIFETIMES[purpose],
    )
    return token


def use(*, token: str, purpose: TokenPurpose) -> tuple[OneTimeToken, bool]:
    """Use a token up; return it, with its user, and whether this was the first use.

    A used token whose time has not passed is answered the same again (mail scanners open links before people do).
    Raises TokenInvalid, TokenExpired.
    """
    found = OneTimeToken.objects.filter(token_hash=keyed_hash(purpose, token), purpose=purpose)
    # Compare-and-set: of any number of callers at once, one gets the row.
    first = found.filter(used_at=None, expires_at__gt=Now()).update(used_at=Now()) == 1
    row = found.annotate(expired=F("expires_at") - Now()).select_related("user").first()
    if row is None:
        raise TokenInvalid
    if row.expired <= timedelta(0):
        raise TokenExpired
    return row, first


def use_once(*, token: str, purpose: TokenPurpose) -> OneTimeToken:
    """Use a token up; return it, with its user. Raises TokenInvalid, also for a used one, TokenExpired.

    The user's row is locked before the token's, as by whatever voids tokens, so that no two wait for each other.
    """
    held = OneTimeToken.objects.filter(token_hash=keyed_hash(purpose, token), purpose=purpose).values("user_id")
    User.objects.select_for_update(no_key=True).filter(id__in=held).first()
    row, first = use(token=token, purpose=purpose)
    if not first:
        raise TokenInvalid
    return row


def void(*, user: User, purposes: list[TokenPurpose]) -> None:
    """Let the unused tokens of these purposes work no longer."""
    OneTimeToken.objects.filter(user=user, purpose__in=purposes, used_at=None).update(expires_at=F("created_at"))
