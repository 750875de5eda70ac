"""Changing a subscription's plan as far as seats are concerned: nobody is to lose one that they hold."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from config.kernel import clock
from config.kernel.tenancy import organization_context
from licenses.errors import SeatsInUse
from licenses.models import LicenseSession
from licenses.selectors import find_by_subscription, list_live_sessions
from organizations.selectors import list_quotas
from subscriptions.models import Plan
from subscriptions.selectors import get_plan, get_subscription
from subscriptions.services import plan_changes
from subscriptions.services.plan_changes import PlanChange
from subscriptions.stripe.plan_prices import Preview


@dataclass(frozen=True)
class Holder:
    """Who holds a seat."""

    session_id: UUID
    user_id: UUID | None
    acquired_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class ChangePreview:
    """What a change of plan would mean: when, for how much, and what stands in its way.

    `due_now` is None for a change that costs nothing now. `over_quota` names what the plan allows less of than there
    is: that stays, and nothing is added to it.
    """

    direction: str
    effective_at: datetime | None
    due_now: Preview | None
    next_invoice: Preview | None
    max_seats: int
    holders: tuple[Holder, ...]
    over_quota: tuple[str, ...]

    @property
    def seats_in_use(self) -> int:
        """How many seats are held now."""
        return len(self.holders)

    @property
    def seat_conflict(self) -> bool:
        """Whether more seats are held than the plan has, so that the change would be refused."""
        return self.seats_in_use > self.max_seats


def change(*, organization_id: UUID, user_id: UUID, subscription_id: UUID, plan_reference: str) -> PlanChange:
    """Change a subscription's plan, unless more seats are held than the new one has.

    Raises PlanNotFound, SeatsInUse, and what `subscriptions.services.plan_changes.change` raises. A seat that is taken
    later is not lost either: a licence with fewer seats gives out no new ones.
    """
    plan = get_plan(reference=plan_reference)
    with organization_context(organization_id):
        holders = _holders(subscription_id)
    if len(holders) > plan.max_seats:
        raise SeatsInUse(
            seats_in_use=len(holders), max_seats=plan.max_seats, holders=[_told(holder) for holder in holders]
        )
    return plan_changes.change(
        organization_id=organization_id, user_id=user_id, subscription_id=subscription_id, plan=plan
    )


def preview(*, organization_id: UUID, subscription_id: UUID, plan_reference: str) -> ChangePreview:
    """Return what changing a subscription's plan would mean; nothing is changed.

    Raises PlanNotFound, SubscriptionNotFound, SubscriptionEnded, SubscriptionEnding, SubscriptionNotChangeable,
    PaymentProviderUnavailable.
    """
    plan = get_plan(reference=plan_reference)
    with organization_context(organization_id):
        subscription = get_subscription(subscription_id=subscription_id)
        plan_changes.refuse_unchangeable(subscription=subscription)
        holders, over_quota, now = _holders(subscription_id), _over_quota(plan), clock.now()
    costs = plan_changes.preview(subscription=subscription, plan=plan, now=now)
    return ChangePreview(
        direction=costs.direction,
        effective_at=costs.effective_at,
        due_now=costs.due_now,
        next_invoice=costs.next_invoice,
        max_seats=plan.max_seats,
        holders=holders,
        over_quota=over_quota,
    )


def _holders(subscription_id: UUID) -> tuple[Holder, ...]:
    license_ = find_by_subscription(subscription_id=subscription_id)
    if license_ is None:
        return ()
    return tuple(_holder(session) for session in list_live_sessions(license_id=license_.id))


def _holder(session: LicenseSession) -> Holder:
    return Holder(session.id, session.user_id, session.acquired_at, session.expires_at)


def _told(holder: Holder) -> dict[str, object]:
    return {
        "session_id": holder.session_id,
        "user_id": holder.user_id,
        "acquired_at": holder.acquired_at,
        "expires_at": holder.expires_at,
    }


def _over_quota(plan: Plan) -> tuple[str, ...]:
    return tuple(
        quota.name
        for quota in list_quotas()
        if (allowed := plan.quotas.get(quota.name)) is not None and quota.used > allowed
    )
