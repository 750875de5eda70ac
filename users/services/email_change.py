"""Changing the address of an account: asked for by its owner, decided by whoever reads mail at the new one."""

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from users.errors import EmailTaken, EmailUnchanged
from users.models import TokenPurpose, User
from users.models.user import normalize_email
from users.services import audit, firebase_sync, one_time_tokens, sessions, still_signed_in


@dataclass(frozen=True)
class Asked:
    """A change that waits for its confirmation; `taken`: another account has the address now."""

    email: str
    token: str
    taken: bool


@dataclass(frozen=True)
class Changed:
    """Whose address was changed, and what it was."""

    user: User
    old_email: str


def ask(*, user: User, email: str) -> Asked:
    """Make the token that confirms the new address, with the same work whether or not it is taken.

    An older token of the kind is void. Raises EmailUnchanged, and NotAuthenticated when the user's sign-ins have been
    ended meanwhile.
    """
    email = normalize_email(email)
    if email == user.email:
        raise EmailUnchanged
    with transaction.atomic(savepoint=False):
        still_signed_in.refuse_overtaken(user, locked=still_signed_in.lock(user))
        taken = User.objects.filter(email=email).exists()
        token = one_time_tokens.issue(user=user, purpose=TokenPurpose.CHANGE_EMAIL, email=email)
        _audit("EMAIL_CHANGE_ASKED", user.id)
    return Asked(email, token, taken)


def confirm(*, token: str, session_id: UUID | None) -> Changed:
    """Give the account the address that the token was mailed to.

    Every session but this one ends, and no mailed link of the account works any longer: they went to the old address.
    Raises TokenInvalid, TokenExpired, and EmailTaken (decided by the unique constraint, so that two at once cannot both
    have it).
    """
    with transaction.atomic(savepoint=False):
        used = one_time_tokens.use_once(token=token, purpose=TokenPurpose.CHANGE_EMAIL)
        user, old_email = used.user, used.user.email
        try:
            User.objects.filter(id=user.id).update(email=used.email, email_verified_at=Now())
        except IntegrityError as error:
            raise EmailTaken from error
        user.refresh_from_db()
        sessions.end_all(user=user, keep=session_id, reason="email_changed")
        one_time_tokens.void(user=user, purposes=list(TokenPurpose))
        firebase_sync.request(user_id=user.id)
        _audit("EMAIL_CHANGED", user.id)
    return Changed(user, old_email)


def _audit(action: str, user_id: UUID) -> None:
    audit.record(action=action, organization_id=None, actor_id=user_id, object_type="user", object_id=user_id)
