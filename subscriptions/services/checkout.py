"""Buying a plan: opening a visit to Stripe's Checkout page, or leading back to the one that is open.

At most one page of an organization can be paid, however many tabs ask for whatever plans: its open visit is a row,
claimed under its lock (`checkout_visits`). What is another plan's is closed at Stripe before the next is claimed. A
visit whose session nobody has written down yet is asked for again under the same idempotency key, so that it is known
and can be closed: a process that dies in between leaves no page that can be paid.
"""

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from subscriptions.errors import (
    CancelRedirectNotAllowed,
    CheckoutUnderWay,
    PaymentProviderUnavailable,
    RedirectNotAllowed,
)
from subscriptions.models import CheckoutSession
from subscriptions.selectors import get_plan
from subscriptions.services import checkout_visits, customers
from subscriptions.services.checkout_visits import Claim, Wish
from subscriptions.stripe import checkouts, gateway
from subscriptions.stripe.errors import NotAtStripe, RefusedByStripe
from subscriptions.stripe.shapes import StripeCheckout

logger = logging.getLogger(__name__)

SESSION_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
MOST_ROUNDS = 4
"""How often others may get in between before a caller is told so."""
RETRY_AFTER_SECONDS = 2


@dataclass(frozen=True)
class OpenCheckout:
    """Where to send the person, and the session's id at Stripe."""

    checkout_url: str
    session_id: str


def open_checkout(
    *, organization_id: UUID, user_id: UUID, plan_reference: str, success_url: str | None, cancel_url: str | None
) -> OpenCheckout:
    """Return the organization's one open Checkout session, for this plan; with a trial, the first time.

    Raises PlanNotFound, SubscriptionExists, QuotaExceeded, RedirectNotAllowed, CheckoutUnderWay,
    PaymentProviderUnavailable.
    """
    base = f"{settings.PUBLIC_URL}/api/v1/checkout"
    success_url = success_url or f"{base}/success?session_id={SESSION_PLACEHOLDER}"
    cancel_url = cancel_url or f"{base}/cancel"
    if not is_allowed(success_url):
        raise RedirectNotAllowed
    if not is_allowed(cancel_url):
        raise CancelRedirectNotAllowed
    wish = Wish(organization_id, user_id, get_plan(reference=plan_reference), success_url, cancel_url)
    for round_ in range(MOST_ROUNDS):
        claim = checkout_visits.claim(wish=wish)
        if claim.under_way and not claim.fits:
            raise CheckoutUnderWay(retry_after=RETRY_AFTER_SECONDS)
        session = _at_stripe(claim)
        if session is not None and session.status == "open" and claim.fits:
            if checkout_visits.record(visit=claim.visit, stripe_session_id=session.id):
                return OpenCheckout(session.url, session.id)
            raise CheckoutUnderWay(retry_after=RETRY_AFTER_SECONDS)
        if not claim.fits and round_ == MOST_ROUNDS - 1:
            break  # whoever closes a page must go on to open one, or none would be left
        _close(claim.visit, session)
    raise CheckoutUnderWay(retry_after=RETRY_AFTER_SECONDS)


def withdraw(*, organization_id: UUID) -> None:
    """Close the organization's open page, if there is one; raises SubscriptionExists if it has just been paid.

    Also raises PaymentProviderUnavailable.
    """
    claim = checkout_visits.find_open(organization_id=organization_id)
    if claim is not None:
        _close(claim.visit, _at_stripe(claim))


def is_allowed(url: str) -> bool:
    """Return whether people may be sent back to this URL: its origin is ours or on the list."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" in {settings.PUBLIC_URL, *settings.CHECKOUT_REDIRECT_ORIGINS}


def _at_stripe(claim: Claim) -> StripeCheckout | None:
    """Return the visit's session as it stands at Stripe, opening it if nobody has; None if there is none any more."""
    visit = claim.visit
    if visit.stripe_session_id is not None:
        return checkouts.fetch(session_id=visit.stripe_session_id)
    customer_id = claim.stripe_customer_id or customers.ensure_customer(organization_id=visit.organization_id)
    if claim.abandoned:
        # Its key may be forgotten, or answer for ever with the failure it met first.
        return checkouts.find_open(customer_id=customer_id, visit_id=visit.id)
    try:
        return _open(visit, customer_id)
    except (NotAtStripe, RefusedByStripe) as refusal:
        logger.exception("Stripe refuses to open checkout %s", visit.id)
        checkout_visits.close(visit=visit)
        raise PaymentProviderUnavailable from refusal


def _open(visit: CheckoutSession, customer_id: str) -> StripeCheckout:
    about = {
        "organization_id": str(visit.organization_id),
        "user_id": str(visit.user_id),
        "plan_id": str(visit.plan_id),
    }
    gateway.note_purchase(customer_id=customer_id, metadata=about, idempotency_key=f"buyer:{visit.id}")
    return checkouts.create(
        customer_id=customer_id,
        price_id=visit.stripe_price_id,
        trial_days=visit.trial_days,
        metadata={**about, "checkout_id": str(visit.id)},
        success_url=visit.success_url,
        cancel_url=visit.cancel_url,
        idempotency_key=f"checkout:{visit.id}",
    )


def _close(visit: CheckoutSession, session: StripeCheckout | None) -> None:
    """Make sure that a visit can be paid no longer; raises SubscriptionExists if it has just been."""
    if session is not None and session.status == "open":
        session = checkouts.expire(session_id=session.id, idempotency_key=f"expire:{visit.id}")
    if session is not None and session.status == "complete":
        checkout_visits.complete(visit=visit, stripe_subscription_id=session.subscription_id)
    else:
        checkout_visits.close(visit=visit)
