"""Forgotten and changed passwords; either way every session that began with the old one ends."""

from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from users.errors import InvalidCredentials, WeakPassword
from users.models import TokenPurpose, User
from users.services import audit, one_time_tokens, sessions


def reset(*, token: str, password: str) -> User:
    """Set a new password by a mailed token, which is used up, and end every session of its user.

    A password that is refused does not use the token up. Raises TokenInvalid (also for a used one), TokenExpired,
    WeakPassword.
    """
    with transaction.atomic():
        used = one_time_tokens.use_once(token=token, purpose=TokenPurpose.RESET_PASSWORD)
        _check_strength(password, used.user)
        _set(used.user, password, action="PASSWORD_RESET")
    return used.user


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
    """Set the password, end sessions, and void the links that are still about: to set one, to change the address."""
    locked = User.objects.select_for_update(no_key=True).get(id=user.id)
    locked.set_password(password)
    locked.save(update_fields=["password"])
    sessions.end_all(user=locked, keep=keep, reason="password_changed")
    one_time_tokens.void(user=locked, purposes=[TokenPurpose.RESET_PASSWORD, TokenPurpose.CHANGE_EMAIL])
    audit.record(action=action, organization_id=None, actor_id=locked.id, object_type="user", object_id=locked.id)
