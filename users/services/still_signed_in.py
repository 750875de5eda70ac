"""Holding on to a user whose request was let in: it may have been overtaken by what ended their sign-in."""

from users.errors import NotAuthenticated
from users.models import User


def lock(user: User) -> User:
    """Return the user as they are now, locked until the caller's transaction ends."""
    return User.objects.select_for_update(no_key=True).get(id=user.id)


def refuse_overtaken(user: User, *, locked: User) -> None:
    """Raise NotAuthenticated when sign-ins have been ended since `user` was let in.

    Else a thief's request that is under way outlives the new password that was to end it.
    """
    if locked.token_version != user.token_version:
        raise NotAuthenticated
