"""The organization's customer at Stripe."""

from uuid import UUID

from config.kernel.tenancy import organization_context
from organizations.selectors import get_organization, list_owners
from organizations.services import billing_state
from subscriptions.models import OperationKind
from subscriptions.services import operations
from subscriptions.stripe import gateway


def ensure_customer(*, organization_id: UUID) -> str:
    """Return the id of the organization's Stripe customer, creating it when there is none.

    Called by a job after sign-up and again before a checkout; two calls at once give one customer.
    Raises PaymentProviderUnavailable.
    """
    with organization_context(organization_id):
        organization = get_organization(organization_id=organization_id)
        if organization.stripe_customer_id:
            return organization.stripe_customer_id
        owner = list_owners(organization_id=organization_id)[0]
    customer_id = operations.carry_out(
        organization_id=organization_id,
        kind=OperationKind.CREATE_CUSTOMER,
        about="customer",
        order=lambda key: gateway.create_customer(
            organization_id=organization_id, name=organization.name, email=owner.email, idempotency_key=key
        ),
    )
    with organization_context(organization_id):
        billing_state.set_stripe_customer(organization_id=organization_id, customer_id=customer_id)
        return get_organization(organization_id=organization_id).stripe_customer_id or customer_id
