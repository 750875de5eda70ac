"""The price list."""

from django.db import models

from config.kernel.ids import new_id


class Plan(models.Model):
    """What can be bought: a price, a number of seats and features; the same for every organization."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    price_cents = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, default="usd")
    interval = models.CharField(max_length=8, default="month")
    max_seats = models.PositiveIntegerField()
    trial_days = models.PositiveIntegerField(default=14)
    features = models.JSONField(default=dict, blank=True)
    # What quotas it allows, by name; null, or none named, is no limit (`organizations.models.QuotaName`).
    quotas = models.JSONField(default=dict, db_default={}, blank=True)
    is_public = models.BooleanField(default=True)
    stripe_price_id = models.CharField(max_length=64, null=True, blank=True, unique=True)

    class Meta:
        ordering = ["price_cents"]

    def __str__(self) -> str:
        return self.name

    @property
    def lookup_key(self) -> str:
        """The name under which Stripe keeps this plan's current price."""
        return f"coditect_{self.slug}_{self.interval}"


class PlanPrice(models.Model):
    """A price at Stripe that is or once was a plan's: whoever subscribed before it was raised goes on paying it."""

    stripe_price_id = models.CharField(primary_key=True, max_length=64)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return self.stripe_price_id
