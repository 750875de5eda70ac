"""Ends what an organization pays for once it is closed: nobody belongs to it any more who could."""

from contextlib import suppress
from uuid import UUID

from config.kernel import tasks
from config.kernel.tenancy import organization_context, system_context
from organizations.models import OrganizationStatus
from subscriptions.errors import SubscriptionExists
from subscriptions.models import ENDED_STATUSES, CheckoutSession, CheckoutStatus, Subscription
from subscriptions.services import cancellation, checkout


def end(*, organization_id: UUID) -> None:
    """End a closed organization's subscriptions at Stripe, at once and without refund, and close its open page.

    Run by a job, and again as often as need be. Raises SubscriptionEnded, PaymentProviderUnavailable.
    """
    with suppress(SubscriptionExists):  # it has just been paid; the news of that leads here again
        checkout.withdraw(organization_id=organization_id)
    with organization_context(organization_id):
        living = list(Subscription.objects.exclude(status__in=ENDED_STATUSES).values_list("id", flat=True))
    for subscription_id in living:
        cancellation.cancel(
            organization_id=organization_id, user_id=None, subscription_id=subscription_id, at_period_end=False
        )


def find_left() -> int:
    """Queue the end of whatever a closed organization still pays for, or still could; return for how many."""
    with system_context(reason="find what closed organizations pay for"):
        paying = Subscription.objects.exclude(status__in=ENDED_STATUSES)
        visiting = CheckoutSession.objects.filter(status=CheckoutStatus.OPEN)
        left = {
            organization_id
            for rows in (paying, visiting)
            for organization_id in rows.filter(organization__status=OrganizationStatus.CLOSED).values_list(
                "organization_id", flat=True
            )
        }
    for organization_id in left:
        with organization_context(organization_id):
            tasks.enqueue("subscriptions.end_of_closed", organization_id=organization_id)
    return len(left)
