"""Changing the plan: to a dearer one as soon as the difference is paid, to a cheaper one when the period ends.

Whether fewer seats are enough is asked a floor above (`licenses.services.plan_changes`). The row is written by
`subscription_sync` from what Stripe says, so a plan is granted when Stripe has it and not when it was asked for.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from config.kernel import clock
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from subscriptions.errors import (
    PlanChangeUnderWay,
    SubscriptionEnded,
    SubscriptionEnding,
    SubscriptionNotChangeable,
)
from subscriptions.models import ENDED_STATUSES, Plan, Subscription, SubscriptionStatus
from subscriptions.selectors import get_subscription
from subscriptions.services import follow_up
from subscriptions.services.due_plan_changes import LEAD
from subscriptions.stripe import plan_prices
from subscriptions.stripe.errors import NotAtStripe, RefusedByStripe
from subscriptions.stripe.plan_prices import Preview

CHANGEABLE = (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE)
ONCE_PAID = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}


class Outcome(StrEnum):
    """What came of a wish for another plan."""

    UNCHANGED = "unchanged"
    APPLIED = "applied"
    SCHEDULED = "scheduled"
    AWAITING_PAYMENT = "awaiting_payment"


@dataclass(frozen=True)
class PlanChange:
    """The subscription as it now is, and when or how it becomes what was wished for."""

    subscription: Subscription
    outcome: Outcome
    effective_at: datetime | None = None
    pay_at: str | None = None


def change(*, organization_id: UUID, user_id: UUID, subscription_id: UUID, plan: Plan) -> PlanChange:
    """Change a subscription's plan; its own plan takes back a change that is still to come.

    Raises SubscriptionNotFound, SubscriptionEnded, SubscriptionEnding, SubscriptionNotChangeable, PlanChangeUnderWay,
    PaymentDeclined, PaymentProviderUnavailable.
    """
    with organization_context(organization_id):
        subscription = get_subscription(subscription_id=subscription_id, lock=True)
        refuse_unchangeable(subscription=subscription)
        if plan.id == subscription.plan_id:
            return _stay(subscription, user_id)
        if is_downgrade(subscription=subscription, plan=plan):
            return _schedule(subscription, plan, user_id)
        _claim(subscription, plan)
    return _upgrade(subscription, plan, user_id)


@dataclass(frozen=True)
class Costs:
    """Which way a change goes, when it takes effect, what it costs then, and what the next period costs."""

    direction: str
    effective_at: datetime | None
    due_now: Preview | None
    next_invoice: Preview | None


def preview(*, subscription: Subscription, plan: Plan, now: datetime) -> Costs:
    """Return what changing to a plan would cost as of `now`; Stripe is asked, and nothing is changed.

    Raises SubscriptionNotChangeable, PaymentProviderUnavailable.
    """
    if plan.id == subscription.plan_id:
        return Costs("none", None, None, None)
    stripe_id, price_id = subscription.stripe_subscription_id, plan.stripe_price_id or ""
    downgrade = is_downgrade(subscription=subscription, plan=plan)
    free = downgrade or subscription.status == SubscriptionStatus.TRIALING
    try:
        due_now = None if free else plan_prices.preview(subscription_id=stripe_id, price_id=price_id, now=True, at=now)
        following = plan_prices.preview(subscription_id=stripe_id, price_id=price_id, now=False, at=now)
    except (NotAtStripe, RefusedByStripe) as refusal:
        raise SubscriptionNotChangeable from refusal
    if downgrade:
        return Costs("downgrade", subscription.current_period_end, None, following)
    return Costs("upgrade", now, due_now, following)


def is_downgrade(*, subscription: Subscription, plan: Plan) -> bool:
    """Return whether a plan costs less than the present one."""
    return plan.price_cents < subscription.plan.price_cents


def refuse_unchangeable(*, subscription: Subscription) -> None:
    """Raise what stands in the way of changing a subscription's plan, whatever the plan."""
    if subscription.status in ENDED_STATUSES:
        raise SubscriptionEnded
    if subscription.status not in CHANGEABLE:
        raise SubscriptionNotChangeable
    if subscription.cancel_at_period_end:
        raise SubscriptionEnding
    if subscription.pending_plan_at is not None and subscription.pending_plan_at <= clock.now() + LEAD:
        raise PlanChangeUnderWay


def _stay(subscription: Subscription, user_id: UUID) -> PlanChange:
    if subscription.pending_plan_at is not None:
        _set_pending(subscription, None, None, None)
        follow_up.record(subscription=subscription, actor_id=user_id, action="PLAN_CHANGE_WITHDRAWN")
    return PlanChange(subscription, Outcome.UNCHANGED)


def _schedule(subscription: Subscription, plan: Plan, user_id: UUID) -> PlanChange:
    effective_at = subscription.current_period_end
    if (subscription.pending_plan_id, subscription.pending_plan_at) != (plan.id, effective_at):
        _set_pending(subscription, plan, effective_at, new_id())
        follow_up.record(subscription=subscription, actor_id=user_id, action="PLAN_CHANGE_SCHEDULED", plan=plan.slug)
    return PlanChange(subscription, Outcome.SCHEDULED, effective_at)


def _claim(subscription: Subscription, plan: Plan) -> None:
    """Write down that the plan is to be had and under which key; two who want the same at once have one key."""
    if subscription.pending_plan_id != plan.id or subscription.pending_plan_at is not None:
        _set_pending(subscription, plan, None, new_id())


def _upgrade(subscription: Subscription, plan: Plan, user_id: UUID) -> PlanChange:
    try:
        changed = plan_prices.change(
            subscription_id=subscription.stripe_subscription_id,
            price_id=plan.stripe_price_id or "",
            behavior=ONCE_PAID,
            idempotency_key=f"plan:{subscription.pending_plan_key}",
        )
    except (NotAtStripe, RefusedByStripe) as refusal:
        settle(subscription=subscription)
        raise SubscriptionNotChangeable from refusal
    if changed.is_pending:
        follow_up.note(subscription=subscription, actor_id=user_id, action="PLAN_CHANGE_AWAITS_PAYMENT", plan=plan.slug)
        return PlanChange(subscription, Outcome.AWAITING_PAYMENT, None, changed.pay_at)
    settle(subscription=subscription)
    follow_up.note(subscription=subscription, actor_id=user_id, action="PLAN_CHANGED", plan=plan.slug)
    follow_up.shown(subscription=subscription, told=changed.subscription)
    if changed.subscription.price_id == plan.stripe_price_id:
        subscription.plan = plan
    return PlanChange(subscription, Outcome.APPLIED, clock.now())


def settle(*, subscription: Subscription) -> None:
    """Forget what was to come, unless something else is to come by now."""
    with organization_context(subscription.organization_id):
        Subscription.objects.filter(id=subscription.id, pending_plan_key=subscription.pending_plan_key).update(
            pending_plan=None, pending_plan_at=None, pending_plan_key=None
        )
    subscription.pending_plan = subscription.pending_plan_at = subscription.pending_plan_key = None


def _set_pending(subscription: Subscription, plan: Plan | None, at: datetime | None, key: UUID | None) -> None:
    subscription.pending_plan, subscription.pending_plan_at, subscription.pending_plan_key = plan, at, key
    subscription.save(update_fields=["pending_plan", "pending_plan_at", "pending_plan_key"])
