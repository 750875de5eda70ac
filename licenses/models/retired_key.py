"""A licence key that was replaced, and until when it still works."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from licenses.models.license import License
from organizations.models import Organization


class RetiredKey(models.Model):
    """An older key of a licence: found by its keyed hash, never shown again, and no key from `valid_until` on."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    license = models.ForeignKey(License, on_delete=models.CASCADE, related_name="+")
    key_hash = models.BinaryField(max_length=32, unique=True)
    retired_at = models.DateTimeField()
    valid_until = models.DateTimeField()

    objects = TenantManager["RetiredKey"]()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["organization", "license"], name="retired_keys_of_license")]

    def __str__(self) -> str:
        return f"of {self.license_id} until {self.valid_until}"
