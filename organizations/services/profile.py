"""An organization's own data: another one for a user who has one, its name and rules, its end."""

from uuid import UUID

from config.kernel import tasks
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from organizations.errors import PermissionDenied
from organizations.models import Organization, OrganizationStatus
from organizations.roles import Permission, allows
from organizations.selectors import get_organization
from organizations.services import data_keys, founding, members
from users.models import User
from users.services import audit


def create(*, owner: User, name: str) -> Organization:
    """Make another organization for a user, who becomes its owner."""
    organization_id = new_id()
    with organization_context(organization_id):
        return founding.found(organization_id=organization_id, owner=owner, name=name)


def change(
    *, organization_id: UUID, actor_id: UUID, name: str | None = None, require_mfa: str | None = None
) -> Organization:
    """Give the organization another name (its slug stays, since links hold it), or ask for two-factor sign-in.

    None leaves a field as it is.
    """
    with organization_context(organization_id):
        organization = get_organization(organization_id=organization_id, lock=True)
        if name is not None:
            organization.name = name.strip()
            _audit("ORGANIZATION_RENAMED", organization, actor_id)
        if require_mfa is not None:
            facts = {"before": organization.require_mfa, "after": require_mfa}
            organization.require_mfa = require_mfa
            _audit("ORGANIZATION_MFA_REQUIREMENT_CHANGED", organization, actor_id, **facts)
        organization.save(update_fields=["name", "require_mfa"])
    return organization


def close(*, organization_id: UUID, actor_id: UUID) -> None:
    """Close the organization for good: nobody belongs to it any more, and its data keys are destroyed.

    What was encrypted under them cannot be read again, here or in any backup that does not hold the keys. Jobs end what
    it pays for, at once and without refund (nobody would be left who could), and its licences, with the leases of
    machines that show no more than a key or a token. Raises PermissionDenied for whoever is no owner any more.
    """
    with organization_context(organization_id):
        organization = get_organization(organization_id=organization_id, lock=True)
        if not allows(role=members.role_of(user_id=actor_id), permission=Permission.TRANSFER_OWNERSHIP):
            raise PermissionDenied().within(organization_id)
        organization.status = OrganizationStatus.CLOSED
        organization.save(update_fields=["status"])
        data_keys.destroy(organization_id=organization_id)
        tasks.enqueue("licenses.end_of_organization", organization_id=organization_id)
        _audit("ORGANIZATION_CLOSED", organization, actor_id)
        tasks.enqueue("subscriptions.end_of_closed", organization_id=organization_id)


def _audit(action: str, organization: Organization, actor_id: UUID, **facts: str) -> None:
    audit.record(
        action=action,
        organization_id=organization.id,
        actor_id=actor_id,
        object_type="organization",
        object_id=organization.id,
        **facts,
    )
