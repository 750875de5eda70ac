"""Reads of the organizations app."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from organizations.errors import OrganizationNotFound
from organizations.models import Membership, Organization, Role
from users.models import User


@dataclass(frozen=True)
class Belonging:
    """That a user belongs to an organization, and as what."""

    organization_id: UUID
    name: str
    slug: str
    role: str


def get_belonging(*, user: User, reference: str | None) -> Belonging:
    """Return the user's membership of the organization named by id or slug, else of their default one.

    Asked before any organization's context can be set, so it goes through `memberships_of`, which looks over the wall
    for one user. Raises OrganizationNotFound, also for an organization the user does not belong to.
    """
    belongings = list_belongings(user_id=user.id)
    if reference is None:
        chosen = [one for one in belongings if one.organization_id == user.default_organization_id] or belongings[:1]
    else:
        chosen = [one for one in belongings if reference in {str(one.organization_id), one.slug}]
    if not chosen:
        raise OrganizationNotFound
    return chosen[0]


def list_belongings(*, user_id: UUID) -> list[Belonging]:
    """Return every organization a user belongs to, oldest membership first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT organization_id, name, slug, role FROM memberships_of(%s)", [user_id])
        return [Belonging(*row) for row in cursor.fetchall()]


def get_organization(*, organization_id: UUID) -> Organization:
    """Return the organization of the current context; raises OrganizationNotFound."""
    organization = Organization.objects.filter(id=organization_id).first()
    if organization is None:
        raise OrganizationNotFound
    return organization


def list_owners(*, organization_id: UUID) -> list[User]:
    """Return the owners of an organization, oldest first; for mails that concern the whole company."""
    memberships = Membership.objects.filter(organization_id=organization_id, role=Role.OWNER).select_related("user")
    return [membership.user for membership in memberships]


def find_for_billing(*, organization_id: str, stripe_customer_id: str) -> Organization | None:
    """Return the organization of this id, or, where that is no id, of this Stripe customer; from the system door."""
    try:
        return Organization.objects.filter(id=UUID(organization_id)).first()
    except ValueError:
        return Organization.objects.filter(stripe_customer_id=stripe_customer_id).first()
