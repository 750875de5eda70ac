"""Puts cheaper plans in place at Stripe just before the period ends, so that the next one is billed by them.

Ours and not a schedule of Stripe's: a schedule takes the whole subscription over, and every other change, a
cancellation in the portal too, would have to go through it.
"""

from datetime import timedelta
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now

from config.kernel import clock, tasks
from config.kernel.tenancy import organization_context, system_context
from subscriptions.models import ENDED_STATUSES, Subscription
from subscriptions.selectors import get_subscription
from subscriptions.services import follow_up
from subscriptions.stripe import plan_prices

LEAD = timedelta(hours=1)
"""How long before the period ends Stripe is told: long enough for a worker that was away for a while."""
MOST_AT_ONCE = 1000


def find_due() -> int:
    """Queue each change of plan whose time has come; return how many. What is to be canceled is left to end."""
    with system_context(reason="find changes of plan that are due"):
        due = list(
            Subscription.objects.filter(pending_plan_at__lte=Now() + LEAD, cancel_at_period_end=False)
            .exclude(status__in=ENDED_STATUSES)
            .exclude(pending_plan=F("plan"))
            .order_by("pending_plan_at")
            .values_list("organization_id", "id")[:MOST_AT_ONCE]
        )
    for organization_id, subscription_id in due:
        with organization_context(organization_id):
            tasks.enqueue(
                "subscriptions.apply_plan_change", organization_id=organization_id, subscription_id=subscription_id
            )
    return len(due)


def apply(*, organization_id: UUID, subscription_id: UUID) -> None:
    """Give a subscription its cheaper plan at Stripe; run by a job, and again as often as need be.

    What was to come is forgotten when the row says that it has come: until then nobody changes the plan. Late, after
    the period was billed at the old price, what was paid too much is credited. Raises RefusedByStripe, NotAtStripe.
    """
    with organization_context(organization_id):
        subscription = get_subscription(subscription_id=subscription_id)
        now = clock.now()
    plan, at, ends = subscription.pending_plan, subscription.pending_plan_at, subscription.current_period_end
    if plan is None or at is None or at > now + LEAD or subscription.status in ENDED_STATUSES:
        return
    stripe_id, price_id = subscription.stripe_subscription_id, plan.stripe_price_id or ""
    found = plan_prices.look(subscription_id=stripe_id)
    told = found.subscription
    if told.status in ENDED_STATUSES or told.cancel_at_period_end or told.price_id == price_id:
        with organization_context(organization_id):  # there is nothing to be done but to let our row say so
            tasks.enqueue("subscriptions.refresh", stripe_subscription_id=stripe_id)
        return
    late = ends is not None and ends > at
    plan_prices.change(
        subscription_id=stripe_id,
        item_id=found.item_id,
        price_id=price_id,
        behavior={"proration_behavior": "create_prorations" if late else "none"},
        idempotency_key=f"plan:{subscription.pending_plan_key}",
    )
    follow_up.note(subscription=subscription, actor_id=None, action="PLAN_CHANGED", plan=plan.slug, late=late)
