"""Forgotten and changed passwords; either way every session that began with the old one ends."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from users.errors import InvalidCredentials, WeakPassword
from users.models import TokenPurpose, User
from users.services import audit, one_time_tokens, sessions, still_signed_in
from users.services.sessions import SignedIn


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


def change(*, signed_in: SignedIn, current_password: str, new_password: str) -> None:
    """Set a new password for a signed-in user; the session or sign-in at Firebase they ask from stays, others end.

    Raises InvalidCredentials for a wrong current password, WeakPassword, and NotAuthenticated when another password was
    set meanwhile: the one that was compared is then the old one.
    """
    user = signed_in.user
    if not user.check_password(current_password):
        raise InvalidCredentials("The current password is wrong.")
    _check_strength(new_password, user)
    with transaction.atomic():
        _set(user, new_password, action="PASSWORD_CHANGED", keep=signed_in)


def remove(*, user: User) -> None:
    """Take a user's password away, and end every session that began with it."""
    with transaction.atomic():
        _set(user, None, action="PASSWORD_REMOVED")


def _check_strength(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(" ".join(error.messages)) from error


def _set(user: User, password: str | None, *, action: str, keep: SignedIn | None = None) -> None:
    """Set the password (None: one that nothing matches), and end what began before: sessions, sign-ins at Firebase.

    The links that are still about, to set a password and to change the address, are void.
    """
    locked = still_signed_in.lock(user)
    still_signed_in.refuse_overtaken(user, locked=locked)
    locked.set_password(password)
    locked.save(update_fields=["password"])
    sessions.end_all(
        user=locked,
        keep=keep.session_id if keep else None,
        keep_since=keep.firebase_signed_in_at if keep else None,
        reason="password_changed",
    )
    one_time_tokens.void(user=locked, purposes=[TokenPurpose.RESET_PASSWORD, TokenPurpose.CHANGE_EMAIL])
    audit.record(action=action, organization_id=None, actor_id=locked.id, object_type="user", object_id=locked.id)
