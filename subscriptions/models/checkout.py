"""A visit to Stripe's Checkout page."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from organizations.models import Organization
from subscriptions.models.plan import Plan
from subscriptions.models.subscription import Subscription


class CheckoutStatus(models.TextChoices):
    """How the visit ended, or that it has not."""

    OPEN = "open"
    COMPLETED = "completed"
    EXPIRED = "expired"


class CheckoutSession(models.Model):
    """A Checkout session we opened; the success page finds by it what was bought."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, null=True, related_name="+")
    stripe_session_id = models.CharField(max_length=128, unique=True)
    status = models.CharField(max_length=16, choices=CheckoutStatus, default=CheckoutStatus.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    completed_at = models.DateTimeField(null=True)

    objects = TenantManager["CheckoutSession"]()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.plan_id} {self.status}"
