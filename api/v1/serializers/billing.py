"""Shapes of plans, checkout and subscriptions."""

from typing import Any

from rest_framework import serializers

from subscriptions.models import Invoice, Plan, Subscription


class PlanSerializer(serializers.ModelSerializer[Plan]):
    """A plan on the price list."""

    class Meta:
        model = Plan
        fields = [
            "id",
            "slug",
            "name",
            "price_cents",
            "currency",
            "interval",
            "max_seats",
            "trial_days",
            "features",
            "quotas",
            "is_public",
        ]
        read_only_fields = fields


class OpenCheckoutSerializer(serializers.Serializer[Any]):
    """A wish to buy."""

    plan_id = serializers.CharField(max_length=64, help_text="Id or slug of a plan.")
    success_url = serializers.URLField(max_length=2000, required=False, help_text="On an allowed origin.")
    cancel_url = serializers.URLField(max_length=2000, required=False, help_text="On an allowed origin.")


class CheckoutSerializer(serializers.Serializer[Any]):
    """Where to send the person."""

    checkout_url = serializers.CharField()
    session_id = serializers.CharField()


class CheckoutResultSerializer(serializers.Serializer[Any]):
    """How a checkout came out."""

    status = serializers.ChoiceField(["processing", "complete", "expired"])
    plan = serializers.CharField(help_text="Name of the plan.")
    license_key = serializers.CharField(
        allow_null=True, help_text="For a signed-in member, or for an hour to whoever holds the session id."
    )
    license_id = serializers.UUIDField(allow_null=True)


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """A subscription."""

    plan = PlanSerializer()
    pending_plan = serializers.CharField(
        source="pending_plan.slug",
        read_only=True,
        allow_null=True,
        help_text=(
            "The plan it changes to: at `pending_plan_at`, or, where that is null, once it is paid, "
            "which it can be until `pending_plan_expires_at`."
        ),
    )

    class Meta:
        model = Subscription
        fields = [
            "id",
            "organization_id",
            "plan",
            "status",
            "quantity",
            "current_period_start",
            "current_period_end",
            "trial_end",
            "pending_plan",
            "pending_plan_at",
            "pending_plan_expires_at",
            "cancel_at_period_end",
            "cancel_at",
            "ended_at",
            "stripe_subscription_id",
            "stripe_customer_id",
            "created_at",
        ]
        read_only_fields = fields


class ChangePlanSerializer(serializers.Serializer[Any]):
    """A wish for another plan."""

    plan_id = serializers.CharField(max_length=64, help_text="Id or slug of a plan.")


class PlanChangeSerializer(serializers.Serializer[Any]):
    """What came of a wish for another plan."""

    outcome = serializers.ChoiceField(["unchanged", "applied", "scheduled", "awaiting_payment"])
    effective_at = serializers.DateTimeField(allow_null=True, help_text="Null as long as it waits to be paid.")
    pay_at = serializers.CharField(allow_null=True, help_text="Where what it waits for can be paid.")
    subscription = SubscriptionSerializer()


class InvoiceLineSerializer(serializers.Serializer[Any]):
    """A line of an invoice to come."""

    description = serializers.CharField()
    amount = serializers.IntegerField(help_text="In the currency's smallest unit; a credit is negative.")
    proration = serializers.BooleanField()
    period_start = serializers.DateTimeField(allow_null=True)
    period_end = serializers.DateTimeField(allow_null=True)


class InvoicePreviewSerializer(serializers.Serializer[Any]):
    """An invoice to come."""

    amount_due = serializers.IntegerField(help_text="In the currency's smallest unit.")
    currency = serializers.CharField()
    lines = InvoiceLineSerializer(many=True)


class SeatHolderSerializer(serializers.Serializer[Any]):
    """Who holds a seat."""

    session_id = serializers.UUIDField()
    user_id = serializers.UUIDField(allow_null=True)
    acquired_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class ChangePreviewSerializer(serializers.Serializer[Any]):
    """What a change of plan would mean."""

    direction = serializers.ChoiceField(["upgrade", "downgrade", "none"])
    effective_at = serializers.DateTimeField(allow_null=True)
    due_now = InvoicePreviewSerializer(allow_null=True, help_text="Null when nothing is due now.")
    next_invoice = InvoicePreviewSerializer(allow_null=True)
    max_seats = serializers.IntegerField(help_text="What the plan has.")
    seats_in_use = serializers.IntegerField()
    seat_conflict = serializers.BooleanField(help_text="The change would be refused: `holders` must leave first.")
    holders = SeatHolderSerializer(many=True)
    over_quota = serializers.ListField(
        child=serializers.CharField(), help_text="What there is more of than the plan allows; it stays."
    )


class CancelSerializer(serializers.Serializer[Any]):
    """When a subscription is to end."""

    at_period_end = serializers.BooleanField(
        default=True, help_text="With the period that is paid; false ends it at once, without refund."
    )


class OpenPortalSerializer(serializers.Serializer[Any]):
    """Where the portal leads back to."""

    return_url = serializers.URLField(max_length=2000, required=False, help_text="On an allowed origin.")


class PortalSerializer(serializers.Serializer[Any]):
    """Where to send the person."""

    portal_url = serializers.CharField(help_text="Good for a few minutes.")


class InvoiceSerializer(serializers.ModelSerializer[Invoice]):
    """An invoice; amounts are in the currency's smallest unit, the period is the one it pays for."""

    created_at = serializers.DateTimeField(source="stripe_created_at")

    class Meta:
        model = Invoice
        fields = [
            "id",
            "organization_id",
            "subscription_id",
            "number",
            "status",
            "currency",
            "amount_due",
            "amount_paid",
            "period_start",
            "period_end",
            "created_at",
            "paid_at",
            "next_payment_attempt",
            "hosted_invoice_url",
            "invoice_pdf",
            "stripe_invoice_id",
        ]
        read_only_fields = fields


class WebhookAnswerSerializer(serializers.Serializer[Any]):
    """That an event is stored."""

    status = serializers.ChoiceField(["received", "duplicate"])
