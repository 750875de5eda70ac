"""A lease on one seat: the record that decides, whatever Redis says."""

from django.db import models
from django.db.models import Q

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from licenses.models.license import License
from organizations.models import Organization


class EndReason(models.TextChoices):
    """Why a session ended."""

    RELEASED = "released"
    EXPIRED = "expired"
    LICENSE_ENDED = "license_ended"
    FORCED = "forced"
    TAKEN_OVER = "taken_over"


class SessionKind(models.TextChoices):
    """How a seat is held: kept by heartbeats, or borrowed, on a lease of days that needs none."""

    FLOATING = "floating"
    BORROWED = "borrowed"


class LicenseSession(models.Model):
    """A machine's lease on a seat of a licence: live while `ended_at` is null and `expires_at` lies ahead.

    A lapsed lease may stay open until something tidies it; it counts for nothing. `lease_no` grows each time the
    machine asks again, so that a late release of an earlier answer hits nothing. `sequence` grows with each beat that
    carries the newest token.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    license = models.ForeignKey(License, on_delete=models.CASCADE, related_name="+", db_index=False)
    user_id = models.UUIDField(null=True)
    hardware_hash = models.BinaryField(max_length=32)
    lease_no = models.BigIntegerField(default=1)
    sequence = models.BigIntegerField(default=1)
    acquired_at = models.DateTimeField()
    last_heartbeat_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=16, choices=EndReason, blank=True)
    clones_suspected = models.PositiveIntegerField(default=0, db_default=0)
    """How many beats came with a token older than the last two: somebody else had beaten with newer ones."""
    clone_reported_at = models.DateTimeField(null=True)
    kind = models.CharField(
        max_length=16, choices=SessionKind, default=SessionKind.FLOATING, db_default=SessionKind.FLOATING
    )

    objects = TenantManager["LicenseSession"]()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "license", "hardware_hash"],
                condition=Q(ended_at=None),
                name="one_open_session_a_machine",
            ),
        ]
        # No index holds what a beat changes: so a beat writes one row and no index (docs/adr/0009-session-history.md).
        indexes = [
            models.Index(fields=["organization", "license", "acquired_at"], name="session_by_beginning"),
            models.Index(
                fields=["organization", "license", "ended_at"],
                condition=Q(ended_at__isnull=False),
                name="past_session_by_end",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
