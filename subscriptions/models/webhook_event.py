"""The inbox of what Stripe tells us."""

from django.db import models

from config.kernel.ids import new_id


class WebhookStatus(models.TextChoices):
    """How far an event has come."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class WebhookEvent(models.Model):
    """One event, stored before it is answered, applied once; whose it is comes out when it is applied.

    The payload is forgotten after 90 days; the id stays, so that a late repetition is still known.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    stripe_event_id = models.CharField(max_length=128, unique=True)
    event_type = models.CharField(max_length=80)
    payload = models.JSONField(null=True)
    occurred_at = models.DateTimeField(null=True)
    api_version = models.CharField(max_length=40, blank=True, db_default="")
    status = models.CharField(max_length=16, choices=WebhookStatus, default=WebhookStatus.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    received_at = models.DateTimeField(auto_now_add=True)
    next_attempt_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=models.Q(status__in=["pending", "processing"]), name="webhook_due"
            ),
            # What staff and the metrics look for: among millions that are completed, the few that are not.
            models.Index(
                fields=["status", "received_at"], condition=~models.Q(status="completed"), name="webhook_unfinished"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.stripe_event_id}"
