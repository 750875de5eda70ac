"""An organization comes to be: with its owner, its data key and its quotas, in one transaction."""

from uuid import UUID

from config.kernel import tasks
from organizations.models import Membership, Organization, Role
from organizations.services import data_keys, quotas
from organizations.services.slugs import slug_for
from users.models import User
from users.services import audit


def found(*, organization_id: UUID, owner: User, name: str) -> Organization:
    """Make an organization of this user; called inside its context. Its Stripe customer is made by a job."""
    organization = Organization.objects.create(
        id=organization_id, name=name.strip(), slug=slug_for(name, organization_id)
    )
    quotas.open_for(organization=organization)
    Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    data_keys.create(organization_id=organization.id)
    tasks.enqueue("subscriptions.create_customer", organization_id=organization.id)
    audit.record(
        action="ORGANIZATION_CREATED",
        organization_id=organization.id,
        actor_id=owner.id,
        object_type="organization",
        object_id=organization.id,
    )
    return organization
