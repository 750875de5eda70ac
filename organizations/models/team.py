"""Groups of members within an organization."""

from django.conf import settings
from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from organizations.models.organization import Organization


class Team(models.Model):
    """A named group of members; what it shares is the memory app's business."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager["Team"]()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="team_name_once")]

    def __str__(self) -> str:
        return self.name


class TeamMembership(models.Model):
    """A member of the organization in one of its teams."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager["TeamMembership"]()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "team", "user"], name="team_member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.team_id}"
