"""The key that an organization's sensitive columns are encrypted with, itself encrypted."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from organizations.models.organization import Organization


class DataKey(models.Model):
    """One version of an organization's data key, wrapped by the key-encryption key. Without it nothing opens."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField(default=1)
    wrapped_key = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)
    """Since when nothing is encrypted under it any more; a day later it is dropped."""

    objects = TenantManager["DataKey"]()

    class Meta:
        ordering = ["organization", "version"]
        constraints = [models.UniqueConstraint(fields=["organization", "version"], name="data_key_version_once")]

    def __str__(self) -> str:
        return f"{self.organization_id} v{self.version}"
