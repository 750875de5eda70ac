"""The inbox of what a mail provider tells about mails it took."""

from django.db import models

from config.kernel.ids import new_id


class ProviderEvent(models.Model):
    """One event, stored before it is answered and applied once; it holds ids and codes, and no address.

    Whose mail it is about is looked up, inside the organization it names, when it is applied.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    provider_event_id = models.CharField(max_length=128, unique=True)
    payload = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(applied_at=None), name="provider_event_waits"),
        ]

    def __str__(self) -> str:
        return self.provider_event_id
