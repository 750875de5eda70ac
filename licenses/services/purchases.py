"""What came of a visit to Checkout: the answer of the success page."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from config.kernel import clock
from config.kernel.tenancy import organization_context
from licenses.selectors import describe, find_by_subscription
from organizations.selectors import list_belongings
from subscriptions.models import CheckoutSession, CheckoutStatus
from subscriptions.selectors import get_checkout, get_checkout_organization

SHOWN_FOR = timedelta(hours=1)
"""How long after payment whoever holds the session's id is shown the key; after that, members only."""


@dataclass(frozen=True)
class Purchase:
    """How a checkout stands: `processing` until its licence is issued, `complete`, or `expired` unpaid."""

    status: str
    plan: str
    license_key: str | None
    license_id: UUID | None


def get_purchase(*, stripe_session_id: str, viewer_id: UUID | None, second_factor: bool) -> Purchase:
    """Return how a checkout came out; raises CheckoutNotFound.

    `second_factor`: the viewer's session has one; a member who is asked for it and came without is like anybody else.
    """
    organization_id = get_checkout_organization(stripe_session_id=stripe_session_id)
    member = viewer_id is not None and any(
        one.organization_id == organization_id and (second_factor or not one.mfa_required)
        for one in list_belongings(user_id=viewer_id)
    )
    with organization_context(organization_id):
        checkout = get_checkout(stripe_session_id=stripe_session_id)
        if checkout.status == CheckoutStatus.EXPIRED:
            return Purchase("expired", checkout.plan.name, None, None)
        license_ = find_by_subscription(subscription_id=checkout.subscription_id) if checkout.subscription_id else None
        if license_ is None:
            return Purchase("processing", checkout.plan.name, None, None)
        shown = member or _is_fresh(checkout)
        key = describe([license_])[0].license_key if shown else None
        return Purchase("complete", checkout.plan.name, key, license_.id if shown else None)


def _is_fresh(checkout: CheckoutSession) -> bool:
    return checkout.completed_at is not None and clock.now() - checkout.completed_at < SHOWN_FOR
