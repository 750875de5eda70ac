"""Leads customers to Stripe's billing portal, where they see to cards, invoices and the end of their subscription."""

from uuid import UUID

from django.conf import settings

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from organizations.selectors import get_organization
from subscriptions.errors import NothingBought, PortalRedirectNotAllowed
from subscriptions.selectors import list_subscriptions
from subscriptions.services.checkout import is_allowed
from subscriptions.stripe import customer_wishes


def open_portal(*, organization_id: UUID, return_url: str | None) -> str:
    """Return the address of the organization's portal, good for a few minutes.

    Raises PortalRedirectNotAllowed, NothingBought, PaymentProviderUnavailable.
    """
    return_url = return_url or settings.PUBLIC_URL
    if not is_allowed(return_url):
        raise PortalRedirectNotAllowed
    with organization_context(organization_id):
        customer_id = get_organization(organization_id=organization_id).stripe_customer_id
        if customer_id is None or not list_subscriptions().exists():
            raise NothingBought
    # One portal more costs nothing: its key need not be kept.
    return customer_wishes.open_portal(customer_id=customer_id, return_url=return_url, idempotency_key=str(new_id()))
