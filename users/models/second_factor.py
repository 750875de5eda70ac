"""What a user proves beside their password: an authenticator app's codes, or one of the recovery codes."""

from django.db import models
from django.db.models.functions import Now

from config.kernel.ids import new_id
from users.models.user import User


class Authenticator(models.Model):
    """The authenticator app of a user; it counts once it is confirmed.

    `last_step` only grows: each time step's code is taken once. `attempts` counts those since the last good code, and
    no further one is looked at before `next_attempt_at`.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="authenticator")
    secret = models.BinaryField()
    last_step = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"authenticator of {self.user_id}"


class RecoveryCode(models.Model):
    """Stands in for the authenticator, once; only its keyed hash is stored."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    code_hash = models.BinaryField(max_length=32, unique=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return str(self.id)


class SignInChallenge(models.Model):
    """A sign-in that has proven the first factor (`amr`) and waits for the second.

    It ends by success, after five attempts or five minutes, or when the user's token version is raised.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    token_hash = models.BinaryField(max_length=32, unique=True)
    token_version = models.PositiveIntegerField()
    amr = models.CharField(max_length=64)
    attempts = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return str(self.id)
