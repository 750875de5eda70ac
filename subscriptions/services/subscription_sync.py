"""Brings a subscription to what it is at Stripe now, with what follows from that; the one way its rows are written.

Webhooks, the deadline of a grace and the reconcile job all come through here. Nothing is believed but what is fetched,
so it does not matter which news led here, nor how often or in what order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from config.kernel import clock, tasks
from config.kernel.tenancy import organization_context, system_context
from organizations.models import Organization, OrganizationStatus
from organizations.selectors import find_for_billing
from organizations.services import billing_state, quotas
from subscriptions.errors import EventNotApplicable
from subscriptions.models import ENDED_STATUSES, LIVE_STATUSES, Plan, Subscription, SubscriptionStatus
from subscriptions.selectors import find_live_subscription, find_plan_of_price, get_subscription
from subscriptions.services import billing_news, duplicates, follow_up, invoice_mirror, plan_wishes, standing
from subscriptions.services.billing_news import Known
from subscriptions.services.invoice_mirror import Failure
from subscriptions.services.standing import earliest
from subscriptions.stripe import client, reads
from subscriptions.stripe.client import Patience
from subscriptions.stripe.shapes import StripeInvoice, StripeSubscription

MOST_FETCHES = 4
ORGANIZATION_STATUS = {
    SubscriptionStatus.PAST_DUE: OrganizationStatus.PAST_DUE,
    SubscriptionStatus.UNPAID: OrganizationStatus.PAST_DUE,
    SubscriptionStatus.PAUSED: OrganizationStatus.PAST_DUE,
}
"""What the status of the live subscription makes of the organization; any other, and none, leaves it active."""


@dataclass(frozen=True)
class _Fetched:
    """What Stripe said, and between which two moments it did."""

    subscription: StripeSubscription
    invoices: tuple[StripeInvoice, ...]
    asked_at: datetime
    answered_at: datetime


class _Overtaken(Exception):
    """Somebody wrote what they fetched after we had begun to ask: ours may be older than theirs."""


def sync(
    *,
    stripe_subscription_id: str,
    stripe_invoice_id: str | None = None,
    failure: Failure | None = None,
    then: Callable[[Subscription], None] = lambda subscription: None,
    patience: Patience = client.NOBODY_WAITS,
) -> UUID:
    """Fetch a subscription and its latest invoice (and the one named), and write them; return whose it is.

    `then` runs at the end of the same transaction. Raises EventNotApplicable, NotAtStripe, PaymentProviderUnavailable.
    """
    for _ in range(MOST_FETCHES):
        fetched = _fetch(stripe_subscription_id, stripe_invoice_id, patience)
        organization_id = owner_of(fetched.subscription)
        try:
            with organization_context(organization_id):
                organization = billing_state.lock(organization_id=organization_id)
                subscription = _write(organization, fetched, failure)
                then(subscription)
        except _Overtaken:
            continue
        return organization_id
    raise EventNotApplicable("the subscription is being written by others")


def end(*, stripe_subscription_id: str, then: Callable[[], None]) -> None:
    """End our row of a subscription that Stripe has forgotten; `then` belongs to the same transaction."""
    with system_context(reason="find whose subscription is gone"):
        found = Subscription.objects.filter(stripe_subscription_id=stripe_subscription_id).first()
    if found is None:
        then()
        return
    with organization_context(found.organization_id):
        organization = billing_state.lock(organization_id=found.organization_id)
        row = get_subscription(subscription_id=found.id, lock=True)
        before = Known(row.status, row.cancel_at)
        if before.status not in ENDED_STATUSES:
            row.status, row.ended_at = SubscriptionStatus.CANCELED, clock.now()
            row.save()
            _pass_on(organization, row)
            billing_news.tell(subscription=row, before=before, debt=None)
        then()


def owner_of(fetched: StripeSubscription) -> UUID:
    """Return whose it is: by our metadata, else by customer, never by e-mail; raises EventNotApplicable.

    One that we know stays whose it is, whatever is written on it later: it has issued that organization's licence.
    """
    with system_context(reason="find whose subscription it is"):
        known = Subscription.objects.filter(stripe_subscription_id=fetched.id).first()
        if known is not None:
            return known.organization_id
        found = find_for_billing(
            organization_id=fetched.metadata.get("organization_id", ""), stripe_customer_id=fetched.customer_id
        )
    if found is None:
        raise EventNotApplicable(f"no organization has the customer {fetched.customer_id}")
    return found.id


def plan_of(fetched: StripeSubscription) -> Plan:
    """Return the plan whose price it has, of today or of when it was bought; raises EventNotApplicable."""
    plan = find_plan_of_price(price_id=fetched.price_id)
    if plan is None:
        raise EventNotApplicable(f"no plan has the price {fetched.price_id}")
    return plan


def _fetch(stripe_subscription_id: str, stripe_invoice_id: str | None, patience: Patience) -> _Fetched:
    """Ask Stripe, before any transaction opens: nothing is locked while the network is waited for."""
    asked_at = clock.now()
    subscription = reads.fetch_subscription(subscription_id=stripe_subscription_id, patience=patience)
    invoices = [subscription.latest_invoice] if subscription.latest_invoice else []
    if stripe_invoice_id is not None and stripe_invoice_id not in {invoice.id for invoice in invoices}:
        invoices.append(reads.fetch_invoice(invoice_id=stripe_invoice_id))
    return _Fetched(subscription, tuple(invoices), asked_at, clock.now())


def _write(organization: Organization, fetched: _Fetched, failure: Failure | None) -> Subscription:
    """Write subscription, invoices and what follows; the caller holds the organization's lock."""
    told = fetched.subscription
    plan = plan_of(told)
    if told.status not in SubscriptionStatus.values:
        raise EventNotApplicable(f"unknown subscription status {told.status}")
    row = Subscription.objects.select_for_update(no_key=True).filter(stripe_subscription_id=told.id).first()
    if row is not None and row.stripe_fetched_at > fetched.asked_at:
        raise _Overtaken
    before = Known(row.status, row.cancel_at) if row is not None else Known()
    if row is None:
        row = Subscription(organization=organization, stripe_subscription_id=told.id)
    if before.status not in ENDED_STATUSES:  # an end is never taken back, not even by Stripe
        _copy(row, told, plan)
        _copy_wish(row, fetched)
    row.stripe_fetched_at = fetched.answered_at
    is_duplicate = duplicates.mark(subscription=row)
    row.save()
    for invoice in fetched.invoices:
        invoice_mirror.write(subscription=row, fetched=invoice, failure=failure)
    debt = standing.refresh(subscription=row)
    row.save()
    if is_duplicate:
        duplicates.dispose_of(subscription=row)
    _pass_on(organization, row)
    billing_news.tell(subscription=row, before=before, debt=debt)
    return row


def _copy(row: Subscription, told: StripeSubscription, plan: Plan) -> None:
    row.plan = plan
    row.stripe_customer_id = told.customer_id
    row.status = told.status
    row.quantity = told.quantity
    row.current_period_start = told.current_period_start
    row.current_period_end = told.current_period_end
    row.trial_end = told.trial_end
    row.cancel_at_period_end = told.cancel_at_period_end
    row.cancel_at = told.cancel_at
    row.ended_at = told.ended_at


def _copy_wish(row: Subscription, fetched: _Fetched) -> None:
    """Forget what was to come once it has come, or never will; what Stripe waits for a payment of is shown."""
    told = fetched.subscription
    if row.pending_plan_id == row.plan_id or told.status in ENDED_STATUSES:
        plan_wishes.put(subscription=row, plan=None, at=None)
        row.plan_change_until = earliest((row.plan_change_until, fetched.asked_at))
        return
    wished = row.pending_plan
    given_up = plan_wishes.follow(
        subscription=row,
        awaited=find_plan_of_price(price_id=told.pending_price_id) if told.pending_price_id else None,
        expires_at=told.pending_expires_at,
        asked_at=fetched.asked_at,
    )
    if given_up and wished is not None:
        follow_up.record(subscription=row, actor_id=None, action="PLAN_CHANGE_EXPIRED", plan=wished.slug)


def _pass_on(organization: Organization, row: Subscription) -> None:
    """Give organization, quotas and licence what the subscription asks for."""
    live = row if row.status in LIVE_STATUSES and row.duplicate_of_id is None else find_live_subscription()
    status = ORGANIZATION_STATUS.get(SubscriptionStatus(live.status)) if live else None
    billing_state.set_status(organization_id=organization.id, status=status or OrganizationStatus.ACTIVE)
    quotas.set_allowances(organization_id=organization.id, allowances=live.plan.quotas if live else None)
    tasks.enqueue("licenses.apply_subscription", organization_id=organization.id, subscription_id=row.id)
    if organization.status == OrganizationStatus.CLOSED and row.status not in ENDED_STATUSES:
        tasks.enqueue("subscriptions.end_of_closed", organization_id=organization.id)
