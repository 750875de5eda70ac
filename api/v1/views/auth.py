"""/auth: signing up, verifying, signing in and out."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.client_ip import client_ip
from api.http.idempotency import idempotent
from api.http.rate_limits import Limit, by_body, by_ip, limited, sign_in_limits
from api.http.schema import errors
from api.http.views import ApiViewSet
from api.v1.serializers import auth as shapes
from api.v1.serializers import security
from organizations.services import account_mail, credentials, second_factor, sign_up
from users import errors as failures
from users.services import sessions, sign_in
from users.services.sessions import SignIn

PER_ADDRESS = (
    Limit("3/h", by_body("email"), "address", guards_credentials=True),
    # One caller may not have mails sent to many either.
    Limit("20/m", by_ip, "IP", guards_credentials=True),
)


class AuthViewSet(ApiViewSet):
    """Accounts and sessions; everything but `me` is open to anybody."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        summary="Sign up",
        description="Creates a user, their organization and the mail that verifies the address.",
        request=shapes.RegisterSerializer,
        responses={201: shapes.RegisteredSerializer, **errors(failures.EmailTaken, failures.WeakPassword, body=True)},
        examples=[
            OpenApiExample(
                "A founder signs up",
                {
                    "email": "ada@example.com",
                    "password": "Correct-Horse-1",
                    "full_name": "Ada Lovelace",
                    "company_name": "Analytical Engines",
                },
                request_only=True,
            )
        ],
    )
    @action(detail=False, methods=["post"])
    @limited(Limit("20/h", by_ip, "IP", guards_credentials=True))
    @idempotent
    def register(self, request: Request) -> Response:
        """Create the account."""
        made = sign_up.register(**self.parse(shapes.RegisterSerializer, request))
        body = {
            "user_id": made.user.id,
            "email": made.user.email,
            "organization_id": made.organization.id,
            "verification_sent": True,
        }
        if settings.EXPOSE_VERIFICATION_TOKEN:
            body["verification_token"] = made.verification_token
        return Response(shapes.RegisteredSerializer(body).data, status=201)

    @extend_schema(
        summary="Verify an e-mail address (link)",
        description="What the link in the verification mail opens. Opening it again gives the same answer.",
        responses={200: shapes.VerifiedSerializer, **errors(failures.TokenInvalid, failures.TokenExpired)},
        operation_id="auth_verify_email_link",
        parameters=[OpenApiParameter("token", str, OpenApiParameter.PATH)],
    )
    @action(
        detail=False,
        methods=["get"],
        url_path="verify-email/(?P<token>[^/]+)",
        renderer_classes=[JSONRenderer, TemplateHTMLRenderer],
    )
    def verify_email_link(self, request: Request, token: str) -> Response:
        """Verify by the token in the path."""
        return _verified(token)

    @extend_schema(
        summary="Verify an e-mail address (query)",
        parameters=[OpenApiParameter("token", str, required=True)],
        responses={200: shapes.VerifiedSerializer, **errors(failures.TokenInvalid, failures.TokenExpired)},
        operation_id="auth_verify_email",
    )
    @action(detail=False, methods=["get"], url_path="verify-email")
    def verify_email(self, request: Request) -> Response:
        """Verify by the token in the query."""
        return _verified(request.query_params.get("token", ""))

    @extend_schema(
        summary="Send the verification mail again",
        description="The same answer whether or not the address has an account that waits for one.",
        request=shapes.EmailSerializer,
        responses={202: None, **errors(body=True)},
    )
    @action(detail=False, methods=["post"], url_path="resend-verification")
    @limited(*PER_ADDRESS)
    def resend_verification(self, request: Request) -> Response:
        """Queue another verification mail."""
        account_mail.request_verification(**self.parse(shapes.EmailSerializer, request))
        return Response(status=202)

    @extend_schema(
        summary="Sign in",
        description=(
            "With two-factor sign-in on, the answer to the right password is 403 `mfa_required` with the members "
            "`mfa_token` and `expires_in` (seconds): finish at /auth/login/mfa."
        ),
        request=shapes.LoginSerializer,
        responses={
            200: shapes.SignedInSerializer,
            **errors(
                failures.InvalidCredentials,
                failures.EmailNotVerified,
                failures.AccountSuspended,
                failures.MfaRequired,
                body=True,
            ),
        },
    )
    @action(detail=False, methods=["post"])
    @limited(*sign_in_limits(by_body("email")))
    def login(self, request: Request) -> Response:
        """Start a session."""
        return _signed_in(sign_in.login(**self.parse(shapes.LoginSerializer, request), **_caller(request)))

    @extend_schema(
        summary="Sign in: the second factor",
        description=(
            "With `code` or `recovery_code`. An `mfa_token` is good for 5 minutes, 5 attempts and one success. "
            "5 wrong codes in a row at an account make the next one wait, from 30 s up to an hour; recovery codes do "
            "not wait."
        ),
        request=security.LoginMfaSerializer,
        responses={
            200: shapes.SignedInSerializer,
            **errors(
                failures.MfaTokenInvalid,
                failures.MfaCodeInvalid,
                failures.RecoveryCodeInvalid,
                failures.MfaAttemptsExceeded,
                body=True,
            ),
        },
        operation_id="auth_login_mfa",
    )
    @action(detail=False, methods=["post"], url_path="login/mfa")
    @limited(Limit("20/m", by_ip, "IP", guards_credentials=True))
    def login_mfa(self, request: Request) -> Response:
        """Start the session that a password alone did not."""
        return _signed_in(
            second_factor.finish_sign_in(**self.parse(security.LoginMfaSerializer, request), **_caller(request))
        )

    @extend_schema(
        summary="Refresh the tokens",
        description="Each refresh token works once. Using a rotated one again ends the session for everybody.",
        request=shapes.RefreshSerializer,
        responses={
            200: shapes.TokenPairSerializer,
            **errors(failures.NotAuthenticated, failures.SessionRevoked, body=True),
        },
    )
    @action(detail=False, methods=["post"], url_path="token/refresh")
    @limited(Limit("60/m", by_ip, "IP"))
    def refresh(self, request: Request) -> Response:
        """Rotate the pair."""
        pair = sessions.refresh(refresh_token=self.parse(shapes.RefreshSerializer, request)["refresh"])
        return Response(shapes.TokenPairSerializer({"access": pair.access, "refresh": pair.refresh}).data)

    @extend_schema(
        summary="Sign out",
        request=shapes.RefreshSerializer,
        responses={204: None, **errors(failures.NotAuthenticated, body=True)},
    )
    @action(detail=False, methods=["post"])
    def logout(self, request: Request) -> Response:
        """End the session."""
        sessions.logout(refresh_token=self.parse(shapes.RefreshSerializer, request)["refresh"])
        return Response(status=204)

    @extend_schema(
        summary="Ask for a link to set a new password",
        description="The same answer, in the same time, whether or not the address has an account.",
        request=shapes.EmailSerializer,
        responses={202: None, **errors(body=True)},
    )
    @action(detail=False, methods=["post"], url_path="forgot-password")
    @limited(*PER_ADDRESS)
    def forgot_password(self, request: Request) -> Response:
        """Queue the mail."""
        account_mail.request_password_reset(**self.parse(shapes.EmailSerializer, request))
        return Response(status=202)

    @extend_schema(
        summary="Set a new password by a mailed link",
        description="The link works once, for an hour. Every session of the user ends.",
        request=shapes.ResetPasswordSerializer,
        responses={
            204: None,
            **errors(failures.TokenInvalid, failures.TokenExpired, failures.WeakPassword, body=True),
        },
    )
    @action(detail=False, methods=["post"], url_path="reset-password")
    @limited(Limit("20/h", by_ip, "IP", guards_credentials=True))
    def reset_password(self, request: Request) -> Response:
        """Set the password."""
        credentials.reset_password(**self.parse(shapes.ResetPasswordSerializer, request))
        return Response(status=204)


def _caller(request: Request) -> dict[str, Any]:
    """Return from where somebody signs in, as their list of sessions will show it."""
    return {"ip_address": client_ip(request), "user_agent": request.headers.get("User-Agent", "")}


def _signed_in(done: SignIn) -> Response:
    body = {"access": done.tokens.access, "refresh": done.tokens.refresh, "user": done.user}
    return Response(shapes.SignedInSerializer(body).data)


def _verified(token: str) -> Response:
    sign_up.verify_email(token=token)
    return Response({"email_verified": True}, template_name="api/email_verified.html")
