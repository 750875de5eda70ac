"""The right to run, for as many machines at once as there are seats."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from organizations.encrypted_text import EncryptedTextField
from organizations.models import Organization
from subscriptions.models import Subscription


class LicenseStatus(models.TextChoices):
    """How the licence stands; whether it may be used now also depends on expiry and grace (`licenses.rules`)."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    INACTIVE = "inactive"


class SuspensionReason(models.TextChoices):
    """Who suspended it; a payment lifts only what billing did."""

    BILLING = "billing"
    ADMIN = "admin"


class AccessPolicy(models.TextChoices):
    """Who may take a seat: a signed-in member, whoever holds the key, or either."""

    USER = "user"
    KEY = "key"
    MIXED = "mixed"


class MatchPolicy(models.TextChoices):
    """How many of the hardware signals that an activation knows a machine must show again to be taken for it."""

    ANY = "any"
    MOST = "most"
    ALL = "all"


class License(models.Model):
    """What a subscription issues, once. The key is stored as a keyed hash (to find it) and encrypted (to show it)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    subscription = models.OneToOneField(Subscription, on_delete=models.PROTECT, related_name="+")
    key_hash = models.BinaryField(max_length=32, unique=True)
    key = EncryptedTextField(field_id="license.key", db_column="key_encrypted")
    tier = models.CharField(max_length=40)
    features = models.JSONField(default=dict)
    max_seats = models.PositiveIntegerField()
    access_policy = models.CharField(max_length=8, choices=AccessPolicy, default=AccessPolicy.USER)
    require_activation = models.BooleanField(default=False)
    max_activations = models.PositiveIntegerField(null=True, blank=True)
    match_policy = models.CharField(
        max_length=8, choices=MatchPolicy, default=MatchPolicy.ANY, db_default=MatchPolicy.ANY.value
    )
    overage_seats = models.PositiveIntegerField(default=0, db_default=0)
    overage_percent = models.PositiveIntegerField(default=0, db_default=0)
    """What may be leased beyond `max_seats`: so many seats, or so many hundredths of them; `rules.overage` adds up."""
    max_borrowed_seats = models.PositiveIntegerField(default=0, db_default=0)
    """How many of its seats may be taken offline at once."""
    status = models.CharField(max_length=16, choices=LicenseStatus, default=LicenseStatus.ACTIVE)
    suspension_reason = models.CharField(max_length=16, choices=SuspensionReason, null=True, blank=True)
    suspension_note = models.CharField(max_length=200, blank=True, default="", db_default="")
    """What whoever suspended it wrote to its members."""
    issued_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True)
    suspended_at = models.DateTimeField(null=True)
    deactivated_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    grace_period_ends_at = models.DateTimeField(null=True)
    failed_payment_count = models.PositiveIntegerField(default=0)
    last_renewal_at = models.DateTimeField(null=True)
    next_billing_date = models.DateTimeField(null=True)

    objects = TenantManager["License"]()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organization", "status"], name="license_by_organization")]

    def __str__(self) -> str:
        return f"{self.tier} {self.id}"
