"""The app that knows what is paid for."""

from django.apps import AppConfig


class SubscriptionsConfig(AppConfig):
    """Plans, checkout, the webhook inbox and subscriptions."""

    name = "subscriptions"
