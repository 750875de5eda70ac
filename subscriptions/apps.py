"""The app that knows what is paid for."""

from django.apps import AppConfig


class SubscriptionsConfig(AppConfig):
    """Plans, checkout, the webhook inbox and subscriptions."""

    name = "subscriptions"

    def ready(self) -> None:
        """Refuse to start with an SDK that was made for another release train of Stripe's API."""
        from subscriptions.stripe.client import refuse_other_train  # noqa: PLC0415  (models are not loaded before)

        refuse_other_train()
