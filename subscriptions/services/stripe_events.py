"""Applies what Stripe told us: fetches the subscription as it is now, and writes that, never the event's own copy."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from config.kernel import clock, tasks
from config.kernel.tenancy import organization_context, system_context
from emails.catalogue import EmailKind
from emails.services import outbox
from organizations.models import Organization, OrganizationStatus
from organizations.selectors import find_for_billing, list_owners
from organizations.services import billing_state, quotas
from subscriptions.errors import EventNotApplicable
from subscriptions.models import (
    CheckoutSession,
    CheckoutStatus,
    Plan,
    Subscription,
    SubscriptionStatus,
    WebhookEvent,
    WebhookStatus,
)
from subscriptions.selectors import find_live_subscription
from subscriptions.stripe import reads
from subscriptions.stripe.shapes import StripeSubscription, checkout_from, subscription_id_of
from users.services import audit

ENDED = (SubscriptionStatus.CANCELED, SubscriptionStatus.INCOMPLETE_EXPIRED)
ORGANIZATION_STATUS = {
    SubscriptionStatus.PAST_DUE: OrganizationStatus.PAST_DUE,
    SubscriptionStatus.UNPAID: OrganizationStatus.PAST_DUE,
    SubscriptionStatus.PAUSED: OrganizationStatus.PAST_DUE,
}
"""What each subscription status makes of the organization; any other leaves it, or makes it again, active."""


def apply(*, event: WebhookEvent) -> None:
    """Apply one event and mark it completed in the same transaction.

    Events about no subscription are marked completed unapplied. Raises EventNotApplicable when it cannot be applied
    (yet), PaymentProviderUnavailable when Stripe does not answer.
    """
    data = event.payload["data"]["object"]
    subscription_id = subscription_id_of(event.event_type, data)
    if event.event_type == "checkout.session.expired":
        _expire_checkout(event, data)
    elif subscription_id is None:
        _complete(event)
    else:
        _sync_subscription(event, subscription_id)


def _sync_subscription(event: WebhookEvent, subscription_id: str) -> None:
    fetched_at = clock.now()
    # Asked before the transaction opens: nothing is locked while the network is waited for.
    fetched = reads.fetch_subscription(subscription_id=subscription_id)
    organization_id = _organization_of(fetched)
    with organization_context(organization_id):
        organization = billing_state.lock(organization_id=organization_id)
        subscription = _write(organization, fetched, fetched_at)
        if event.event_type == "checkout.session.completed":
            _complete_checkout(event.payload["data"]["object"]["id"], subscription)
        _complete(event)


def _write(organization: Organization, fetched: StripeSubscription, fetched_at: datetime) -> Subscription:
    """Bring our row to the state fetched at `fetched_at`, and pass the news on; newer rows and ended ones stay."""
    plan = Plan.objects.filter(stripe_price_id=fetched.price_id).first()
    if plan is None:
        raise EventNotApplicable(f"no plan has the price {fetched.price_id}")
    if fetched.status not in SubscriptionStatus.values:
        raise EventNotApplicable(f"unknown subscription status {fetched.status}")
    row = Subscription.objects.select_for_update(no_key=True).filter(stripe_subscription_id=fetched.id).first()
    if row is not None and (row.stripe_fetched_at > fetched_at or row.status in ENDED):
        return row
    before = row.status if row is not None else None
    if row is None:
        row = Subscription(organization=organization, stripe_subscription_id=fetched.id)
    row.plan = plan
    row.stripe_customer_id = fetched.customer_id
    row.status = fetched.status
    row.quantity = fetched.quantity
    row.current_period_start = fetched.current_period_start
    row.current_period_end = fetched.current_period_end
    row.trial_end = fetched.trial_end
    row.cancel_at_period_end = fetched.cancel_at_period_end
    row.stripe_fetched_at = fetched_at
    row.save()
    billing_state.set_status(
        organization_id=organization.id,
        status=ORGANIZATION_STATUS.get(SubscriptionStatus(row.status), OrganizationStatus.ACTIVE),
    )
    live = find_live_subscription()
    quotas.set_allowances(organization_id=organization.id, allowances=live.plan.quotas if live else None)
    tasks.enqueue("licenses.apply_subscription", organization_id=organization.id, subscription_id=row.id)
    if before != row.status:
        audit.record(
            action="SUBSCRIPTION_CHANGED",
            organization_id=organization.id,
            object_type="subscription",
            object_id=row.id,
            before=before,
            after=row.status,
        )
    if row.status in (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE):
        _confirm(organization, row)
    return row


def _confirm(organization: Organization, subscription: Subscription) -> None:
    """Tell the owners, once, that the subscription has begun."""
    trial_end = subscription.trial_end if subscription.status == SubscriptionStatus.TRIALING else None
    for owner in list_owners(organization_id=organization.id):
        outbox.queue(
            organization_id=organization.id,
            kind=EmailKind.SUBSCRIPTION_CONFIRMED,
            recipient=owner.email,
            dedup_key=f"subscription_confirmed:{subscription.id}:{owner.id}",
            data={
                "full_name": owner.full_name,
                "organization_name": organization.name,
                "plan_name": subscription.plan.name,
                "max_seats": subscription.plan.max_seats,
                "trial_ends_on": f"{trial_end:%d %B %Y}" if trial_end else "",
            },
        )


def _organization_of(fetched: StripeSubscription) -> UUID:
    """Return whose subscription it is: by our metadata, else by customer; never by e-mail."""
    with system_context(reason="find whose subscription a webhook event is about"):
        found = find_for_billing(
            organization_id=fetched.metadata.get("organization_id", ""), stripe_customer_id=fetched.customer_id
        )
    if found is None:
        raise EventNotApplicable(f"no organization has the customer {fetched.customer_id}")
    return found.id


def _complete_checkout(stripe_session_id: str, subscription: Subscription) -> None:
    CheckoutSession.objects.filter(stripe_session_id=stripe_session_id).exclude(status=CheckoutStatus.COMPLETED).update(
        status=CheckoutStatus.COMPLETED, subscription=subscription, completed_at=Now()
    )


def _expire_checkout(event: WebhookEvent, data: dict[str, object]) -> None:
    session = checkout_from(data)
    with system_context(reason="find whose checkout session expired"):
        found = CheckoutSession.objects.filter(stripe_session_id=session.id).first()
    if found is None:
        _complete(event)
        return
    with organization_context(found.organization_id):
        CheckoutSession.objects.filter(id=found.id, status=CheckoutStatus.OPEN).update(status=CheckoutStatus.EXPIRED)
        _complete(event)


def _complete(event: WebhookEvent) -> None:
    with transaction.atomic():
        WebhookEvent.objects.filter(id=event.id).update(status=WebhookStatus.COMPLETED, error="", processed_at=Now())
