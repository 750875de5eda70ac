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
            "cancel_at_period_end",
            "cancel_at",
            "ended_at",
            "stripe_subscription_id",
            "stripe_customer_id",
            "created_at",
        ]
        read_only_fields = fields


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
