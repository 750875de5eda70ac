"""What we have Stripe create, cancel or pay back, and the key under which it is asked however often we die over it."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from organizations.models import Organization


class OperationKind(models.TextChoices):
    """What is done."""

    CREATE_CUSTOMER = "create_customer"
    OPEN_CHECKOUT = "open_checkout"
    CANCEL_DUPLICATE = "cancel_duplicate"
    REFUND_DUPLICATE = "refund_duplicate"


class StripeOperation(models.Model):
    """One thing done at Stripe, once: `about` tells it from others, `idempotency_key` from its repetition."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40, choices=OperationKind)
    about = models.CharField(max_length=255)
    idempotency_key = models.UUIDField(default=new_id)
    key_made_at = models.DateTimeField()
    result = models.CharField(max_length=255, blank=True)
    done_at = models.DateTimeField(null=True)

    objects = TenantManager["StripeOperation"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "kind", "about"], name="stripe_operation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.about}"
