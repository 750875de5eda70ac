"""The tenant: what buys, owns and is walled off."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager


class OrganizationStatus(models.TextChoices):
    """How the organization stands with us; follows its subscription."""

    ACTIVE = "active"
    PAST_DUE = "past_due"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class MfaRequirement(models.TextChoices):
    """Of whom the organization asks two-factor sign-in; `organizations.roles` says which roles that are."""

    NOBODY = "nobody"
    OWNERS_AND_ADMINS = "owners_and_admins"
    EVERYBODY = "everybody"


class Organization(models.Model):
    """A company, or one person working for themselves."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    status = models.CharField(max_length=16, choices=OrganizationStatus, default=OrganizationStatus.ACTIVE)
    region = models.CharField(max_length=32, default="us")
    require_mfa = models.CharField(
        max_length=24, choices=MfaRequirement, default=MfaRequirement.NOBODY, db_default=MfaRequirement.NOBODY
    )
    settings = models.JSONField(default=dict, blank=True)
    stripe_customer_id = models.CharField(max_length=64, null=True, blank=True, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager["Organization"]()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name
