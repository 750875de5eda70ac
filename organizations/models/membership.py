"""Who belongs to which organization, and as what."""

from django.conf import settings
from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from organizations.models.organization import Organization


class Role(models.TextChoices):
    """What a member may do; `organizations.roles` says exactly what."""

    OWNER = "owner"
    ADMIN = "admin"
    BILLING = "billing"
    MEMBER = "member"


class Membership(models.Model):
    """A user in an organization, with a role."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager["Membership"]()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} of {self.organization_id}"
