"""What an organization pays for, as Stripe last told it."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from organizations.models import Organization
from subscriptions.models.plan import Plan


class SubscriptionStatus(models.TextChoices):
    """Stripe's words for how a subscription stands."""

    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    CANCELED = "canceled"


LIVE_STATUSES = (
    SubscriptionStatus.TRIALING,
    SubscriptionStatus.ACTIVE,
    SubscriptionStatus.PAST_DUE,
    SubscriptionStatus.UNPAID,
    SubscriptionStatus.PAUSED,
)


ENDED_STATUSES = (SubscriptionStatus.CANCELED, SubscriptionStatus.INCOMPLETE_EXPIRED)


class Subscription(models.Model):
    """One Stripe subscription; by `stripe_fetched_at`, when the last fetch ended, older news never overwrites newer.

    `pending_plan` is what it is to become: at `pending_plan_at`, or, without, once Stripe is paid, which it waits for
    until `pending_plan_expires_at`; `pending_plan_key` is the idempotency key under which Stripe is asked for it.
    Up to `plan_change_until` somebody is asking, and nobody else may; in the past it says when the last one was done.
    Five fields are what `services.standing` makes of its invoices; licences follow them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    stripe_subscription_id = models.CharField(max_length=64, unique=True)
    stripe_customer_id = models.CharField(max_length=64)
    status = models.CharField(max_length=24, choices=SubscriptionStatus)
    quantity = models.PositiveIntegerField(default=1)
    current_period_start = models.DateTimeField(null=True)
    current_period_end = models.DateTimeField(null=True)
    trial_end = models.DateTimeField(null=True)
    cancel_at_period_end = models.BooleanField(default=False)
    cancel_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    duplicate_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    stripe_fetched_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    failed_payment_count = models.PositiveIntegerField(default=0, db_default=0)
    grace_period_ends_at = models.DateTimeField(null=True)
    paid_until = models.DateTimeField(null=True)
    last_paid_at = models.DateTimeField(null=True)
    pending_plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, db_index=False, related_name="+")
    pending_plan_at = models.DateTimeField(null=True)
    pending_plan_expires_at = models.DateTimeField(null=True)
    pending_plan_key = models.UUIDField(null=True)
    plan_change_until = models.DateTimeField(null=True)
    payment_returned = models.BooleanField(default=False, db_default=False)

    objects = TenantManager["Subscription"]()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organization", "status"], name="subscription_by_organization")]
        constraints = [
            models.UniqueConstraint(
                fields=["organization"],
                condition=models.Q(
                    status__in=["trialing", "active", "past_due", "unpaid", "paused"], duplicate_of=None
                ),
                name="one_live_subscription",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_subscription_id} {self.status}"
