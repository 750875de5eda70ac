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
    EventNotApplicable,
    OtherPlanChange,
    PaymentDeclined,
    PlanChangeUnderWay,
    SubscriptionEnded,
    SubscriptionEnding,
    SubscriptionNotChangeable,
)
from subscriptions.models import ENDED_STATUSES, Plan, Subscription, SubscriptionStatus
from subscriptions.selectors import get_subscription, has_price
from subscriptions.services import follow_up, plan_wishes, subscription_sync
from subscriptions.services.due_plan_changes import LEAD
from subscriptions.stripe import client, plan_prices
from subscriptions.stripe.errors import NotAtStripe, RefusedByStripe
from subscriptions.stripe.plan_prices import Preview, Standing
from subscriptions.stripe.shapes import StripeSubscription

CHANGEABLE = (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE)
MOST_ROUNDS = 3
"""How often the row is brought to what Stripe has, or another wish taken back, before a caller is told to look."""
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

    Of two who want different plans at once, one is told OtherPlanChange. What waits to be paid is taken back first.
    Raises SubscriptionNotFound, SubscriptionEnded, SubscriptionEnding, SubscriptionNotChangeable, PlanChangeUnderWay,
    OtherPlanChange, PaymentDeclined, PaymentProviderUnavailable.
    """
    for _ in range(MOST_ROUNDS):
        with organization_context(organization_id):
            subscription = get_subscription(subscription_id=subscription_id, lock=True)
            refuse_unchangeable(subscription=subscription)
            plan_wishes.refuse_held(subscription=subscription, plan=plan)
            other = plan_wishes.awaits_payment(subscription) and subscription.pending_plan_id != plan.id
            if other:
                plan_wishes.hold_back(subscription=subscription)
            elif plan.id == subscription.plan_id:
                return _stay(subscription, user_id)
            elif is_downgrade(subscription=subscription, plan=plan):
                return _schedule(subscription, plan, user_id)
            else:
                plan_wishes.wish(subscription=subscription, plan=plan)
        if other:
            _take_back(subscription, user_id)
        elif (changed := _upgrade(subscription, plan, user_id)) is not None:
            return changed
    raise OtherPlanChange(retry_after=plan_wishes.RETRY_AFTER_SECONDS)


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
        _save_pending(subscription, None, None)
        follow_up.record(subscription=subscription, actor_id=user_id, action="PLAN_CHANGE_WITHDRAWN")
    return PlanChange(subscription, Outcome.UNCHANGED)


def _schedule(subscription: Subscription, plan: Plan, user_id: UUID) -> PlanChange:
    effective_at = subscription.current_period_end
    if effective_at is None:
        raise SubscriptionNotChangeable
    if (subscription.pending_plan_id, subscription.pending_plan_at) != (plan.id, effective_at):
        _save_pending(subscription, plan, effective_at)
        follow_up.record(subscription=subscription, actor_id=user_id, action="PLAN_CHANGE_SCHEDULED", plan=plan.slug)
    return PlanChange(subscription, Outcome.SCHEDULED, effective_at)


def _save_pending(subscription: Subscription, plan: Plan | None, at: datetime | None) -> None:
    plan_wishes.put(subscription=subscription, plan=plan, at=at)
    subscription.save(update_fields=plan_wishes.PENDING)


def _take_back(subscription: Subscription, user_id: UUID) -> None:
    """Give up what still waits to be paid, or find out that it has been paid; then it is looked at again."""
    try:
        taken_back = plan_prices.withdraw(
            subscription_id=subscription.stripe_subscription_id, idempotency_key=str(new_id())
        )
    except NotAtStripe as unknown:
        raise SubscriptionNotChangeable from unknown
    finally:  # asking for it again does no harm, so nobody has to wait
        plan_wishes.release(subscription=subscription)
    if taken_back:
        plan_wishes.forget(subscription=subscription)
        follow_up.note(subscription=subscription, actor_id=user_id, action="PLAN_CHANGE_WITHDRAWN")
    _bring_up_to_date(subscription)


def _upgrade(subscription: Subscription, plan: Plan, user_id: UUID) -> PlanChange | None:
    """Have Stripe change the price at once; None if the row was not what Stripe has, and had to be brought to it.

    When Stripe does not answer it may have been done: the wish stays held, and who wishes the same again gets to know.
    """
    stripe_id, price_id = subscription.stripe_subscription_id, plan.stripe_price_id or ""
    try:
        found = plan_prices.look(subscription_id=stripe_id)
        if not _agrees(subscription, plan, found.subscription):
            plan_wishes.forget(subscription=subscription)
            _bring_up_to_date(subscription)
            return None
        if price_id not in (found.subscription.price_id, found.subscription.pending_price_id):
            found = plan_prices.change(
                subscription_id=stripe_id,
                item_id=found.item_id,
                price_id=price_id,
                behavior=ONCE_PAID,
                idempotency_key=f"plan:{subscription.pending_plan_key}",
            )
    except (NotAtStripe, RefusedByStripe) as refusal:
        plan_wishes.forget(subscription=subscription)
        raise SubscriptionNotChangeable from refusal
    except PaymentDeclined:
        plan_wishes.forget(subscription=subscription)
        raise
    return _outcome(subscription, plan, user_id, found)


def _agrees(subscription: Subscription, plan: Plan, told: StripeSubscription) -> bool:
    """Return whether Stripe would let the plan be changed as our row does: it may have been told of a cancellation."""
    if told.status not in CHANGEABLE or told.cancel_at_period_end:
        return False
    known = (subscription.plan.stripe_price_id, plan.stripe_price_id)
    return told.price_id in known or has_price(plan=subscription.plan, price_id=told.price_id)


def _outcome(subscription: Subscription, plan: Plan, user_id: UUID, found: Standing) -> PlanChange | None:
    told = found.subscription
    if told.pending_price_id == plan.stripe_price_id:
        plan_wishes.release(subscription=subscription, expires_at=told.pending_expires_at)
        follow_up.note(subscription=subscription, actor_id=user_id, action="PLAN_CHANGE_AWAITS_PAYMENT", plan=plan.slug)
        return PlanChange(subscription, Outcome.AWAITING_PAYMENT, None, found.pay_at)
    if told.price_id != plan.stripe_price_id:  # Stripe repeated its answer to a change that it has given up since
        plan_wishes.forget(subscription=subscription)
        return None
    plan_wishes.release(subscription=subscription)
    follow_up.note(subscription=subscription, actor_id=user_id, action="PLAN_CHANGED", plan=plan.slug)
    follow_up.shown(subscription=subscription, told=told)
    subscription.plan = plan
    plan_wishes.put(subscription=subscription, plan=None, at=None)
    return PlanChange(subscription, Outcome.APPLIED, clock.now())


def _bring_up_to_date(subscription: Subscription) -> None:
    try:
        subscription_sync.sync(
            stripe_subscription_id=subscription.stripe_subscription_id, patience=client.SOMEBODY_WAITS
        )
    except (EventNotApplicable, NotAtStripe, RefusedByStripe) as error:
        raise SubscriptionNotChangeable from error
