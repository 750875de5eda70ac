"""Copies our users to the Firebase project, where that is switched on: name, address and whether they are suspended.

Nobody gets there before their address is verified (a Firebase account would reserve it), and no password ever does.
"""

import logging
from typing import TypedDict
from uuid import UUID

from django.conf import settings

from config.kernel import tasks
from users.errors import FirebaseUnavailable
from users.models import FirebaseIdentity, User, UserStatus

logger = logging.getLogger(__name__)

MOST_ROUNDS = 3


class State(TypedDict):
    """What Firebase is told about a user."""

    email: str
    full_name: str
    disabled: bool


def request(*, user_id: UUID) -> None:
    """Have a user copied, by a job in the caller's transaction; does nothing where it is switched off."""
    if settings.FIREBASE_PROJECT_ID and settings.FIREBASE_SYNC_USERS:
        tasks.enqueue("users.sync_to_firebase", user_id=user_id)


def sync(*, user_id: UUID) -> None:
    """Bring Firebase's copy of a user up to date, and write down its uid; may be repeated.

    It is repeated at once when the user has changed meanwhile: of two jobs at the same time, the one with older news
    may have been the later to reach Firebase. Raises FirebaseUnavailable; the job is then tried again.
    """
    from users.firebase import sdk  # noqa: PLC0415  (heavy and optional)

    for _ in range(MOST_ROUNDS):
        told = _state(user_id)
        if told is None:
            return
        uid = _uid(user_id)
        if not sdk.put_user(uid=uid, **told):
            logger.warning("another Firebase user has the address of user %s", user_id)
            return
        FirebaseIdentity.objects.get_or_create(
            project_id=settings.FIREBASE_PROJECT_ID, uid=uid, defaults={"user_id": user_id}
        )
        if _state(user_id) == told:
            return
    raise FirebaseUnavailable("The user keeps changing.")


def _state(user_id: UUID) -> State | None:
    user = User.objects.filter(id=user_id, email_verified_at__isnull=False).first()
    if user is None:
        return None
    return State(email=user.email, full_name=user.full_name, disabled=user.status != UserStatus.ACTIVE)


def _uid(user_id: UUID) -> str:
    """Return the uid a user is known by at Firebase; one who is not known there yet gets our id."""
    known = FirebaseIdentity.objects.filter(project_id=settings.FIREBASE_PROJECT_ID, user_id=user_id).first()
    return known.uid if known is not None else str(user_id)
