"""Background jobs of the subscriptions app."""

from uuid import UUID

from config.kernel.tasks import periodic, task
from subscriptions.services import customers, webhooks


@task("subscriptions.create_customer")
def create_customer(organization_id: str) -> None:
    """Make the organization's Stripe customer."""
    customers.ensure_customer(organization_id=UUID(organization_id))


@task("subscriptions.process_webhook_event")
def process_webhook_event(event_id: str) -> None:
    """Apply one stored event."""
    webhooks.process(event_id=UUID(event_id))


@periodic("subscriptions.sweep_webhooks", cron="* * * * * */30")
def sweep_webhooks() -> None:
    """Wake the events that are due and have no job."""
    webhooks.sweep()
