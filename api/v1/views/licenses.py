"""/licenses: listing, validating, activating; the seats are in `seats`."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.answer_signatures import signed
from api.http.authentication import signed_in, viewer_id
from api.http.filters import MomentFilter
from api.http.idempotency import idempotent
from api.http.rate_limits import Limit, by_ip, limited
from api.http.schema import ORGANIZATION_HEADER, errors, page_of
from api.http.step_up import Sends, stepped_up_when
from api.http.tenancy import NOT_ADMITTED, belonging
from api.http.views import UUID_PATTERN, ApiViewSet, answer, shaped, uuid_in_path
from api.v1.serializers import license_management as management
from api.v1.serializers import licenses as shapes
from api.v1.views.organizations import DENIED, PAGE
from config.kernel.tenancy import organization_context
from licenses import errors as failures
from licenses import files, lookup, selectors
from licenses.lookup import KeyHolder
from licenses.models import License, LicenseStatus
from licenses.services import activation, file_signing, license_settings, validation
from organizations.roles import Permission

HOLDER_FAILURES = (failures.LicenseKeyMalformed, failures.LicenseNotFound, failures.AuthenticationRequired)
UNUSABLE = (failures.LicenseExpired, failures.LicenseSuspended, failures.LicenseInactive)
MACHINE_FAILURES = (
    failures.HardwareIdInvalid,
    failures.HardwareSignalsInvalid,
    failures.ActivationLimitReached,
    failures.MachineMismatch,
)
LICENSE_ID = OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH)


BOOLEANS = [("true", "true"), ("false", "false")]
"""As choices, so that anything else is refused and not taken for no filter."""


class LicenseFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """What licences can be asked for by."""

    status = filters.ChoiceFilter(choices=License._meta.get_field("status").choices)
    active = filters.ChoiceFilter(choices=BOOLEANS, method="by_active")
    usable = filters.ChoiceFilter(choices=BOOLEANS, method="by_usable")
    tier = filters.CharFilter()
    expires_before = MomentFilter(field_name="expires_at", lookup_expr="lt")
    expires_after = MomentFilter(field_name="expires_at", lookup_expr="gt")

    class Meta:
        model = License
        fields = ["status", "tier", "expires_before", "expires_after"]

    def by_active(self, rows: QuerySet[License], name: str, value: str) -> QuerySet[License]:
        """Return those with status `active`, or those with any other."""
        is_active = Q(status=LicenseStatus.ACTIVE)
        return rows.filter(is_active if value == "true" else ~is_active)

    def by_usable(self, rows: QuerySet[License], name: str, value: str) -> QuerySet[License]:
        """Return those that may be used now, or those that may not."""
        return rows.filter(selectors.usable() if value == "true" else ~selectors.usable())


def holder(request: Request) -> KeyHolder:
    """Return who shows a licence key: the signed-in user, or nobody in particular."""
    return KeyHolder(user_id=viewer_id(request))


def managed(request: Request, license_id: str) -> dict[str, UUID]:
    """Return what each service of owners and admins is told: which licence of which organization, and who manages it.

    Raises as `belonging` does for whoever may not.
    """
    member = belonging(request, Permission.MANAGE_LICENSES)
    return {
        "organization_id": member.organization_id,
        "license_id": uuid_in_path(license_id),
        "actor_id": signed_in(request).id,
    }


class LicenseViewSet(ApiViewSet):
    """The licences of the caller's organization."""

    filterset_class = LicenseFilter
    ordering_fields = ("issued_at", "expires_at")
    lookup_value_regex = UUID_PATTERN

    @extend_schema(
        summary="List the organization's licences",
        parameters=[
            ORGANIZATION_HEADER,
            *PAGE,
            OpenApiParameter("ordering", str, enum=["issued_at", "-issued_at", "expires_at", "-expires_at"]),
            OpenApiParameter("status", str, enum=["active", "suspended", "inactive"]),
            OpenApiParameter("active", bool, description="Whether the status is `active`."),
            OpenApiParameter("usable", bool, description="Whether it may be used now: not expired, or in grace."),
            OpenApiParameter("tier", str),
            OpenApiParameter("expires_before", OpenApiTypes.DATETIME),
            OpenApiParameter("expires_after", OpenApiTypes.DATETIME),
        ],
        responses={
            200: page_of(shapes.LicenseSerializer),
            **errors(*NOT_ADMITTED, body=True, auth=True),
        },
    )
    def list(self, request: Request) -> Response:
        """Return the licences, newest first."""
        member = belonging(request)
        with organization_context(member.organization_id):
            return self.page(
                request,
                selectors.list_licenses(),
                lambda rows: shapes.LicenseSerializer(selectors.describe(rows), many=True).data,
            )

    @extend_schema(
        summary="Show a licence with its live sessions",
        parameters=[ORGANIZATION_HEADER, LICENSE_ID],
        responses={
            200: shapes.LicenseDetailSerializer,
            **errors(failures.LicenseNotFound, *NOT_ADMITTED, auth=True),
        },
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one licence."""
        member = belonging(request)
        with organization_context(member.organization_id):
            detail = _detail(pk)
            sessions = selectors.list_live_sessions(license_id=detail.license.id)
            data: dict[str, Any] = dict(shapes.LicenseSerializer(detail).data)
            data["sessions"] = shapes.HolderSerializer(sessions, many=True).data
        return Response(data)

    @extend_schema(
        summary="Change a licence's settings",
        description=(
            "For owners and admins. Settings decide about whoever comes from now on: no lease and no activation ends "
            "by them."
        ),
        parameters=[ORGANIZATION_HEADER, LICENSE_ID],
        request=management.SettingsSerializer,
        responses={
            200: shapes.LicenseSerializer,
            **errors(failures.LicenseNotFound, *DENIED, body=True, auth=True),
        },
    )
    @stepped_up_when(Sends("access_policy"))
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change them."""
        which = managed(request, pk)
        detail = license_settings.change(**which, settings=self.parse(management.SettingsSerializer, request))
        return Response(shapes.LicenseSerializer(detail).data)

    @extend_schema(
        summary="Download the signed licence file",
        description="Flattened JWS JSON (PS256); verify it offline with /.well-known/jwks.json.",
        parameters=[ORGANIZATION_HEADER, LICENSE_ID],
        responses={
            (200, files.CONTENT_TYPE): OpenApiTypes.OBJECT,
            **errors(failures.LicenseNotFound, *NOT_ADMITTED, auth=True),
        },
    )
    @action(detail=True, methods=["get"])
    def download(self, request: Request, pk: str) -> HttpResponse:
        """Return the file."""
        member = belonging(request)
        with organization_context(member.organization_id):
            content = file_signing.sign(detail=_detail(pk))
        return HttpResponse(
            content,
            content_type=files.CONTENT_TYPE,
            headers={"Content-Disposition": f'attachment; filename="{files.FILENAME}"'},
        )


class LicenseKeyViewSet(ApiViewSet):
    """What can be done with a licence key."""

    permission_classes = [AllowAny]

    @extend_schema(
        summary="Validate a licence key",
        description="Always 200 for a well-formed request: a bad licence is a verdict, not an error.",
        auth=[],
        request=shapes.ValidateSerializer,
        responses={200: shapes.ValidationSerializer, **errors(failures.HardwareIdInvalid, body=True)},
    )
    @action(detail=False, methods=["post"], authentication_classes=[])
    @signed
    @limited(Limit("60/m", by_ip, "IP"))
    def validate(self, request: Request) -> HttpResponse:
        """Return the verdict."""
        body = self.parse(shapes.ValidateSerializer, request)
        verdict = validation.validate(license_key=body["license_key"], hardware_id=body.get("hardware_id"))
        data = {
            "valid": verdict.valid,
            "code": verdict.code,
            "detail": verdict.detail,
            "license": verdict.license or lookup.DECOY,
            "nonce": body.get("nonce"),
            "timestamp": verdict.at,
        }
        told = shaped(shapes.ValidationSerializer, data)
        return answer(told if verdict.license else told | {"license": None})

    @extend_schema(
        summary="Activate a licence on a machine",
        description="201 the first time, 200 for a machine that is activated already.",
        request=shapes.ActivateSerializer,
        responses={
            200: shapes.ActivatedSerializer,
            201: shapes.ActivatedSerializer,
            **errors(
                *HOLDER_FAILURES,
                *UNUSABLE,
                *MACHINE_FAILURES,
                body=True,
                auth=True,
            ),
        },
    )
    @action(detail=False, methods=["post"])
    @signed
    @limited(Limit("60/m", by_ip, "IP"))
    @idempotent
    def activate(self, request: Request) -> Response:
        """Bind the machine."""
        activated = activation.activate(**self.parse(shapes.ActivateSerializer, request), holder=holder(request))
        data = {"license": activated.license, "max_seats": activated.license.max_seats}
        return Response(shapes.ActivatedSerializer(data).data, status=201 if activated.is_new else 200)

    @extend_schema(
        summary="Show how the licence of a key stands",
        parameters=[OpenApiParameter("license_key", str, OpenApiParameter.PATH)],
        responses={200: shapes.FoundLicenseSerializer, **errors(*HOLDER_FAILURES, auth=True)},
    )
    @action(detail=False, methods=["get"], url_path="(?P<license_key>[^/]+)/status")
    @signed
    def status(self, request: Request, license_key: str) -> Response:
        """Return the licence."""
        found = lookup.get_for_holder(license_key=license_key, holder=holder(request))
        return Response(shapes.FoundLicenseSerializer(found).data)


def _detail(pk: str) -> selectors.LicenseDetail:
    """Return the licence in the path, described; raises LicenseNotFound also for what is no id at all."""
    return selectors.describe_one(license_id=uuid_in_path(pk, failures.LicenseNotFound))
