"""What Stripe charged or tried to charge for a subscription."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from organizations.models import Organization
from subscriptions.models.subscription import Subscription


class InvoiceStatus(models.TextChoices):
    """Stripe's words for how an invoice stands."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    UNCOLLECTIBLE = "uncollectible"
    VOID = "void"


CYCLE = "subscription_cycle"
"""The `billing_reason` of an invoice for the next period: the only one whose failure costs a licence."""


class Invoice(models.Model):
    """One Stripe invoice; amounts are in the currency's smallest unit, the period is the one it pays for.

    The times of the failures are facts that events tell (each can only become earlier), everything else is as fetched.
    `told_*` say what has been passed on, so that the same news twice is told once.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    stripe_invoice_id = models.CharField(max_length=64, unique=True)
    billing_reason = models.CharField(max_length=40, blank=True)
    status = models.CharField(max_length=16, choices=InvoiceStatus)
    currency = models.CharField(max_length=3)
    amount_due = models.BigIntegerField(default=0)
    amount_paid = models.BigIntegerField(default=0)
    attempt_count = models.PositiveIntegerField(default=0)
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)
    stripe_created_at = models.DateTimeField()
    finalized_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    next_payment_attempt = models.DateTimeField(null=True)
    hosted_invoice_url = models.TextField(blank=True)
    number = models.CharField(max_length=64, blank=True, db_default="")
    invoice_pdf = models.TextField(blank=True, db_default="")
    first_failed_at = models.DateTimeField(null=True)
    second_failed_at = models.DateTimeField(null=True)
    third_failed_at = models.DateTimeField(null=True)
    paid_back = models.BooleanField(default=False)
    told_attempts = models.PositiveIntegerField(default=0)
    told_paid = models.BooleanField(default=False)

    objects = TenantManager["Invoice"]()

    class Meta:
        ordering = ["-stripe_created_at"]
        indexes = [models.Index(fields=["organization", "subscription", "-stripe_created_at"], name="invoice_history")]

    def __str__(self) -> str:
        return f"{self.stripe_invoice_id} {self.status}"
