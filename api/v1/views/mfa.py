"""/auth/mfa and /auth/step-up: two-factor sign-in, and proving oneself anew."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.authentication import session, session_id, signed_in
from api.http.rate_limits import PROOFS, Limit, by_user, limited
from api.http.schema import errors
from api.http.step_up import stepped_up
from api.http.views import ApiViewSet
from api.v1.serializers import security as shapes
from organizations.services import second_factor
from users import errors as failures
from users import selectors
from users.services import second_factor as factors


class MfaViewSet(ApiViewSet):
    """The caller's second factor."""

    permission_classes = [IsAuthenticated]

    @extend_schema(
        summary="Show your two-factor sign-in",
        operation_id="auth_mfa",
        responses={200: shapes.MfaStateSerializer, **errors(auth=True)},
    )
    def retrieve(self, request: Request) -> Response:
        """Return whether it is on, and how this session was proven."""
        user, current = signed_in(request), session(request)
        authenticator = selectors.find_authenticator(user_id=user.id)
        state = {
            "enabled": authenticator is not None,
            "enabled_at": authenticator and authenticator.confirmed_at,
            "recovery_codes_left": selectors.count_recovery_codes(user_id=user.id) if authenticator else 0,
            "session_amr": current.amr,
            "session_fresh": current.fresh,
        }
        return Response(shapes.MfaStateSerializer(state).data)

    @extend_schema(
        summary="Begin two-factor sign-in",
        description="Shows the secret once. Nothing changes before its first code is confirmed; again means anew.",
        request=None,
        responses={201: shapes.EnrollmentSerializer, **errors(failures.MfaAlreadyEnabled, auth=True)},
    )
    @limited(Limit("10/m", by_user, "user"))
    @stepped_up
    def create(self, request: Request) -> Response:
        """Make the secret."""
        begun = factors.begin(user=signed_in(request))
        return Response(shapes.EnrollmentSerializer(begun).data, status=201)

    @extend_schema(
        summary="Switch two-factor sign-in on",
        description="By the app's first code. Ten recovery codes are shown once; every other session of yours ends.",
        request=shapes.CodeSerializer,
        responses={
            200: shapes.RecoveryCodesSerializer,
            **errors(failures.MfaCodeInvalid, failures.MfaNotEnabled, failures.MfaAlreadyEnabled, body=True, auth=True),
        },
    )
    @limited(*PROOFS)
    def confirm(self, request: Request) -> Response:
        """Confirm the app."""
        codes = second_factor.confirm(
            user=signed_in(request), session_id=session_id(request), **self.parse(shapes.CodeSerializer, request)
        )
        return Response({"recovery_codes": codes})

    @extend_schema(
        summary="Get new recovery codes",
        description="The older ones are void.",
        request=None,
        responses={201: shapes.RecoveryCodesSerializer, **errors(failures.MfaNotEnabled, auth=True)},
    )
    @limited(Limit("10/m", by_user, "user"))
    @stepped_up
    def renew_recovery_codes(self, request: Request) -> Response:
        """Make a new set."""
        codes = factors.renew_recovery_codes(user=signed_in(request))
        return Response({"recovery_codes": codes}, status=201)

    @extend_schema(
        summary="Switch two-factor sign-in off",
        description="The recovery codes are void, and every other session of yours ends.",
        responses={204: None, **errors(failures.MfaNotEnabled, auth=True)},
    )
    @limited(Limit("10/m", by_user, "user"))
    @stepped_up
    def destroy(self, request: Request) -> Response:
        """Forget the app."""
        second_factor.disable(user=signed_in(request), session_id=session_id(request))
        return Response(status=204)


class StepUpViewSet(ApiViewSet):
    """A recent proof of identity."""

    permission_classes = [IsAuthenticated]

    @extend_schema(
        summary="Prove again that it is you",
        description=(
            "With your password; with two-factor sign-in on, by `code` or `recovery_code`. For ten minutes, what "
            "answers `step_up_required` is open to this session."
        ),
        request=shapes.StepUpSerializer,
        responses={
            204: None,
            **errors(
                failures.InvalidCredentials,
                failures.MfaRequired,
                failures.MfaCodeInvalid,
                failures.RecoveryCodeInvalid,
                failures.MfaNotEnabled,
                failures.MfaAttemptsExceeded,
                body=True,
                auth=True,
            ),
        },
    )
    @limited(*PROOFS)
    def create(self, request: Request) -> Response:
        """Renew the session's proof."""
        second_factor.prove_again(
            user=signed_in(request), session_id=session_id(request), **self.parse(shapes.StepUpSerializer, request)
        )
        return Response(status=204)
