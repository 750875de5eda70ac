"""Reads of the subscriptions app."""

from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from subscriptions.errors import CheckoutNotFound, PlanNotFound, SubscriptionNotFound
from subscriptions.models import (
    LIVE_STATUSES,
    CheckoutSession,
    Invoice,
    Plan,
    PlanPrice,
    StripeObject,
    StripeObjectName,
    Subscription,
)


def list_plans() -> QuerySet[Plan]:
    """Return the public plans, cheapest first."""
    return Plan.objects.filter(is_public=True).order_by("price_cents")


def get_plan(*, reference: str) -> Plan:
    """Return a public plan by id or slug; raises PlanNotFound."""
    try:
        plan = list_plans().filter(id=UUID(reference)).first()
    except ValueError:
        plan = list_plans().filter(slug=reference).first()
    if plan is None:
        raise PlanNotFound
    return plan


def find_plan_of_price(*, price_id: str | None) -> Plan | None:
    """Return the plan that a price at Stripe is or once was of, or None."""
    found = PlanPrice.objects.select_related("plan").filter(stripe_price_id=price_id or "").first()
    return found.plan if found else None


def has_price(*, plan: Plan, price_id: str) -> bool:
    """Return whether a price at Stripe is or once was this plan's."""
    return PlanPrice.objects.filter(plan=plan, stripe_price_id=price_id).exists()


def list_subscriptions() -> QuerySet[Subscription]:
    """Return the current organization's subscriptions, newest first."""
    return Subscription.objects.select_related("plan", "pending_plan").order_by("-id")


def find_live_subscription() -> Subscription | None:
    """Return the current organization's live subscription, or None; a duplicate that is being undone is none."""
    return list_subscriptions().filter(status__in=LIVE_STATUSES, duplicate_of=None).first()


def get_subscription(*, subscription_id: UUID, lock: bool = False) -> Subscription:
    """Return a subscription with its plan, its row locked on request; raises SubscriptionNotFound."""
    subscriptions = Subscription.objects.select_related("plan", "pending_plan")
    if lock:
        subscriptions = subscriptions.select_for_update(of=("self",), no_key=True)
    found = subscriptions.filter(id=subscription_id).first()
    if found is None:
        raise SubscriptionNotFound
    return found


def list_invoices() -> QuerySet[Invoice]:
    """Return the current organization's invoices, newest first."""
    return Invoice.objects.order_by("-stripe_created_at", "-id")


def find_portal_configuration() -> str | None:
    """Return the id of the billing portal's configuration at Stripe, or None before a deployment has made it."""
    return StripeObject.objects.filter(name=StripeObjectName.BILLING_PORTAL).values_list("stripe_id", flat=True).first()


def had_trial(*, organization_id: UUID) -> bool:
    """Return whether the organization, or any that one of its owners owns, has had a trial: there is one for each."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT had_trial(%s)", [organization_id])
        return bool(cursor.fetchone()[0])


def get_checkout_organization(*, stripe_session_id: str) -> UUID:
    """Return whose Checkout session this is, known before any context can be set; raises CheckoutNotFound."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT checkout_organization(%s)", [stripe_session_id])
        organization_id: UUID | None = cursor.fetchone()[0]
    if organization_id is None:
        raise CheckoutNotFound
    return organization_id


def get_checkout(*, stripe_session_id: str) -> CheckoutSession:
    """Return a Checkout session of the current organization; raises CheckoutNotFound."""
    checkout = CheckoutSession.objects.select_related("plan").filter(stripe_session_id=stripe_session_id).first()
    if checkout is None:
        raise CheckoutNotFound
    return checkout
