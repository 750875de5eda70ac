"""Reads of the organizations app."""

import re
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Count, QuerySet

from organizations.errors import AnotherOrganization, OrganizationNotFound
from organizations.models import Invitation, Membership, Organization, Quota, Role, Team, TeamMembership
from organizations.roles import ASKED_FOR_MFA
from users.models import User

_NAME = re.compile(r"[A-Za-z0-9-]{1,80}")
"""What an id or a slug looks like; other text that callers send is not kept."""


@dataclass(frozen=True)
class Belonging:
    """That a user belongs to an organization, as what, and what it asks of its members.

    `requests_per_minute` of None is no limit; `require_mfa` is of whom it asks two-factor sign-in.
    """

    organization_id: UUID
    name: str
    slug: str
    role: str
    requests_per_minute: int | None
    require_mfa: str

    @property
    def mfa_required(self) -> bool:
        """Whether this member's sign-in has to have two factors."""
        return self.role in ASKED_FOR_MFA[self.require_mfa]


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
    if chosen:
        return chosen[0]
    if reference is None:
        raise OrganizationNotFound
    raise AnotherOrganization().traced(asked_for=reference if _NAME.fullmatch(reference) else "no name of any")


def list_belongings(*, user_id: UUID) -> list[Belonging]:
    """Return every organization a user belongs to, oldest membership first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id, name, slug, role, requests_per_minute, require_mfa FROM memberships_of(%s)",
            [user_id],
        )
        return [Belonging(*row) for row in cursor.fetchall()]


def get_organization(*, organization_id: UUID, lock: bool = False) -> Organization:
    """Return the organization of the current context, its row locked on request; raises OrganizationNotFound."""
    organizations = Organization.objects.filter(id=organization_id)
    if lock:
        organizations = organizations.select_for_update(no_key=True)
    organization = organizations.first()
    if organization is None:
        raise OrganizationNotFound
    return organization


def get_quota(*, name: str) -> Quota:
    """Return one quota of the current organization; raises Quota.DoesNotExist."""
    return Quota.objects.get(name=name)


def list_quotas() -> QuerySet[Quota]:
    """Return the current organization's quotas."""
    return Quota.objects.order_by("name")


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


def list_members() -> QuerySet[Membership]:
    """Return the memberships of the current organization with their users, oldest first."""
    return Membership.objects.select_related("user").order_by("id")


def list_invitations() -> QuerySet[Invitation]:
    """Return the current organization's invitations that are still open, newest first."""
    return Invitation.objects.filter(accepted_at=None, revoked_at=None).order_by("-id")


def list_teams() -> QuerySet[Team]:
    """Return the current organization's teams, each with `members_count`, by name."""
    return Team.objects.annotate(members_count=Count("memberships")).order_by("name")


def list_team_members(*, team_id: UUID) -> QuerySet[TeamMembership]:
    """Return who is in a team, oldest first."""
    return TeamMembership.objects.filter(team_id=team_id).select_related("user").order_by("id")
