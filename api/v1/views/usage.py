"""/licenses/…/sessions and /usage: who held the seats of a licence and when, and what each day came to."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from api.http.filters import MomentFilter
from api.http.pagination import SessionPages
from api.http.schema import ORGANIZATION_HEADER, errors, page_of
from api.http.tenancy import NOT_ADMITTED, belonging
from api.http.views import UUID_PATTERN, ApiViewSet, uuid_in_path
from api.v1.serializers import usage as shapes
from api.v1.views.licenses import HOLDER_FAILURES, LICENSE_ID, holder
from config.kernel.tenancy import organization_context
from licenses import errors as failures
from licenses import lookup, selectors
from licenses.models import LicenseSession
from licenses.services import daily_usage

STATES = [("live", "Live"), ("ended", "Ended")]
LIVE = Q(ended_at=None, expires_at__gt=Now())


class SessionFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """What sessions can be asked for by."""

    state = filters.ChoiceFilter(choices=STATES, method="in_state")
    acquired_after = MomentFilter(field_name="acquired_at", lookup_expr="gte")
    acquired_before = MomentFilter(field_name="acquired_at", lookup_expr="lt")

    class Meta:
        model = LicenseSession
        fields = ["state"]

    def in_state(self, rows: QuerySet[LicenseSession], name: str, value: str) -> QuerySet[LicenseSession]:
        """Keep those whose lease runs now, or those whose lease has ended."""
        return rows.filter(LIVE if value == "live" else ~LIVE)


@extend_schema_serializer(many=False)
class SessionHistorySerializer(page_of(shapes.LicenseSessionSerializer, cursors=True)):  # type: ignore[misc]  # made at run time
    """A page of sessions; the first one says what the last 30 days came to."""

    usage = shapes.LicenseUsageSerializer(allow_null=True, help_text="The last 30 days; null on later pages.")


class LicenseSessionsViewSet(ApiViewSet):
    """The sessions of a licence, for whoever may take a seat of it."""

    permission_classes = [AllowAny]
    filterset_class = SessionFilter

    @extend_schema(
        summary="List the live and past sessions of a licence",
        description=(
            "Last begun first, by cursor: follow `next`. Who may take a seat by the key may ask by the key; members of "
            "the organization may also put the licence's id in its place. Sessions are kept for 400 days after their "
            "end, unless set otherwise; the statistics by day for ever."
        ),
        parameters=[
            ORGANIZATION_HEADER,
            OpenApiParameter("license_key", str, OpenApiParameter.PATH, description="The key, or for members the id."),
            OpenApiParameter("cursor", str, description="From `next` or `previous`."),
            OpenApiParameter("page_size", int),
            OpenApiParameter("state", str, enum=[value for value, _ in STATES]),
            OpenApiParameter("acquired_after", OpenApiTypes.DATETIME, description="Began then or later."),
            OpenApiParameter("acquired_before", OpenApiTypes.DATETIME, description="Began before."),
        ],
        responses={200: SessionHistorySerializer, **errors(*HOLDER_FAILURES, *NOT_ADMITTED, body=True, auth=True)},
    )
    @action(detail=False, methods=["get"], url_path="(?P<license_key>[^/]+)/sessions")
    def sessions(self, request: Request, license_key: str) -> Response:
        """Return a page of them."""
        organization_id, license_id = _license(request, license_key)
        with organization_context(organization_id):
            page = self.page(
                request,
                selectors.list_sessions(license_id=license_id),
                lambda rows: shapes.LicenseSessionSerializer(rows, many=True).data,
                pages=SessionPages,
            )
            page.data["usage"] = None if "cursor" in request.query_params else _usage(organization_id, license_id, {})
        return page


class UsageViewSet(ApiViewSet):
    """The days of a licence, for the members of its organization."""

    lookup_value_regex = UUID_PATTERN

    @extend_schema(
        summary="Show what a licence was used for by day",
        description=(
            "Days are UTC, `from` and `to` included. A session counts on the day it began; what of it lay within a day "
            "is in that day's leased time and peak, also over midnight. Today is worked out until now."
        ),
        parameters=[
            ORGANIZATION_HEADER,
            LICENSE_ID,
            OpenApiParameter("from", OpenApiTypes.DATE, description="29 days before `to`, unless given."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="Today, unless given; 366 days at most."),
        ],
        responses={
            200: shapes.LicenseUsageSerializer,
            **errors(failures.LicenseNotFound, *NOT_ADMITTED, body=True, auth=True),
        },
    )
    @action(detail=True, methods=["get"])
    def usage(self, request: Request, pk: str) -> Response:
        """Return the days."""
        member = belonging(request)
        with organization_context(member.organization_id):
            found = _by_id(pk)
            data = _usage(member.organization_id, found, request.query_params)
        return Response(data)


def _license(request: Request, license_key: str) -> tuple[UUID, UUID]:
    """Return the organization and id of the licence whose key (or, by a member, whose id) this is."""
    if not _is_id(license_key):
        found = lookup.get_for_holder(license_key=license_key, holder=holder(request))
        return found.organization_id, found.id
    member = belonging(request)
    with organization_context(member.organization_id):
        return member.organization_id, _by_id(license_key)


def _usage(organization_id: UUID, license_id: UUID, asked: Any) -> Any:
    """Return the days that are asked for, in their shape; raises ValidationError."""
    period: Serializer[Any] = shapes.PeriodSerializer(data=asked)
    period.is_valid(raise_exception=True)
    usage = daily_usage.get_usage(organization_id=organization_id, license_id=license_id, **period.validated_data)
    return shapes.LicenseUsageSerializer(usage).data


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _by_id(text: str) -> UUID:
    """Return the id of a licence of the current organization; raises LicenseNotFound, also for what is no id."""
    return selectors.get_license(license_id=uuid_in_path(text, failures.LicenseNotFound)).id
