"""How much of something an organization may use, and how much of it is used."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from organizations.models.organization import Organization


class QuotaName(models.TextChoices):
    """What is limited by plan."""

    MEMBERS = "members"
    LICENSES = "licenses"
    MEMORY_SESSIONS = "memory_sessions"
    REQUESTS_PER_MINUTE = "requests_per_minute"


# An organization without a subscription. It can buy a licence, and has none.
FREE_TIER: dict[str, int | None] = {
    QuotaName.MEMBERS: 5,
    QuotaName.LICENSES: 0,
    QuotaName.MEMORY_SESSIONS: 500,
    QuotaName.REQUESTS_PER_MINUTE: 300,
}


class Quota(models.Model):
    """One limit of one organization; `allowed` of None is no limit.

    `used` is changed in the transaction that uses. It may stand above `allowed` after a change to a smaller plan: what
    is there stays, and nothing is added. Requests are counted in Redis, and `used` stays 0.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=32, choices=QuotaName)
    allowed = models.PositiveIntegerField(null=True)
    used = models.PositiveIntegerField(default=0)

    objects = TenantManager["Quota"]()

    class Meta:
        ordering = ["organization", "name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="quota_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.used} of {self.allowed}"
