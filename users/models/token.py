"""Secrets sent by mail that prove control of an address, once."""

from django.db import models

from config.kernel.ids import new_id
from users.models.user import User


class TokenPurpose(models.TextChoices):
    """What a token may be used for."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105  (the name of a purpose)
    CHANGE_EMAIL = "change_email"


class OneTimeToken(models.Model):
    """A mailed token; only its keyed hash is stored. `email` is the new address that a CHANGE_EMAIL token is for."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    purpose = models.CharField(max_length=32, choices=TokenPurpose)
    token_hash = models.BinaryField(max_length=32, unique=True)
    email = models.EmailField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"
