"""What billing changes about an organization: its Stripe customer and its status."""

from uuid import UUID

from organizations.models import Organization, OrganizationStatus


def lock(*, organization_id: UUID) -> Organization:
    """Return the organization's row, locked: a billing transaction locks it first, then subscription, then licence.

    FOR NO KEY UPDATE, as everywhere here: foreign keys are checked at COMMIT and take a key share lock on the row they
    refer to, so a plain FOR UPDATE would make a transaction that only refers to the organization wait at its very end.
    """
    return Organization.objects.select_for_update(no_key=True).get(id=organization_id)


def set_stripe_customer(*, organization_id: UUID, customer_id: str) -> None:
    """Remember the organization's Stripe customer; one that is set already stays."""
    Organization.objects.filter(id=organization_id, stripe_customer_id=None).update(stripe_customer_id=customer_id)


def forget_stripe_customer(*, organization_id: UUID, customer_id: str) -> bool:
    """Forget a customer that is gone at Stripe, so that the next checkout makes another; return whether it was ours."""
    ours = Organization.objects.filter(id=organization_id, stripe_customer_id=customer_id)
    return ours.update(stripe_customer_id=None) > 0


def set_status(*, organization_id: UUID, status: str) -> None:
    """Set the organization's status; one that staff suspended or that is closed stays so, paid for or not."""
    Organization.objects.filter(
        id=organization_id, status__in=[OrganizationStatus.ACTIVE, OrganizationStatus.PAST_DUE]
    ).update(status=status)
