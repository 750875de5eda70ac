"""/auth for whoever is signed in: profile, password, and where they are signed in."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.authentication import session, signed_in
from api.http.rate_limits import PROOFS, limited
from api.http.schema import errors, page_of
from api.http.views import UUID_PATTERN, ApiViewSet, uuid_in_path
from api.v1.serializers import auth as shapes
from organizations.errors import OrganizationNotFound
from organizations.selectors import get_belonging, list_belongings
from organizations.services import credentials
from users import errors as failures
from users.selectors import list_sessions
from users.services import accounts, sessions


class MeViewSet(ApiViewSet):
    """The signed-in user."""

    permission_classes = [IsAuthenticated]

    @extend_schema(
        summary="Show the signed-in user",
        operation_id="auth_me",
        responses={200: shapes.MeSerializer, **errors(auth=True)},
    )
    def retrieve(self, request: Request) -> Response:
        """Return the user and the organizations they belong to."""
        user = signed_in(request)
        data = dict(shapes.UserSerializer(user).data)
        data["organizations"] = shapes.BelongingSerializer(list_belongings(user_id=user.id), many=True).data
        return Response(data)

    @extend_schema(
        summary="Change the signed-in user",
        operation_id="auth_me_update",
        request=shapes.ProfileSerializer,
        responses={200: shapes.MeSerializer, **errors(OrganizationNotFound, body=True, auth=True)},
    )
    def partial_update(self, request: Request) -> Response:
        """Change name or default organization."""
        user, body = signed_in(request), self.parse(shapes.ProfileSerializer, request)
        chosen = body.get("default_organization")
        default_id = get_belonging(user=user, reference=chosen).organization_id if chosen is not None else None
        accounts.update_profile(user=user, full_name=body.get("full_name"), default_organization_id=default_id)
        return self.retrieve(request)

    @extend_schema(
        summary="Change the password",
        description="Every other session of the user ends.",
        request=shapes.ChangePasswordSerializer,
        responses={
            204: None,
            **errors(failures.InvalidCredentials, failures.WeakPassword, body=True, auth=True),
        },
    )
    @limited(*PROOFS)
    def change_password(self, request: Request) -> Response:
        """Set the new password."""
        credentials.change_password(signed_in=session(request), **self.parse(shapes.ChangePasswordSerializer, request))
        return Response(status=204)


class AuthSessionViewSet(ApiViewSet):
    """Where the user is signed in."""

    permission_classes = [IsAuthenticated]
    lookup_value_regex = UUID_PATTERN

    @extend_schema(
        summary="List where you are signed in",
        parameters=[OpenApiParameter("page", int), OpenApiParameter("page_size", int)],
        responses={200: page_of(shapes.SessionSerializer), **errors(auth=True)},
    )
    def list(self, request: Request) -> Response:
        """Return the live sessions, newest first."""
        context = {"session_id": session(request).session_id}
        return self.page(
            request,
            list_sessions(user_id=signed_in(request).id),
            lambda rows: shapes.SessionSerializer(rows, many=True, context=context).data,
        )

    @extend_schema(
        summary="Sign out everywhere else",
        operation_id="auth_sessions_destroy_others",
        responses={204: None, **errors(auth=True)},
    )
    def destroy_others(self, request: Request) -> Response:
        """End every session but this one."""
        sessions.revoke_others(signed_in=session(request))
        return Response(status=204)

    @extend_schema(
        summary="Sign out one session",
        parameters=[OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses={204: None, **errors(failures.SignInNotFound, auth=True)},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """End one session of the caller's."""
        if not sessions.revoke(user_id=signed_in(request).id, session_id=uuid_in_path(pk), reason="signed_out"):
            raise failures.SignInNotFound
        return Response(status=204)
