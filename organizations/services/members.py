"""Who belongs to an organization: changing roles, removing, leaving, handing over."""

from uuid import UUID

from config.kernel.tenancy import organization_context
from organizations.errors import AlreadyMember, LastOwner, MemberNotFound, PermissionDenied
from organizations.models import Membership, Organization, QuotaName, Role, TeamMembership
from organizations.roles import may_grant
from organizations.services import quotas
from users.models import User
from users.services import audit


def add(*, organization_id: UUID, user: User, role: str, actor_id: UUID | None) -> Membership:
    """Make a user a member, in the organization's context; raises AlreadyMember, QuotaExceeded."""
    membership, created = Membership.objects.get_or_create(
        organization_id=organization_id, user=user, defaults={"role": role}
    )
    if not created:
        raise AlreadyMember
    quotas.take(name=QuotaName.MEMBERS)
    _audit("MEMBER_ADDED", membership, actor_id, role=role)
    return membership


def change_role(*, organization_id: UUID, actor_id: UUID, user_id: UUID, role: str) -> Membership:
    """Give a member another role. Raises MemberNotFound, PermissionDenied, LastOwner."""
    with organization_context(organization_id):
        membership = _lock(organization_id, user_id)
        actor_role = role_of(user_id=actor_id)
        if not may_grant(role=actor_role, granted=membership.role) or not may_grant(role=actor_role, granted=role):
            raise PermissionDenied
        if role != Role.OWNER:
            _keep_an_owner(membership)
        before, membership.role = membership.role, role
        membership.save(update_fields=["role"])
        _audit("MEMBER_ROLE_CHANGED", membership, actor_id, before=before, after=role)
    return membership


def remove(*, organization_id: UUID, actor_id: UUID, user_id: UUID) -> None:
    """Take a member out of the organization and its teams; members may take themselves out.

    Raises MemberNotFound, PermissionDenied, LastOwner.
    """
    with organization_context(organization_id):
        membership = _lock(organization_id, user_id)
        if user_id != actor_id and not may_grant(role=role_of(user_id=actor_id), granted=membership.role):
            raise PermissionDenied
        _keep_an_owner(membership)
        TeamMembership.objects.filter(user_id=user_id).delete()
        _audit("MEMBER_REMOVED", membership, actor_id, role=membership.role)
        membership.delete()
        quotas.count(name=QuotaName.MEMBERS, amount=-1)


def transfer_ownership(*, organization_id: UUID, owner_id: UUID, to_user_id: UUID) -> None:
    """Make another member an owner, and the owner who asks an admin. Raises MemberNotFound, PermissionDenied."""
    with organization_context(organization_id):
        heir = _lock(organization_id, to_user_id)
        owner = Membership.objects.filter(user_id=owner_id, role=Role.OWNER).first()
        if owner is None:
            raise PermissionDenied
        if heir.id == owner.id:
            return
        heir.role, owner.role = Role.OWNER, Role.ADMIN
        heir.save(update_fields=["role"])
        owner.save(update_fields=["role"])
        _audit("OWNERSHIP_TRANSFERRED", heir, owner_id)


def role_of(*, user_id: UUID) -> str:
    """Return the role of a user in the current organization, empty for whoever is no member.

    Asked behind the organization's lock, it is the one that counts: who acts may have lost theirs since they were let
    in, to somebody who acted at the same moment.
    """
    return Membership.objects.filter(user_id=user_id).values_list("role", flat=True).first() or ""


def _lock(organization_id: UUID, user_id: UUID) -> Membership:
    """Return a membership; the organization's row lock makes any two such changes wait for each other."""
    Organization.objects.select_for_update(no_key=True).get(id=organization_id)
    membership = Membership.objects.filter(user_id=user_id).first()
    if membership is None:
        raise MemberNotFound
    return membership


def _keep_an_owner(leaving: Membership) -> None:
    others = Membership.objects.filter(role=Role.OWNER).exclude(id=leaving.id)
    if leaving.role == Role.OWNER and not others.exists():
        raise LastOwner


def _audit(action: str, membership: Membership, actor_id: UUID | None, **data: str) -> None:
    audit.record(
        action=action,
        organization_id=membership.organization_id,
        actor_id=actor_id,
        object_type="user",
        object_id=membership.user_id,
        **data,
    )
