"""Ends the grace of licences whose renewal is still owed at its deadline, whether or not an event of Stripe's comes."""

import logging
from uuid import UUID

from django.db.models.functions import Now

from config.kernel import tasks
from config.kernel.tenancy import organization_context, system_context
from licenses.models import License, LicenseStatus, SuspensionReason
from licenses.services import issuing
from subscriptions.selectors import get_subscription
from subscriptions.services import billing_mails, standing, subscription_sync

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 1000


def find_over() -> int:
    """Queue the end of each grace whose deadline has passed by the database's clock; return how many.

    Nothing waits for this to stop being usable: a licence is judged by its deadline whenever it is asked for.
    """
    with system_context(reason="find licences whose grace is over"):
        over = list(
            License.objects.filter(
                status=LicenseStatus.SUSPENDED,
                suspension_reason=SuspensionReason.BILLING,
                grace_period_ends_at__lte=Now(),
            )
            .order_by("grace_period_ends_at")
            .values_list("organization_id", "subscription_id")[:MOST_AT_ONCE]
        )
    for organization_id, subscription_id in over:
        with organization_context(organization_id):
            tasks.enqueue("licenses.end_grace", organization_id=organization_id, subscription_id=subscription_id)
    return len(over)


def end(*, organization_id: UUID, subscription_id: UUID) -> None:
    """Ask Stripe once more whether it is paid, and end the licence if it is not, or if Stripe does not answer."""
    with organization_context(organization_id):
        stripe_id = get_subscription(subscription_id=subscription_id).stripe_subscription_id
    try:
        subscription_sync.sync(stripe_subscription_id=stripe_id)
    except Exception:  # the deadline is absolute, whatever keeps Stripe or us from knowing better
        logger.exception("the grace of subscription %s ends unasked", stripe_id)
    issuing.apply_subscription(organization_id=organization_id, subscription_id=subscription_id)
    with organization_context(organization_id):
        subscription = get_subscription(subscription_id=subscription_id, lock=True)
        debt = standing.refresh(subscription=subscription)
        license_ = License.objects.filter(subscription=subscription, status=LicenseStatus.INACTIVE).first()
        if license_ is not None and debt is not None:
            billing_mails.access_ended(subscription=subscription, invoice=debt.invoice)
