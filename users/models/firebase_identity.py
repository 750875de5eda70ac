"""Which Firebase user is which of ours."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Value
from django.db.models.functions import Greatest, Now

from config.kernel.ids import new_id
from users.models.user import User


class FirebaseIdentityManager(models.Manager["FirebaseIdentity"]):
    """Ends what a user has begun at Firebase."""

    def end_sign_ins(self, *, user_id: UUID, keep_since: datetime | None = None) -> None:
        """Stop believing a user's sign-ins at Firebase, but those since `keep_since`: when whoever asks signed in."""
        moment = Now() if keep_since is None else Value(keep_since)
        self.filter(user_id=user_id).update(
            not_before=Greatest("not_before", moment, output_field=models.DateTimeField())
        )


class FirebaseIdentity(models.Model):
    """A Firebase user, known by project and uid and by nothing else: addresses change hands.

    `not_before`: sign-ins at Firebase (`auth_time`) before it are no longer believed. It takes the place of the session
    that a Bearer ID token does not have.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="firebase_identities")
    project_id = models.CharField(max_length=64)
    uid = models.CharField(max_length=128)
    not_before = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[FirebaseIdentityManager] = FirebaseIdentityManager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["project_id", "uid"], name="firebase_user_is_linked_once")]

    def __str__(self) -> str:
        return f"{self.project_id}/{self.uid}"
