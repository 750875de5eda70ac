"""What comparing our rows with Stripe's came to."""

from django.db import models

from config.kernel.ids import new_id


class RunKind(models.TextChoices):
    """What was compared: the events of the last hours, or each subscription field by field."""

    EVENTS = "events"
    SUBSCRIPTIONS = "subscriptions"


class ReconcileRun(models.Model):
    """One run over all organizations; `report` has a line for each difference.

    `seen_until` is the time, by Stripe's clock, of the newest event that was listed: the next run begins before it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=16, choices=RunKind)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    seen_until = models.DateTimeField(null=True)
    looked_at = models.PositiveIntegerField(default=0)
    differences = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=list)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["kind", "-id"], name="reconcile_history")]

    def __str__(self) -> str:
        return f"{self.kind} {self.started_at:%Y-%m-%d %H:%M}"
