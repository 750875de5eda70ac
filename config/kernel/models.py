"""The kernel's tables: answers to POSTs that carried an Idempotency-Key, and the platform's own data key."""

from django.db import models

from config.kernel.ids import new_id


class IdempotentRequest(models.Model):
    """A caller's key with what was asked and, once done, what was answered; forgotten after 24 hours.

    `caller_key` is a keyed hash of caller, route and key. The answer may hold secrets and is kept encrypted.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    caller_key = models.BinaryField(max_length=32, unique=True)
    body_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.BinaryField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    held_until = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="idempotent_request_by_age")]

    def __str__(self) -> str:
        return str(self.id)


class PlatformKey(models.Model):
    """One version of the data key of short secrets (`envelope.wrap`), wrapped by the key-encryption key."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.PositiveIntegerField(unique=True)
    wrapped_key = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)
    """Since when nothing is encrypted under it any more."""

    class Meta:
        ordering = ["version"]

    def __str__(self) -> str:
        return f"platform v{self.version}"
