"""The organization's customer at Stripe."""

from collections.abc import Callable
from uuid import UUID

from config.kernel.tenancy import organization_context, system_context
from organizations.selectors import find_for_billing, get_organization, list_owners
from organizations.services import billing_state
from subscriptions.models import OperationKind
from subscriptions.services import operations
from subscriptions.stripe import gateway
from users.services import audit


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


def forget(*, stripe_customer_id: str, then: Callable[[], None]) -> None:
    """Let the organization whose customer was deleted at Stripe get another; `then` is of the same transaction."""
    with system_context(reason="find whose customer was deleted"):
        found = find_for_billing(organization_id="", stripe_customer_id=stripe_customer_id)
    if found is None:
        then()
        return
    with organization_context(found.id):
        if billing_state.forget_stripe_customer(organization_id=found.id, customer_id=stripe_customer_id):
            operations.retire(organization_id=found.id, kind=OperationKind.CREATE_CUSTOMER, about="customer")
            audit.record(
                action="STRIPE_CUSTOMER_DELETED",
                organization_id=found.id,
                object_type="organization",
                object_id=found.id,
                customer=stripe_customer_id,
            )
        then()
