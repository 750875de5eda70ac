"""An offer of membership, sent by mail."""

from django.db import models
from django.db.models import Q

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from organizations.models.membership import Role
from organizations.models.organization import Organization


class Invitation(models.Model):
    """Open until it is accepted, revoked or seven days old; only its token's keyed hash is stored."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField()
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER)
    token_hash = models.BinaryField(max_length=32, unique=True)
    invited_by_id = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = TenantManager["Invitation"]()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "email"],
                condition=Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_per_address",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.id}"
