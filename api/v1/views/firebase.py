"""/auth/firebase: a Firebase ID token becomes a session of ours."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.client_ip import client_ip
from api.http.rate_limits import Limit, by_ip, limited
from api.http.schema import errors
from api.http.views import ApiViewSet
from api.v1.serializers import auth as shapes
from organizations.services import firebase_sign_in
from users import errors as failures


class FirebaseViewSet(ApiViewSet):
    """Signing in with Firebase."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        summary="Sign in with Firebase",
        description=(
            "Exchanges a Firebase ID token for our tokens. A Firebase user who is new here gets an account and an "
            "organization, or is let into the account of the address that they have verified at Firebase. "
            "Once exchanged, ID tokens of that user are also accepted as Bearer, unless two-factor sign-in is on; then "
            "the answer is 403 `mfa_required`, as at /auth/login."
        ),
        request=shapes.FirebaseSerializer,
        responses={
            200: shapes.SignedInSerializer,
            **errors(
                failures.FirebaseTokenInvalid,
                failures.FirebaseTokenExpired,
                failures.FirebaseSignInEnded,
                failures.FirebaseAccountDisabled,
                failures.FirebaseProviderNotAllowed,
                failures.FirebaseEmailUnverified,
                failures.EmailNotVerified,
                failures.AccountSuspended,
                failures.MfaRequired,
                failures.FirebaseNotConfigured,
                failures.FirebaseUnavailable,
                body=True,
            ),
        },
    )
    @limited(Limit("10/m", by_ip, "IP", guards_credentials=True))
    def create(self, request: Request) -> Response:
        """Start a session."""
        signed_in = firebase_sign_in.sign_in(
            **self.parse(shapes.FirebaseSerializer, request),
            ip_address=client_ip(request),
            user_agent=request.headers.get("User-Agent", ""),
        )
        body = {"access": signed_in.tokens.access, "refresh": signed_in.tokens.refresh, "user": signed_in.user}
        return Response(shapes.SignedInSerializer(body).data)
