"""What there is once for the whole service at Stripe, and under which id."""

from django.db import models


class StripeObjectName(models.TextChoices):
    """What it is to us."""

    BILLING_PORTAL = "billing_portal"


class StripeObject(models.Model):
    """Something that each deployment makes or brings up to date at Stripe; serving processes only read its id."""

    name = models.CharField(primary_key=True, max_length=40, choices=StripeObjectName)
    stripe_id = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.name} {self.stripe_id}"
