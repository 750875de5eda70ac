"""Addresses that mail of an organization came back from, or whose readers called it spam."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager


class SuppressionReason(models.TextChoices):
    """Why an address gets security mails only."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"


class SuppressedAddress(models.Model):
    """An address, as a keyed hash, and the mail that it was learned from."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization_id = models.UUIDField()
    address_hash = models.BinaryField(max_length=32)
    reason = models.CharField(max_length=16, choices=SuppressionReason)
    email_id = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager["SuppressedAddress"]()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "address_hash"], name="address_is_suppressed_once"),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.id}"
