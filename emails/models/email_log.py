"""The outbox: one row is one attempt to tell somebody something."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager


class EmailStatus(models.TextChoices):
    """How far a mail has come, in this order; late news never takes it back (`sending` back to `queued` excepted)."""

    QUEUED = "queued"
    SENDING = "sending"
    FAILED = "failed"  # given up by us; a provider that took it all the same knows better
    SENT = "sent"
    SUPPRESSED = "suppressed"
    DELIVERED = "delivered"
    BOUNCED = "bounced"  # mail servers take a mail first and send it back later

    @property
    def beneath(self) -> list["EmailStatus"]:
        """Return the statuses that this one may take the place of."""
        ladder = list(EmailStatus)
        return ladder[: ladder.index(self)]


class EmailLog(models.Model):
    """A mail, written in the transaction of what caused it and sent by the worker.

    `data` (the template's variables and attachments) may hold links and keys: it is encrypted, and erased once sent.
    `uncertain_sends` counts how often it was handed to a provider, as far as we know, and the answer never recorded:
    its reader may have got it so many times more than once.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization_id = models.UUIDField()
    kind = models.CharField(max_length=64)
    recipient = models.EmailField()
    data = models.BinaryField(null=True)
    dedup_key = models.CharField(max_length=200)
    status = models.CharField(max_length=16, choices=EmailStatus, default=EmailStatus.QUEUED)
    provider_id = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    uncertain_sends = models.PositiveIntegerField(db_default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    next_attempt_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    objects = TenantManager["EmailLog"]()

    class Meta:
        ordering = ["-id"]
        constraints = [
            # The same fact is told once, however often the job that tells it runs.
            models.UniqueConstraint(fields=["organization_id", "dedup_key"], name="email_is_queued_once"),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=models.Q(status__in=["queued", "sending"]), name="email_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
