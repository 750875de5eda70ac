"""Invitations into an organization, and the invited person's side."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.authentication import signed_in, viewer_id
from api.http.idempotency import idempotent
from api.http.rate_limits import Limit, by_user, by_user_and_body, limited
from api.http.schema import errors, page_of
from api.http.step_up import Sends, stepped_up_when
from api.http.tenancy import member_of
from api.http.views import ApiViewSet, uuid_in_path
from api.v1.serializers import organizations as shapes
from api.v1.views.organizations import DENIED, ORGANIZATION, PAGE
from config.kernel.tenancy import organization_context
from organizations import errors as failures
from organizations import selectors
from organizations.models import Role
from organizations.roles import Permission
from organizations.services import invitations
from users import errors as user_failures


class InvitationViewSet(ApiViewSet):
    """Open invitations of an organization."""

    @extend_schema(
        summary="List the open invitations",
        parameters=[ORGANIZATION, *PAGE],
        responses={200: page_of(shapes.InvitationSerializer), **errors(*DENIED, auth=True)},
    )
    def list(self, request: Request, organization: str) -> Response:
        """Return them, newest first."""
        member = member_of(request, organization, Permission.MANAGE_MEMBERS)
        with organization_context(member.organization_id):
            return self.page(
                request, selectors.list_invitations(), lambda rows: shapes.InvitationSerializer(rows, many=True).data
            )

    @extend_schema(
        summary="Invite somebody",
        description="By mail, for 7 days. Inviting an address again replaces its open invitation.",
        parameters=[ORGANIZATION],
        request=shapes.InviteSerializer,
        responses={
            201: shapes.InvitationSerializer,
            **errors(*DENIED, failures.AlreadyMember, failures.QuotaExceeded, body=True, auth=True),
        },
    )
    @limited(
        # Whom we write to may never have heard of us: each invitation is a mail, in words of the inviter's.
        Limit("5/h", by_user_and_body("email"), "user and address"),
        Limit("100/h", by_user, "user"),
    )
    @stepped_up_when(Sends("role", Role.OWNER))
    @idempotent
    def create(self, request: Request, organization: str) -> Response:
        """Send the invitation."""
        member = member_of(request, organization, Permission.MANAGE_MEMBERS)
        sent = invitations.invite(
            organization_id=member.organization_id,
            inviter=signed_in(request),
            **self.parse(shapes.InviteSerializer, request),
        )
        return Response(shapes.InvitationSerializer(sent).data, status=201)

    @extend_schema(
        summary="Withdraw an invitation",
        parameters=[ORGANIZATION],
        responses={204: None, **errors(*DENIED, failures.InvitationNotFound, auth=True)},
    )
    def destroy(self, request: Request, organization: str, invitation_id: str) -> Response:
        """Revoke it."""
        member = member_of(request, organization, Permission.MANAGE_MEMBERS)
        invitations.revoke(
            organization_id=member.organization_id,
            actor_id=signed_in(request).id,
            invitation_id=uuid_in_path(invitation_id),
        )
        return Response(status=204)


class AcceptInvitationViewSet(ApiViewSet):
    """The invited person's side."""

    permission_classes = [AllowAny]

    @extend_schema(
        summary="Accept an invitation",
        description="Signed in: join with this account. Without: send name and password, and the account is made.",
        request=shapes.AcceptSerializer,
        responses={
            200: shapes.AcceptedSerializer,
            **errors(
                failures.InvitationNotFound,
                failures.InvitationExpired,
                failures.InvitationForSomebodyElse,
                failures.AlreadyMember,
                failures.QuotaExceeded,
                user_failures.EmailTaken,
                user_failures.WeakPassword,
                user_failures.NotAuthenticated,
                body=True,
                auth=True,
            ),
        },
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Join the organization."""
        body = self.parse(shapes.AcceptSerializer, request)
        if viewer_id(request) is not None:
            joined = invitations.accept(token=body["token"], user=signed_in(request))
        elif "full_name" in body and "password" in body:
            joined = invitations.accept_as_new_user(**body)
        else:
            raise user_failures.NotAuthenticated("Sign in, or send full_name and password to make an account.")
        return Response(shapes.AcceptedSerializer(joined).data)
