"""/audit: what was done in the organization, by whom, for its owners and admins."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.authentication import signed_in
from api.http.filters import MomentFilter
from api.http.json_lines import CONTENT_TYPE, AnyAccept, json_lines
from api.http.pagination import CursorPages
from api.http.rate_limits import Limit, by_user, limited
from api.http.schema import ORGANIZATION_HEADER, errors, page_of
from api.http.tenancy import belonging
from api.http.views import ApiViewSet
from api.v1.serializers.audit import AuditEntrySerializer
from config.kernel.tenancy import organization_context
from organizations.errors import OrganizationNotFound, PermissionDenied
from organizations.roles import Permission
from users import selectors
from users.models import AuditEntry
from users.services import audit

FILENAME = "coditect-audit.jsonl"
FILTERS = [
    OpenApiParameter("action", str, description="For example LICENSE_ACQUIRED."),
    OpenApiParameter("actor_id", OpenApiTypes.UUID, description="Who did it."),
    OpenApiParameter("object_type", str),
    OpenApiParameter("object_id", OpenApiTypes.UUID),
    OpenApiParameter("request_id", str, description="What the answer's X-Request-ID said."),
    OpenApiParameter("occurred_after", OpenApiTypes.DATETIME),
    OpenApiParameter("occurred_before", OpenApiTypes.DATETIME),
]
REFUSALS = errors(OrganizationNotFound, PermissionDenied, body=True, auth=True)


class AuditFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """What entries can be asked for by."""

    action = filters.CharFilter(max_length=64)
    actor_id = filters.UUIDFilter()
    object_type = filters.CharFilter(max_length=64)
    object_id = filters.UUIDFilter()
    request_id = filters.CharFilter(max_length=64)
    occurred_after = MomentFilter(field_name="occurred_at", lookup_expr="gt")
    occurred_before = MomentFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = AuditEntry
        fields = ["action", "actor_id", "object_type", "object_id", "request_id"]


class AuditViewSet(ApiViewSet):
    """The audit log of the caller's organization."""

    filterset_class = AuditFilter

    @extend_schema(
        summary="List the organization's audit log",
        description="Newest first, by cursor: follow `next`. For owners and admins.",
        parameters=[
            ORGANIZATION_HEADER,
            OpenApiParameter("cursor", str, description="From `next` or `previous`."),
            OpenApiParameter("page_size", int),
            *FILTERS,
        ],
        responses={200: page_of(AuditEntrySerializer, cursors=True), **REFUSALS},
    )
    def list(self, request: Request) -> Response:
        """Return a page of it."""
        member = belonging(request, Permission.READ_AUDIT)
        with organization_context(member.organization_id):
            return self.page(
                request,
                selectors.list_audit_entries(),
                lambda rows: AuditEntrySerializer(rows, many=True).data,
                pages=CursorPages,
            )

    @extend_schema(
        summary="Export the organization's audit log",
        description="JSON Lines, newest first, of any length; the export is an entry of the log itself.",
        parameters=[ORGANIZATION_HEADER, *FILTERS],
        responses={(200, CONTENT_TYPE): OpenApiTypes.STR, **REFUSALS},
    )
    @action(detail=False, methods=["get"], content_negotiation_class=AnyAccept)
    @limited(Limit("10/m", by_user, "user"))
    def export(self, request: Request) -> StreamingHttpResponse:
        """Record that it is read, then stream it."""
        member = belonging(request, Permission.READ_AUDIT)
        with organization_context(member.organization_id):
            rows = self.filtered(request, selectors.list_audit_entries())
            asked = {name: request.query_params[name] for name in AuditFilter.base_filters if name in request.GET}
            audit.record(
                action="AUDIT_EXPORTED",
                organization_id=member.organization_id,
                actor_id=signed_in(request).id,
                object_type="audit_log",
                object_id=None,
                filters=asked,
            )
        return json_lines(_exported(rows, member.organization_id), filename=FILENAME)


def _exported(rows: QuerySet[AuditEntry], organization_id: UUID) -> Iterator[dict[str, Any]]:
    """Yield what `list` would show, a batch in memory at a time."""
    for batch in selectors.in_batches(rows, organization_id=organization_id):
        yield from AuditEntrySerializer(batch, many=True).data
