"""Leads customers to Stripe's billing portal, where they see to cards, invoices and the end of their subscription."""

import logging
from uuid import UUID

from django.conf import settings

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from organizations.selectors import get_organization
from subscriptions.errors import NothingBought, PaymentProviderUnavailable, PortalRedirectNotAllowed
from subscriptions.models import StripeObject, StripeObjectName
from subscriptions.selectors import find_portal_configuration, list_subscriptions
from subscriptions.services.checkout import is_allowed
from subscriptions.stripe import portals
from subscriptions.stripe.errors import NotAtStripe, RefusedByStripe

logger = logging.getLogger(__name__)


def sync_with_stripe() -> str:
    """Make sure that the portal is set up at Stripe as we want it, and remember the id of its configuration.

    Run at each deployment, by many at once if need be, as the role that owns the tables.
    """
    configuration_id = portals.ensure_configuration(
        known_id=find_portal_configuration(), service_url=settings.PUBLIC_URL
    )
    StripeObject.objects.update_or_create(
        name=StripeObjectName.BILLING_PORTAL, defaults={"stripe_id": configuration_id}
    )
    return configuration_id


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
    configuration_id = find_portal_configuration()
    if configuration_id is None:
        # The account's own default may let plans be changed, so it is no substitute.
        logger.error("the billing portal is not set up: manage.py sync_portal")
        raise PaymentProviderUnavailable
    try:
        return portals.open_session(
            configuration_id=configuration_id,
            customer_id=customer_id,
            return_url=return_url,
            idempotency_key=str(new_id()),  # one portal more costs nothing: its key need not be kept
        )
    except (NotAtStripe, RefusedByStripe) as refusal:
        logger.exception("Stripe refuses to open the billing portal")
        raise PaymentProviderUnavailable from refusal
