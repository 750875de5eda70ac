"""Background jobs of the subscriptions app."""

from uuid import UUID

from config.kernel.tasks import periodic, task
from subscriptions.services import (
    closing,
    customers,
    due_plan_changes,
    duplicates,
    event_sweep,
    plan_wishes,
    reconcile,
    subscription_sync,
    webhooks,
)


@task("subscriptions.create_customer")
def create_customer(organization_id: str) -> None:
    """Make the organization's Stripe customer."""
    customers.ensure_customer(organization_id=UUID(organization_id))


@task("subscriptions.process_webhook_event")
def process_webhook_event(event_id: str) -> None:
    """Apply one stored event."""
    webhooks.process(event_id=UUID(event_id))


@task("subscriptions.refresh")
def refresh(stripe_subscription_id: str) -> None:
    """Bring a subscription to what it is at Stripe, without waiting for the event."""
    subscription_sync.sync(stripe_subscription_id=stripe_subscription_id)


@task("subscriptions.apply_plan_change")
def apply_plan_change(organization_id: str, subscription_id: str) -> None:
    """Put a cheaper plan in place."""
    due_plan_changes.apply(organization_id=UUID(organization_id), subscription_id=UUID(subscription_id))


@periodic("subscriptions.find_due_plan_changes", cron="*/5 * * * *")
def find_due_plan_changes() -> None:
    """Find the cheaper plans whose time has come."""
    due_plan_changes.find_due()


@periodic("subscriptions.find_unsettled_plan_changes", cron="2-59/5 * * * *")
def find_unsettled_plan_changes() -> None:
    """Look again at changes of plan that were not paid in time, or whose asker died."""
    plan_wishes.find_unsettled()


@task("subscriptions.undo_duplicate")
def undo_duplicate(organization_id: str, subscription_id: str) -> None:
    """Cancel a second subscription at Stripe and pay back what it took."""
    duplicates.undo(organization_id=UUID(organization_id), subscription_id=UUID(subscription_id))


@task("subscriptions.end_of_closed")
def end_of_closed(organization_id: str) -> None:
    """End what a closed organization pays for."""
    closing.end(organization_id=UUID(organization_id))


@periodic("subscriptions.sweep_webhooks", cron="* * * * * */30")
def sweep_webhooks() -> None:
    """Wake the events that are due and have no job."""
    webhooks.sweep()


@periodic("subscriptions.sweep_missed_events", cron="23 * * * *")
def sweep_missed_events() -> None:
    """Ask Stripe for events that never reached us."""
    event_sweep.sweep()


@periodic("subscriptions.reconcile", cron="41 3 * * *")
def reconcile_subscriptions() -> None:
    """Compare every subscription with Stripe's, and repair what differs."""
    reconcile.compare(repair=True)


@periodic("subscriptions.forget_old_payloads", cron="7 4 * * *")
def forget_old_payloads() -> None:
    """Forget the payloads of events that were applied long ago."""
    webhooks.forget_old()
