"""/auth/change-email: another address for an account, confirmed by mail."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.authentication import session, signed_in, viewer_id
from api.http.rate_limits import Limit, by_body, by_ip, by_user, limited
from api.http.schema import errors
from api.http.step_up import stepped_up
from api.http.views import ApiViewSet
from api.v1.serializers import security as shapes
from organizations.services import email_change
from users import errors as failures


class EmailChangeViewSet(ApiViewSet):
    """The wish for another address."""

    permission_classes = [IsAuthenticated]

    @extend_schema(
        summary="Ask for another e-mail address",
        description=(
            "The new address gets a link that confirms it, good for an hour; the old one is told. The same answer "
            "whether or not the new address has an account."
        ),
        request=shapes.ChangeEmailSerializer,
        responses={202: None, **errors(failures.EmailUnchanged, body=True, auth=True)},
    )
    @limited(
        Limit("3/h", by_body("email"), "address", guards_credentials=True),
        Limit("10/h", by_user, "user", guards_credentials=True),
    )
    @stepped_up
    def create(self, request: Request) -> Response:
        """Queue the mails."""
        email_change.ask(user=signed_in(request), **self.parse(shapes.ChangeEmailSerializer, request))
        return Response(status=202)


class ConfirmEmailViewSet(ApiViewSet):
    """Whoever reads mail at the new address."""

    permission_classes = [AllowAny]

    @extend_schema(
        summary="Confirm another e-mail address",
        description=(
            "By the token of the mailed link, which works once. Every session of the user ends but the one that this "
            "request comes from; sign in with the new address from now on."
        ),
        request=shapes.MailedTokenSerializer,
        responses={
            204: None,
            **errors(failures.TokenInvalid, failures.TokenExpired, failures.EmailTaken, body=True, auth=True),
        },
    )
    @limited(Limit("20/h", by_ip, "IP", guards_credentials=True))
    def create(self, request: Request) -> Response:
        """Switch to it."""
        email_change.confirm(
            session_id=session(request).session_id if viewer_id(request) else None,
            **self.parse(shapes.MailedTokenSerializer, request),
        )
        return Response(status=204)
