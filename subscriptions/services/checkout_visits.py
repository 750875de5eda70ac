"""The one open visit to Checkout that an organization may have: claimed, recorded and closed under its lock.

Nothing here waits for the network; `services.checkout` asks Stripe between these steps.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from config.kernel.tenancy import organization_context
from organizations.errors import OrganizationNotFound
from organizations.models import Organization, OrganizationStatus, QuotaName
from organizations.services import billing_state, quotas
from subscriptions.errors import SubscriptionExists
from subscriptions.models import CheckoutSession, CheckoutStatus, Plan, Subscription
from subscriptions.selectors import find_live_subscription, had_trial

UNDER_WAY = timedelta(seconds=15)
"""How long whoever claimed a visit is given to ask Stripe, before another plan's takes its place."""
ABANDONED_AFTER = timedelta(minutes=10)
"""When whoever claimed a visit and has recorded no session has long given up, or died."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to buy, and where they then want to go."""

    organization_id: UUID
    user_id: UUID
    plan: Plan
    success_url: str
    cancel_url: str


@dataclass(frozen=True)
class Claim:
    """The organization's open visit, whether it is what is wished for, and whether its session may have got lost.

    `under_way`: somebody is asking Stripe for its session right now.
    """

    visit: CheckoutSession
    stripe_customer_id: str | None
    fits: bool
    under_way: bool
    abandoned: bool


def claim(*, wish: Wish) -> Claim:
    """Return the open visit of the organization, or begin the one that is wished for.

    Raises OrganizationNotFound for one that has just been closed, SubscriptionExists, QuotaExceeded.
    """
    with organization_context(wish.organization_id):
        organization = billing_state.lock(organization_id=wish.organization_id)
        if organization.status == OrganizationStatus.CLOSED:
            raise OrganizationNotFound
        if find_live_subscription() is not None:
            raise SubscriptionExists
        quotas.leave_room(name=QuotaName.LICENSES, allowances=wish.plan.quotas)
        visit, age = _open_visit() or (_begin(wish), timedelta())
        return _claim(organization, visit, age, fits=_fits(visit, wish))


def find_open(*, organization_id: UUID) -> Claim | None:
    """Return the open visit of the organization, for whoever wants it closed; None if there is none."""
    with organization_context(organization_id):
        organization = billing_state.lock(organization_id=organization_id)
        found = _open_visit()
        return _claim(organization, *found, fits=False) if found is not None else None


_AGE = ExpressionWrapper(Now() - F("created_at"), output_field=DurationField())


def _open_visit() -> tuple[CheckoutSession, timedelta] | None:
    found = CheckoutSession.objects.filter(status=CheckoutStatus.OPEN).annotate(age=_AGE).first()
    return (found, found.age) if found is not None else None


def _claim(organization: Organization, visit: CheckoutSession, age: timedelta, *, fits: bool) -> Claim:
    unrecorded = visit.stripe_session_id is None
    return Claim(
        visit,
        organization.stripe_customer_id,
        fits=fits,
        under_way=unrecorded and age < UNDER_WAY,
        abandoned=unrecorded and age > ABANDONED_AFTER,
    )


def _begin(wish: Wish) -> CheckoutSession:
    trial_days = wish.plan.trial_days
    return CheckoutSession.objects.create(
        organization_id=wish.organization_id,
        user_id=wish.user_id,
        plan=wish.plan,
        stripe_price_id=wish.plan.stripe_price_id or "",
        trial_days=0 if trial_days and had_trial(organization_id=wish.organization_id) else trial_days,
        success_url=wish.success_url,
        cancel_url=wish.cancel_url,
    )


def _fits(visit: CheckoutSession, wish: Wish) -> bool:
    """Return whether an open visit buys just what is wished for, so that it serves a second tab as well."""
    return (visit.plan_id, visit.stripe_price_id, visit.success_url, visit.cancel_url) == (
        wish.plan.id,
        wish.plan.stripe_price_id or "",
        wish.success_url,
        wish.cancel_url,
    )


def record(*, visit: CheckoutSession, stripe_session_id: str) -> bool:
    """Remember a visit's session at Stripe; return whether the visit is still the open one."""
    if visit.stripe_session_id == stripe_session_id:
        return True
    with organization_context(visit.organization_id):
        still_open = CheckoutSession.objects.filter(id=visit.id, status=CheckoutStatus.OPEN)
        return still_open.update(stripe_session_id=stripe_session_id) > 0


def close(*, visit: CheckoutSession) -> None:
    """Say that a visit can be paid no longer."""
    with organization_context(visit.organization_id):
        CheckoutSession.objects.filter(id=visit.id, status=CheckoutStatus.OPEN).update(status=CheckoutStatus.EXPIRED)


def complete(*, visit: CheckoutSession, stripe_subscription_id: str | None) -> None:
    """Say what a visit bought, if we know of it by now; raises SubscriptionExists if the news is still to come."""
    with organization_context(visit.organization_id):
        bought = Subscription.objects.filter(stripe_subscription_id=stripe_subscription_id or "").first()
        if bought is None:
            raise SubscriptionExists
        CheckoutSession.objects.filter(id=visit.id).update(
            status=CheckoutStatus.COMPLETED, subscription=bought, completed_at=Now()
        )
