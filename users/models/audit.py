"""The record of every change that matters: written with the change, never altered."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager


class AuditEntry(models.Model):
    """Who did what to which object, in which organization (none: a platform event).

    The application's role may add entries and read its organization's; it may change and delete none.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization_id = models.UUIDField(null=True)
    action = models.CharField(max_length=64)
    actor_id = models.UUIDField(null=True)
    object_type = models.CharField(max_length=64)
    object_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    occurred_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager["AuditEntry"]()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["organization_id", "id"], name="audit_by_organization")]

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}"
