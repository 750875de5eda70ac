"""Forgotten and changed passwords; either way every session that began with the old one ends."""

from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from users.errors import InvalidCredentials, TokenInvalid, WeakPassword
from users.models import OneTimeToken, Session, TokenPurpose, User
from users.services import audit, one_time_tokens


def reset(*, token: str, password: str) -> User:
    """Set a new password by a mailed token, which is used up, and end every session of its user.

    A password that is refused does not use the token up. Raises TokenInvalid (also for a used one), TokenExpired,
    WeakPassword.
    """
    with transaction.atomic():
        user, first = one_time_tokens.use(token=token, purpose=TokenPurpose.RESET_PASSWORD)
        if not first:
            raise TokenInvalid
        _check_strength(password, user)
        _set(user, password, action="PASSWORD_RESET")
    return user


def change(*, user: User, session_id: UUID, current_password: str, new_password: str) -> None:
    """Set a new password for a signed-in user; the session they ask from stays, every other one ends.

    Raises InvalidCredentials for a wrong current password, WeakPassword.
    """
    if not user.check_password(current_password):
        raise InvalidCredentials("The current password is wrong.")
    _check_strength(new_password, user)
    with transaction.atomic():
        _set(user, new_password, action="PASSWORD_CHANGED", keep=session_id)


def _check_strength(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(" ".join(error.messages)) from error


def _set(user: User, password: str, *, action: str, keep: UUID | None = None) -> None:
    """Set the password, raise the token version, revoke sessions and void reset links that are still about."""
    locked = User.objects.select_for_update(no_key=True).get(id=user.id)
    locked.set_password(password)
    locked.token_version += 1
    locked.save(update_fields=["password", "token_version"])
    live = Session.objects.filter(user=locked, revoked_at=None)
    if keep is not None:
        live.filter(id=keep).update(token_version=locked.token_version)
    # Every session of an older token version is dead already; the rows say so, and since when.
    live.filter(token_version__lt=locked.token_version).update(revoked_at=Now(), revoke_reason="password_changed")
    OneTimeToken.objects.filter(user=locked, purpose=TokenPurpose.RESET_PASSWORD, used_at=None).update(
        expires_at=F("created_at")
    )
    audit.record(action=action, organization_id=None, actor_id=locked.id, object_type="user", object_id=locked.id)
