"""Buying a plan: opening a visit to Stripe's Checkout page."""

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from organizations.models import QuotaName
from organizations.services import quotas
from subscriptions.errors import CancelRedirectNotAllowed, RedirectNotAllowed, SubscriptionExists
from subscriptions.models import CheckoutSession
from subscriptions.selectors import find_live_subscription, get_plan
from subscriptions.services import customers
from subscriptions.stripe import gateway

SESSION_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"


@dataclass(frozen=True)
class OpenCheckout:
    """Where to send the person, and the session's id at Stripe."""

    checkout_url: str
    session_id: str


def open_checkout(
    *, organization_id: UUID, user_id: UUID, plan_reference: str, success_url: str | None, cancel_url: str | None
) -> OpenCheckout:
    """Open a Checkout session for a plan, with its trial.

    Raises PlanNotFound, SubscriptionExists, QuotaExceeded, RedirectNotAllowed, PaymentProviderUnavailable.
    """
    base = f"{settings.PUBLIC_URL}/api/v1/checkout"
    success_url = success_url or f"{base}/success?session_id={SESSION_PLACEHOLDER}"
    cancel_url = cancel_url or f"{base}/cancel"
    if not _allowed(success_url):
        raise RedirectNotAllowed
    if not _allowed(cancel_url):
        raise CancelRedirectNotAllowed
    plan = get_plan(reference=plan_reference)
    with organization_context(organization_id):
        if find_live_subscription() is not None:
            raise SubscriptionExists
        quotas.leave_room(name=QuotaName.LICENSES, allowances=plan.quotas)
    customer_id = customers.ensure_customer(organization_id=organization_id)
    checkout_id = new_id()
    session = gateway.create_checkout(
        customer_id=customer_id,
        price_id=plan.stripe_price_id or "",
        trial_days=plan.trial_days,
        metadata={"organization_id": str(organization_id), "user_id": str(user_id), "plan_id": str(plan.id)},
        success_url=success_url,
        cancel_url=cancel_url,
        idempotency_key=f"checkout:{checkout_id}",
    )
    with organization_context(organization_id):
        CheckoutSession.objects.create(
            id=checkout_id, organization_id=organization_id, plan=plan, stripe_session_id=session.id
        )
    return OpenCheckout(session.url, session.id)


def _allowed(url: str) -> bool:
    """Return whether Checkout may send people back to this URL's origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" in {settings.PUBLIC_URL, *settings.CHECKOUT_REDIRECT_ORIGINS}
