"""Reads of the users app."""

from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from users.models import Session, User


def get_user(*, user_id: UUID) -> User:
    """Return a user by id; raises User.DoesNotExist."""
    return User.objects.get(id=user_id)


def find_user(*, user_id: UUID) -> User | None:
    """Return a user by id, or None."""
    return User.objects.filter(id=user_id).first()


def list_sessions(*, user_id: UUID) -> QuerySet[Session]:
    """Return the sessions in which a user is signed in now, newest first."""
    return Session.objects.filter(user_id=user_id, revoked_at=None, expires_at__gt=Now()).order_by("-id")
