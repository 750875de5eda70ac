"""Compares every subscription with Stripe's, field by field, and repairs what differs through the ordinary way.

The net beneath the webhooks: Stripe may fail to make an event at all, and a database may come back from a backup.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from config.kernel import clock, tasks
from config.kernel.tenancy import organization_context, system_context
from subscriptions.models import ENDED_STATUSES, Invoice, ReconcileRun, RunKind, Subscription
from subscriptions.selectors import find_plan_of_price, list_subscriptions
from subscriptions.services import closing, subscription_sync
from subscriptions.stripe import reads
from subscriptions.stripe.shapes import StripeSubscription
from users.services import audit

logger = logging.getLogger(__name__)

MISSING = "missing"


@dataclass(frozen=True)
class Difference:
    """One field that is not the same here and at Stripe."""

    stripe_subscription_id: str
    organization_id: UUID | None
    field: str
    ours: str
    theirs: str
    outcome: str = "reported"


def compare(*, repair: bool) -> ReconcileRun:
    """Compare all subscriptions and, with `repair`, bring ours to theirs; return the run with its report.

    One that cannot be repaired is reported as such and does not keep the others from it.
    Raises PaymentProviderUnavailable when Stripe cannot list them.
    """
    run = ReconcileRun(kind=RunKind.SUBSCRIPTIONS, started_at=clock.now())
    found: list[Difference] = []
    listed: set[str] = set()
    for theirs in reads.list_subscriptions():
        listed.add(theirs.id)
        run.looked_at += 1
        differences = _differences(theirs)
        found += _repaired(theirs.id, differences) if repair and differences else differences
    found += _unknown_to_stripe(listed, run.started_at)
    if repair:
        _let_licenses_follow()
        closing.find_left()
    run.differences = len(found)
    run.report = [_line(one) for one in found]
    run.finished_at = clock.now()
    run.save()
    return run


def _differences(theirs: StripeSubscription) -> list[Difference]:
    with system_context(reason="compare subscriptions with Stripe's"):
        ours = list_subscriptions().filter(stripe_subscription_id=theirs.id).first()
        plan, awaited = find_plan_of_price(price_id=theirs.price_id), _awaited_plan(theirs)
        latest = theirs.latest_invoice
        invoice = Invoice.objects.filter(stripe_invoice_id=latest.id).first() if latest else None
    if ours is None:
        return [Difference(theirs.id, None, "subscription", MISSING, theirs.status)]
    pairs: dict[str, tuple[Any, Any]] = {
        "status": (ours.status, theirs.status),
        "plan": (ours.plan.slug, plan.slug if plan else theirs.price_id),
        "awaited_plan": (_awaited(ours), awaited),
        "quantity": (ours.quantity, theirs.quantity),
        "current_period_start": (ours.current_period_start, theirs.current_period_start),
        "current_period_end": (ours.current_period_end, theirs.current_period_end),
        "trial_end": (ours.trial_end, theirs.trial_end),
        "cancel_at": (ours.cancel_at, theirs.cancel_at),
    }
    if ours.status in ENDED_STATUSES:
        pairs = {"status": pairs["status"]}
    if latest is not None:
        pairs["latest_invoice.status"] = (invoice.status if invoice else MISSING, latest.status)
        pairs["latest_invoice.attempt_count"] = (invoice.attempt_count if invoice else MISSING, latest.attempt_count)
    return [
        Difference(theirs.id, ours.organization_id, field, _told(mine), _told(stripes))
        for field, (mine, stripes) in pairs.items()
        if mine != stripes
    ]


def _awaited(ours: Subscription) -> str:
    """Return the plan that it is to become once it is paid; one that is for a later day Stripe knows nothing of."""
    return ours.pending_plan.slug if ours.pending_plan is not None and ours.pending_plan_at is None else ""


def _awaited_plan(theirs: StripeSubscription) -> str:
    found = find_plan_of_price(price_id=theirs.pending_price_id) if theirs.pending_price_id else None
    return found.slug if found else ""


def _repaired(stripe_subscription_id: str, differences: list[Difference]) -> list[Difference]:
    try:
        organization_id = subscription_sync.sync(stripe_subscription_id=stripe_subscription_id)
    except Exception as error:  # whatever it is, it keeps nobody else's from being repaired
        logger.exception("subscription %s could not be repaired", stripe_subscription_id)
        return [_with(one, one.organization_id, f"not repaired: {error}"[:300]) for one in differences]
    with organization_context(organization_id):
        subscription = Subscription.objects.get(stripe_subscription_id=stripe_subscription_id)
        for one in differences:
            audit.record(
                action="BILLING_DRIFT_REPAIRED",
                organization_id=organization_id,
                object_type="subscription",
                object_id=subscription.id,
                field=one.field,
                before=one.ours,
                after=one.theirs,
            )
    return [_with(one, organization_id, "repaired") for one in differences]


def _unknown_to_stripe(listed: set[str], started_at: datetime) -> list[Difference]:
    """Rows that Stripe does not list: of another account, or of a database that is not this one's. For a person."""
    with system_context(reason="compare subscriptions with Stripe's"):
        known = Subscription.objects.exclude(status__in=ENDED_STATUSES).filter(created_at__lt=started_at)
        rows = list(known.exclude(stripe_subscription_id__in=listed))
    return [
        Difference(row.stripe_subscription_id, row.organization_id, "subscription", row.status, MISSING) for row in rows
    ]


def _let_licenses_follow() -> None:
    """Have each licence brought to what its subscription asks for; one that is there already is left as it is."""
    with system_context(reason="let licences follow their subscriptions"):
        rows = list(Subscription.objects.exclude(status__in=ENDED_STATUSES).values_list("organization_id", "id"))
    for organization_id, subscription_id in rows:
        with organization_context(organization_id):
            tasks.enqueue(
                "licenses.apply_subscription", organization_id=organization_id, subscription_id=subscription_id
            )


def _with(one: Difference, organization_id: UUID | None, outcome: str) -> Difference:
    return Difference(one.stripe_subscription_id, organization_id, one.field, one.ours, one.theirs, outcome)


def _line(one: Difference) -> dict[str, str]:
    return {
        "subscription": one.stripe_subscription_id,
        "organization": str(one.organization_id or ""),
        "field": one.field,
        "ours": one.ours,
        "theirs": one.theirs,
        "outcome": one.outcome,
    }


def _told(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
