"""A visit to Stripe's Checkout page."""

from django.db import models
from django.db.models.functions import Now

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
    """A Checkout session we opened; the success page finds by it what was bought.

    The row comes first: it says all that Stripe is asked for, under the row's id as idempotency key, so that whoever
    finds it without `stripe_session_id` can ask once more and is told the same. An organization has one open visit.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, null=True, related_name="+")
    user_id = models.UUIDField(null=True)
    stripe_session_id = models.CharField(max_length=128, unique=True, null=True)
    stripe_price_id = models.CharField(max_length=64, blank=True, db_default="")
    trial_days = models.PositiveIntegerField(default=0, db_default=0)
    success_url = models.TextField(blank=True, db_default="")
    cancel_url = models.TextField(blank=True, db_default="")
    status = models.CharField(max_length=16, choices=CheckoutStatus, default=CheckoutStatus.OPEN)
    created_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True)

    objects = TenantManager["CheckoutSession"]()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization"], condition=models.Q(status="open"), name="one_open_checkout"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} {self.status}"
