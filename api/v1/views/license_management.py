"""/licenses/…: what its owners and admins do with a licence."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.fields import DateTimeField
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.idempotency import idempotent
from api.http.schema import ORGANIZATION_HEADER, errors, page_of
from api.http.step_up import stepped_up
from api.http.tenancy import belonging
from api.http.views import UUID_PATTERN, ApiViewSet, uuid_in_path
from api.v1.serializers import license_management as shapes
from api.v1.serializers.licenses import LicenseSerializer
from api.v1.views.licenses import LICENSE_ID, managed
from api.v1.views.organizations import DENIED, PAGE
from config.kernel.tenancy import organization_context
from licenses import errors as failures
from licenses import selectors
from licenses.services import activation, holding, key_rotation


class LicenseManagementViewSet(ApiViewSet):
    """Verbs of owners and admins."""

    lookup_value_regex = UUID_PATTERN

    @extend_schema(
        summary="Suspend a licence",
        description=(
            "No seat is given and no lease renewed from now on, whatever is paid, until it is reinstated. Leases that "
            "run are not ended. Again changes nothing: the first reason stays."
        ),
        parameters=[ORGANIZATION_HEADER, LICENSE_ID],
        request=shapes.SuspendSerializer,
        responses={
            200: LicenseSerializer,
            **errors(*DENIED, failures.LicenseNotFound, failures.LicenseInactive, body=True, auth=True),
        },
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def suspend(self, request: Request, pk: str) -> Response:
        """Suspend it."""
        which = managed(request, pk)
        detail = holding.suspend(**which, note=self.parse(shapes.SuspendSerializer, request)["reason"])
        return Response(LicenseSerializer(detail).data)

    @extend_schema(
        summary="Reinstate a licence",
        description=(
            "Lifts what an owner or admin suspended; the licence is then what its subscription asks for, which may be "
            "suspended by billing. Again changes nothing."
        ),
        parameters=[ORGANIZATION_HEADER, LICENSE_ID],
        request=None,
        responses={
            200: LicenseSerializer,
            **errors(
                *DENIED, failures.LicenseNotFound, failures.LicenseInactive, failures.SuspendedByBilling, auth=True
            ),
        },
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def reinstate(self, request: Request, pk: str) -> Response:
        """Let it be used again."""
        return Response(LicenseSerializer(holding.reinstate(**managed(request, pk))).data)

    @extend_schema(
        summary="Replace a licence's key",
        description=(
            "Makes a new key. The key before it works for `overlap_hours` more; so do older ones that still work, but "
            "none for longer than it had, nor for longer than this overlap. Send an Idempotency-Key: a repetition "
            "without one replaces the key again."
        ),
        parameters=[ORGANIZATION_HEADER, LICENSE_ID],
        request=shapes.RotateKeySerializer,
        responses={
            200: shapes.RotatedSerializer,
            **errors(*DENIED, failures.LicenseNotFound, failures.LicenseInactive, body=True, auth=True),
        },
    )
    @action(detail=True, methods=["post"], url_path="rotate-key")
    @stepped_up
    @idempotent
    def rotate_key(self, request: Request, pk: str) -> Response:
        """Replace it."""
        which = managed(request, pk)
        hours = self.parse(shapes.RotateKeySerializer, request)["overlap_hours"]
        detail, until = key_rotation.rotate(**which, overlap_hours=hours)
        data: dict[str, Any] = dict(LicenseSerializer(detail).data)
        data["old_key_valid_until"] = DateTimeField().to_representation(until)
        return Response(data)


class ActivationViewSet(ApiViewSet):
    """The machines that a licence is bound to."""

    @extend_schema(
        summary="List the machines that a licence is activated on",
        parameters=[ORGANIZATION_HEADER, *PAGE],
        responses={
            200: page_of(shapes.ActivationSerializer),
            **errors(*DENIED, failures.LicenseNotFound, auth=True),
        },
    )
    def list(self, request: Request, license_id: str) -> Response:
        """Return them, oldest first."""
        member, wanted = belonging(request), uuid_in_path(license_id)
        with organization_context(member.organization_id):
            selectors.get_license(license_id=wanted)
            return self.page(
                request,
                selectors.list_activations(license_id=wanted),
                lambda rows: shapes.ActivationSerializer(rows, many=True).data,
            )

    @extend_schema(
        summary="Show a machine that a licence is activated on",
        parameters=[ORGANIZATION_HEADER],
        responses={
            200: shapes.ActivationSerializer,
            **errors(*DENIED, failures.ActivationNotFound, auth=True),
        },
    )
    def retrieve(self, request: Request, license_id: str, activation_id: str) -> Response:
        """Return it."""
        member = belonging(request)
        with organization_context(member.organization_id):
            found = selectors.get_activation(
                license_id=uuid_in_path(license_id), activation_id=uuid_in_path(activation_id)
            )
            return Response(shapes.ActivationSerializer(found).data)

    @extend_schema(
        summary="Deactivate a machine",
        description="The lease that it holds ends, and its seat is free at once. For owners and admins.",
        parameters=[ORGANIZATION_HEADER],
        responses={
            204: None,
            **errors(*DENIED, failures.LicenseNotFound, failures.ActivationNotFound, auth=True),
        },
    )
    def destroy(self, request: Request, license_id: str, activation_id: str) -> Response:
        """Unbind it."""
        activation.remove(**managed(request, license_id), activation_id=uuid_in_path(activation_id))
        return Response(status=204)
