"""What a person should look at: money given back, disputes, a second subscription."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from organizations.models import Organization
from subscriptions.models.subscription import Subscription


class FlagKind(models.TextChoices):
    """What happened."""

    DUPLICATE_SUBSCRIPTION = "duplicate_subscription"
    FULL_REFUND = "full_refund"
    PARTIAL_REFUND = "partial_refund"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_LOST = "dispute_lost"
    INVOICE_NOT_FINALIZED = "invoice_not_finalized"


class BillingFlag(models.Model):
    """Raised once for each object at Stripe, and open until an admin has looked at it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=40, choices=FlagKind)
    stripe_object_id = models.CharField(max_length=128)
    raised_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True)

    objects = TenantManager["BillingFlag"]()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "kind", "stripe_object_id"], name="billing_flag_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.stripe_object_id}"
