"""/organizations: an organization's own data, its members and who may do what."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.authentication import session, signed_in
from api.http.idempotency import idempotent
from api.http.rate_limits import requests_this_minute
from api.http.schema import errors, page_of
from api.http.step_up import Sends, stepped_up, stepped_up_when
from api.http.tenancy import NOT_ADMITTED, member_of
from api.http.views import ApiViewSet, uuid_in_path
from api.v1.serializers import organizations as shapes
from api.v1.serializers.auth import BelongingSerializer
from config.kernel.tenancy import organization_context
from organizations import errors as failures
from organizations import selectors
from organizations.models import MfaRequirement, Role
from organizations.roles import Permission
from organizations.services import members, profile, second_factor

ORGANIZATION = OpenApiParameter("organization", str, OpenApiParameter.PATH, description="Id or slug.")
PAGE = [OpenApiParameter("page", int), OpenApiParameter("page_size", int)]
DENIED = (*NOT_ADMITTED, failures.PermissionDenied)


class OrganizationViewSet(ApiViewSet):
    """Organizations the caller belongs to."""

    @extend_schema(
        summary="List your organizations",
        parameters=PAGE,
        responses={200: page_of(BelongingSerializer), **errors(auth=True)},
    )
    def list(self, request: Request) -> Response:
        """Return every organization of the caller, with their role in it."""
        belongings = selectors.list_belongings(user_id=signed_in(request).id)
        return self.page(request, belongings, lambda rows: BelongingSerializer(rows, many=True).data)

    @extend_schema(
        summary="Create another organization",
        description="You become its owner.",
        request=shapes.NameSerializer,
        responses={201: shapes.OrganizationSerializer, **errors(body=True, auth=True)},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Create it."""
        made = profile.create(owner=signed_in(request), **self.parse(shapes.NameSerializer, request))
        return Response(shapes.OrganizationSerializer(made).data, status=201)

    @extend_schema(
        summary="Show an organization",
        parameters=[ORGANIZATION],
        responses={200: shapes.OrganizationSerializer, **errors(*NOT_ADMITTED, auth=True)},
    )
    def retrieve(self, request: Request, organization: str) -> Response:
        """Return it."""
        member = member_of(request, organization)
        with organization_context(member.organization_id):
            found = selectors.get_organization(organization_id=member.organization_id)
        return Response(shapes.OrganizationSerializer(found).data)

    @extend_schema(
        summary="Change an organization",
        description=(
            "Its name; and, for owners who have two-factor sign-in themselves, of whom it is asked. Whom it concerns "
            "is then answered `mfa_enrollment_required` or `mfa_required` on the organization's routes until they "
            "have signed in with a second factor; seats in use are kept."
        ),
        parameters=[ORGANIZATION],
        request=shapes.OrganizationChangesSerializer,
        responses={200: shapes.OrganizationSerializer, **errors(*DENIED, body=True, auth=True)},
    )
    @stepped_up_when(Sends("require_mfa"))
    def partial_update(self, request: Request, organization: str) -> Response:
        """Give it another name, or another rule."""
        body, user = self.parse(shapes.OrganizationChangesSerializer, request), signed_in(request)
        rule = body.get("require_mfa")
        permission = Permission.MANAGE_ORGANIZATION if rule is None else Permission.MANAGE_SECURITY
        member = member_of(request, organization, permission)
        if rule not in (None, MfaRequirement.NOBODY) and not session(request).second_factor:
            second_factor.refuse_without(user=user)
        changed = profile.change(organization_id=member.organization_id, actor_id=user.id, **body)
        return Response(shapes.OrganizationSerializer(changed).data)

    @extend_schema(
        summary="Show what an organization uses of its quotas",
        description="`limit` of null is no limit; `used` of requests per minute is of the minute that is running.",
        parameters=[ORGANIZATION],
        responses={200: shapes.UsageSerializer, **errors(*NOT_ADMITTED, auth=True)},
    )
    def usage(self, request: Request, organization: str) -> Response:
        """Return each quota with its limit and what is used of it."""
        member = member_of(request, organization)
        with organization_context(member.organization_id):
            quotas = list(selectors.list_quotas())
        return Response(shapes.UsageSerializer.shape(quotas, requests=requests_this_minute(request, member)))

    @extend_schema(
        summary="Close an organization for good",
        description="Owners only. Its data keys are destroyed: nothing encrypted under them can be read again.",
        parameters=[ORGANIZATION],
        responses={204: None, **errors(*DENIED, auth=True)},
    )
    @stepped_up
    def destroy(self, request: Request, organization: str) -> Response:
        """Close it."""
        member = member_of(request, organization, Permission.TRANSFER_OWNERSHIP)
        profile.close(organization_id=member.organization_id, actor_id=signed_in(request).id)
        return Response(status=204)

    @extend_schema(
        summary="Hand an organization over",
        description="The named member becomes an owner, and you an admin.",
        parameters=[ORGANIZATION],
        request=shapes.UserIdSerializer,
        responses={204: None, **errors(*DENIED, failures.MemberNotFound, body=True, auth=True)},
    )
    @stepped_up
    def transfer_ownership(self, request: Request, organization: str) -> Response:
        """Transfer ownership."""
        member = member_of(request, organization, Permission.TRANSFER_OWNERSHIP)
        members.transfer_ownership(
            organization_id=member.organization_id,
            owner_id=signed_in(request).id,
            to_user_id=self.parse(shapes.UserIdSerializer, request)["user_id"],
        )
        return Response(status=204)


class MemberViewSet(ApiViewSet):
    """Members of an organization."""

    @extend_schema(
        summary="List the members",
        parameters=[ORGANIZATION, *PAGE],
        responses={200: page_of(shapes.MemberSerializer), **errors(*NOT_ADMITTED, auth=True)},
    )
    def list(self, request: Request, organization: str) -> Response:
        """Return the members, oldest first."""
        member = member_of(request, organization)
        with organization_context(member.organization_id):
            return self.page(
                request, selectors.list_members(), lambda rows: shapes.MemberSerializer(rows, many=True).data
            )

    @extend_schema(
        summary="Change a member's role",
        parameters=[ORGANIZATION],
        request=shapes.RoleSerializer,
        responses={
            200: shapes.RoleSerializer,
            **errors(*DENIED, failures.MemberNotFound, failures.LastOwner, body=True, auth=True),
        },
    )
    @stepped_up_when(Sends("role", Role.OWNER))
    def partial_update(self, request: Request, organization: str, user_id: str) -> Response:
        """Give them another role."""
        member = member_of(request, organization, Permission.MANAGE_MEMBERS)
        changed = members.change_role(
            organization_id=member.organization_id,
            actor_id=signed_in(request).id,
            user_id=uuid_in_path(user_id),
            **self.parse(shapes.RoleSerializer, request),
        )
        return Response({"role": changed.role})

    @extend_schema(
        summary="Remove a member, or leave",
        description="Anybody may remove themselves; the last owner may not go.",
        parameters=[ORGANIZATION],
        responses={204: None, **errors(*DENIED, failures.MemberNotFound, failures.LastOwner, auth=True)},
    )
    def destroy(self, request: Request, organization: str, user_id: str) -> Response:
        """Take them out."""
        user = signed_in(request)
        leaving = uuid_in_path(user_id)
        permission = Permission.READ if leaving == user.id else Permission.MANAGE_MEMBERS
        member = member_of(request, organization, permission)
        members.remove(organization_id=member.organization_id, actor_id=user.id, user_id=leaving)
        return Response(status=204)
