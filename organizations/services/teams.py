"""Teams within an organization."""

from uuid import UUID

from django.db import IntegrityError, transaction

from config.kernel.tenancy import organization_context
from organizations.errors import MemberNotFound, TeamNameTaken, TeamNotFound
from organizations.models import Membership, Team, TeamMembership
from users.services import audit


def create(*, organization_id: UUID, actor_id: UUID, name: str) -> Team:
    """Make a team; raises TeamNameTaken."""
    with organization_context(organization_id):
        team = Team(organization_id=organization_id, name=name.strip())
        _save(team)
        _audit("TEAM_CREATED", team, actor_id)
    return team


def rename(*, organization_id: UUID, actor_id: UUID, team_id: UUID, name: str) -> Team:
    """Give a team another name; raises TeamNotFound, TeamNameTaken."""
    with organization_context(organization_id):
        team = get(team_id=team_id)
        team.name = name.strip()
        _save(team)
        _audit("TEAM_RENAMED", team, actor_id)
    return team


def delete(*, organization_id: UUID, actor_id: UUID, team_id: UUID) -> None:
    """Dissolve a team; its members stay in the organization. Raises TeamNotFound."""
    with organization_context(organization_id):
        team = get(team_id=team_id)
        _audit("TEAM_DELETED", team, actor_id)
        team.delete()


def add_member(*, organization_id: UUID, actor_id: UUID, team_id: UUID, user_id: UUID) -> None:
    """Put a member of the organization into a team; again is fine. Raises TeamNotFound, MemberNotFound."""
    with organization_context(organization_id):
        team = get(team_id=team_id)
        # Locked, so that a member who is leaving is either still here when they are added, or not added.
        if Membership.objects.select_for_update(no_key=True).filter(user_id=user_id).first() is None:
            raise MemberNotFound
        _, created = TeamMembership.objects.get_or_create(organization_id=organization_id, team=team, user_id=user_id)
        if created:
            _audit("TEAM_MEMBER_ADDED", team, actor_id, user_id=str(user_id))


def remove_member(*, organization_id: UUID, actor_id: UUID, team_id: UUID, user_id: UUID) -> None:
    """Take a member out of a team; raises TeamNotFound, MemberNotFound."""
    with organization_context(organization_id):
        team = get(team_id=team_id)
        removed, _ = TeamMembership.objects.filter(team=team, user_id=user_id).delete()
        if not removed:
            raise MemberNotFound
        _audit("TEAM_MEMBER_REMOVED", team, actor_id, user_id=str(user_id))


def get(*, team_id: UUID) -> Team:
    """Return a team of the current organization; raises TeamNotFound."""
    team = Team.objects.filter(id=team_id).first()
    if team is None:
        raise TeamNotFound
    return team


def _save(team: Team) -> None:
    try:
        with transaction.atomic():
            team.save()
    except IntegrityError as error:
        raise TeamNameTaken from error


def _audit(action: str, team: Team, actor_id: UUID, **data: str) -> None:
    audit.record(
        action=action,
        organization_id=team.organization_id,
        actor_id=actor_id,
        object_type="team",
        object_id=team.id,
        **data,
    )
