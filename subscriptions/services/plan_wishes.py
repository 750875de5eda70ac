"""What plan a subscription is to become: one wish at a time, held by whoever is asking Stripe for it.

All of it is the subscription's row, changed under its lock or by compare-and-set on the wish's key. A hold ends by
itself, so that a process that dies over it is in nobody's way for long; what came of it is then looked up at Stripe.
"""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from config.kernel import clock, tasks
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context, system_context
from subscriptions.errors import OtherPlanChange
from subscriptions.models import ENDED_STATUSES, Plan, Subscription

HELD_FOR = timedelta(seconds=60)
"""Longer than asking Stripe takes at most: two calls of two tries of 8 s each, and the pauses in between."""
RETRY_AFTER_SECONDS = 5
PENDING = ("pending_plan", "pending_plan_at", "pending_plan_expires_at", "pending_plan_key")
MOST_AT_ONCE = 1000


def refuse_held(*, subscription: Subscription, plan: Plan) -> None:
    """Raise OtherPlanChange while another plan is being asked for; who wishes for the same joins in, under its key."""
    until = subscription.plan_change_until
    joins = awaits_payment(subscription) and subscription.pending_plan_id == plan.id
    if joins and subscription.pending_plan_key is not None:
        return
    if until is not None and until > clock.now():
        raise OtherPlanChange(retry_after=RETRY_AFTER_SECONDS)


def awaits_payment(subscription: Subscription) -> bool:
    """Return whether it is to become another plan at once: it waits to be paid, is being asked for, or just came."""
    return subscription.pending_plan_id is not None and subscription.pending_plan_at is None


def wish(*, subscription: Subscription, plan: Plan) -> None:
    """Hold the subscription and write down what is to be asked for; two who want the same have one key."""
    if not (awaits_payment(subscription) and subscription.pending_plan_id == plan.id):
        put(subscription=subscription, plan=plan, at=None)
    elif subscription.pending_plan_key is None:
        subscription.pending_plan_key = new_id()
    _hold(subscription)


def hold_back(*, subscription: Subscription) -> None:
    """Hold the subscription to take its wish back: without a key, nobody joins in."""
    subscription.pending_plan_key = None
    _hold(subscription)


def _hold(subscription: Subscription) -> None:
    subscription.plan_change_until = clock.now() + HELD_FOR
    subscription.save(update_fields=[*PENDING, "plan_change_until"])


def put(*, subscription: Subscription, plan: Plan | None, at: datetime | None) -> None:
    """Set what the subscription is to become, without saving it; None for nothing."""
    subscription.pending_plan, subscription.pending_plan_at = plan, at
    subscription.pending_plan_expires_at = None
    subscription.pending_plan_key = new_id() if plan is not None else None


def release(*, subscription: Subscription, expires_at: datetime | None = None) -> None:
    """Let others go on: Stripe has been asked. What was wished for stays until the row says what Stripe says."""
    with organization_context(subscription.organization_id):
        _same_wish(subscription).update(plan_change_until=Now(), pending_plan_expires_at=expires_at)
    subscription.pending_plan_expires_at = expires_at


def forget(*, subscription: Subscription) -> None:
    """Forget what was wished for and let others go on, unless something else is wished for by now."""
    with organization_context(subscription.organization_id):
        _same_wish(subscription).update(plan_change_until=Now(), **dict.fromkeys(PENDING))
    put(subscription=subscription, plan=None, at=None)


def follow(
    *, subscription: Subscription, awaited: Plan | None, expires_at: datetime | None, asked_at: datetime
) -> bool:
    """Let the wish be what Stripe waits for a payment of, without saving it; return whether one was given up.

    Only once nobody holds it: while they ask, Stripe may not have been told yet when we asked it at `asked_at`.
    """
    until = subscription.plan_change_until
    if subscription.pending_plan_at is not None or (until is not None and until > asked_at):
        return False
    given_up = awaited is None and subscription.pending_plan_id is not None
    if (awaited.id if awaited else None) != subscription.pending_plan_id:
        put(subscription=subscription, plan=awaited, at=None)
    subscription.pending_plan_expires_at = expires_at if awaited else None
    return given_up


def find_unsettled() -> int:
    """Have each subscription looked at whose wish is overdue, or whose asker died; return how many."""
    with system_context(reason="find changes of plan that were not paid"):
        due = list(
            Subscription.objects.filter(pending_plan__isnull=False, pending_plan_at=None)
            .filter(Q(pending_plan_expires_at=None) | Q(pending_plan_expires_at__lte=Now()))
            .filter(Q(plan_change_until=None) | Q(plan_change_until__lte=Now()))
            .exclude(status__in=ENDED_STATUSES)
            .order_by("id")
            .values_list("organization_id", "stripe_subscription_id")[:MOST_AT_ONCE]
        )
    for organization_id, stripe_subscription_id in due:
        with organization_context(organization_id):
            tasks.enqueue("subscriptions.refresh", stripe_subscription_id=stripe_subscription_id)
    return len(due)


def _same_wish(subscription: Subscription) -> QuerySet[Subscription]:
    return Subscription.objects.filter(id=subscription.id, pending_plan_key=subscription.pending_plan_key)
