"""/organizations/…/teams: groups of members."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.authentication import signed_in
from api.http.idempotency import idempotent
from api.http.schema import errors, page_of
from api.http.tenancy import NOT_ADMITTED, member_of
from api.http.views import ApiViewSet, uuid_in_path
from api.v1.serializers import organizations as shapes
from api.v1.views.organizations import DENIED, ORGANIZATION, PAGE
from config.kernel.tenancy import organization_context
from organizations import errors as failures
from organizations import selectors
from organizations.roles import Permission
from organizations.services import teams


class TeamViewSet(ApiViewSet):
    """Teams of an organization."""

    @extend_schema(
        summary="List the teams",
        parameters=[ORGANIZATION, *PAGE],
        responses={200: page_of(shapes.TeamSerializer), **errors(*NOT_ADMITTED, auth=True)},
    )
    def list(self, request: Request, organization: str) -> Response:
        """Return them by name."""
        member = member_of(request, organization)
        with organization_context(member.organization_id):
            return self.page(request, selectors.list_teams(), lambda rows: shapes.TeamSerializer(rows, many=True).data)

    @extend_schema(
        summary="Create a team",
        parameters=[ORGANIZATION],
        request=shapes.NameSerializer,
        responses={201: shapes.TeamSerializer, **errors(*DENIED, failures.TeamNameTaken, body=True, auth=True)},
    )
    @idempotent
    def create(self, request: Request, organization: str) -> Response:
        """Create it."""
        member = member_of(request, organization, Permission.MANAGE_TEAMS)
        made = teams.create(
            organization_id=member.organization_id,
            actor_id=signed_in(request).id,
            **self.parse(shapes.NameSerializer, request),
        )
        return Response(shapes.TeamSerializer(made).data, status=201)

    @extend_schema(
        summary="Rename a team",
        parameters=[ORGANIZATION],
        request=shapes.NameSerializer,
        responses={
            200: shapes.TeamSerializer,
            **errors(*DENIED, failures.TeamNotFound, failures.TeamNameTaken, body=True, auth=True),
        },
    )
    def partial_update(self, request: Request, organization: str, team_id: str) -> Response:
        """Give it another name."""
        member = member_of(request, organization, Permission.MANAGE_TEAMS)
        renamed = teams.rename(
            organization_id=member.organization_id,
            actor_id=signed_in(request).id,
            team_id=uuid_in_path(team_id),
            **self.parse(shapes.NameSerializer, request),
        )
        return Response(shapes.TeamSerializer(renamed).data)

    @extend_schema(
        summary="Dissolve a team",
        parameters=[ORGANIZATION],
        responses={204: None, **errors(*DENIED, failures.TeamNotFound, auth=True)},
    )
    def destroy(self, request: Request, organization: str, team_id: str) -> Response:
        """Delete it; its members stay in the organization."""
        member = member_of(request, organization, Permission.MANAGE_TEAMS)
        teams.delete(
            organization_id=member.organization_id, actor_id=signed_in(request).id, team_id=uuid_in_path(team_id)
        )
        return Response(status=204)


class TeamMemberViewSet(ApiViewSet):
    """Who is in a team."""

    @extend_schema(
        summary="List a team's members",
        parameters=[ORGANIZATION, *PAGE],
        responses={
            200: page_of(shapes.TeamMemberSerializer),
            **errors(*NOT_ADMITTED, failures.TeamNotFound, auth=True),
        },
    )
    def list(self, request: Request, organization: str, team_id: str) -> Response:
        """Return them, oldest first."""
        member = member_of(request, organization)
        with organization_context(member.organization_id):
            team = teams.get(team_id=uuid_in_path(team_id))
            return self.page(
                request,
                selectors.list_team_members(team_id=team.id),
                lambda rows: shapes.TeamMemberSerializer(rows, many=True).data,
            )

    @extend_schema(
        summary="Put a member into a team",
        parameters=[ORGANIZATION],
        request=shapes.UserIdSerializer,
        responses={
            204: None,
            **errors(*DENIED, failures.TeamNotFound, failures.MemberNotFound, body=True, auth=True),
        },
    )
    def create(self, request: Request, organization: str, team_id: str) -> Response:
        """Add them; again is fine."""
        member = member_of(request, organization, Permission.MANAGE_TEAMS)
        teams.add_member(
            organization_id=member.organization_id,
            actor_id=signed_in(request).id,
            team_id=uuid_in_path(team_id),
            **self.parse(shapes.UserIdSerializer, request),
        )
        return Response(status=204)

    @extend_schema(
        summary="Take a member out of a team",
        parameters=[ORGANIZATION],
        responses={204: None, **errors(*DENIED, failures.TeamNotFound, failures.MemberNotFound, auth=True)},
    )
    def destroy(self, request: Request, organization: str, team_id: str, user_id: str) -> Response:
        """Remove them."""
        member = member_of(request, organization, Permission.MANAGE_TEAMS)
        teams.remove_member(
            organization_id=member.organization_id,
            actor_id=signed_in(request).id,
            team_id=uuid_in_path(team_id),
            user_id=uuid_in_path(user_id),
        )
        return Response(status=204)
