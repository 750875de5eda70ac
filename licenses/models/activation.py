"""A machine that a licence has been used on; durable, unlike a seat."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from licenses.models.license import License
from organizations.models import Organization


class Activation(models.Model):
    """A machine bound to a licence; only keyed hashes of its id and of its hardware signals are stored.

    `hardware_hash` is the id it was bound by, and its name ever after; `signals` is what it showed last, by name.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    license = models.ForeignKey(License, on_delete=models.CASCADE, related_name="activations")
    hardware_hash = models.BinaryField(max_length=32)
    signals = models.JSONField(default=dict, db_default={})
    hardware_name = models.CharField(max_length=200, blank=True)
    platform = models.CharField(max_length=40, blank=True)
    activated_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager["Activation"]()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "license", "hardware_hash"], name="machine_activated_once"),
        ]

    def __str__(self) -> str:
        return f"{self.hardware_name or 'machine'} {self.id}"
