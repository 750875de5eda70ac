"""What Stripe's objects look like now; raises NotAtStripe, PaymentProviderUnavailable."""

from subscriptions.stripe import client
from subscriptions.stripe.shapes import StripeSubscription, subscription_from


def fetch_subscription(*, subscription_id: str) -> StripeSubscription:
    """Return a subscription as it stands at Stripe now."""
    return subscription_from(client.read(lambda stripe: stripe.v1.subscriptions.retrieve(subscription_id)).to_dict())
