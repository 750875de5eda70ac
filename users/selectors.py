"""Reads of the users app."""

from uuid import UUID

from users.models import User


def get_user(*, user_id: UUID) -> User:
    """Return a user by id; raises User.DoesNotExist."""
    return User.objects.get(id=user_id)
