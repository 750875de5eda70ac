"""Reads of the users app."""

from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from users.models import Authenticator, RecoveryCode, Session, User


def get_user(*, user_id: UUID) -> User:
    """Return a user by id; raises User.DoesNotExist."""
    return User.objects.get(id=user_id)


def find_user(*, user_id: UUID) -> User | None:
    """Return a user by id, or None."""
    return User.objects.filter(id=user_id).first()


def list_sessions(*, user_id: UUID) -> QuerySet[Session]:
    """Return the sessions in which a user is signed in now, newest first."""
    return Session.objects.filter(user_id=user_id, revoked_at=None, expires_at__gt=Now()).order_by("-id")


def has_second_factor(*, user_id: UUID) -> bool:
    """Return whether a user has an authenticator app that is confirmed."""
    return Authenticator.objects.filter(user_id=user_id, confirmed_at__isnull=False).exists()


def find_authenticator(*, user_id: UUID) -> Authenticator | None:
    """Return the confirmed authenticator app of a user, or None."""
    return Authenticator.objects.filter(user_id=user_id, confirmed_at__isnull=False).first()


def count_recovery_codes(*, user_id: UUID) -> int:
    """Return how many recovery codes a user has left."""
    return RecoveryCode.objects.filter(user_id=user_id, used_at=None).count()
