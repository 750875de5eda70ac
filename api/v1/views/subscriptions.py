"""/subscriptions, /invoices and the billing portal: what an organization has bought, and what it may do with it."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.authentication import signed_in
from api.http.idempotency import idempotent
from api.http.schema import ORGANIZATION_HEADER, errors, page_of
from api.http.tenancy import NOT_ADMITTED, belonging
from api.http.views import UUID_PATTERN, ApiViewSet, uuid_in_path
from api.v1.serializers import billing as shapes
from config.kernel.tenancy import organization_context
from licenses.errors import SeatsInUse
from licenses.services import plan_changes
from organizations.errors import PermissionDenied
from organizations.roles import Permission
from subscriptions import errors as failures
from subscriptions import selectors
from subscriptions.services import cancellation, portal

PAGES = [ORGANIZATION_HEADER, OpenApiParameter("page", int), OpenApiParameter("page_size", int)]


class SubscriptionViewSet(ApiViewSet):
    """What the organization pays for."""

    lookup_value_regex = UUID_PATTERN

    @extend_schema(
        summary="List the organization's subscriptions",
        description="Newest first, with those that have ended.",
        parameters=PAGES,
        responses={200: page_of(shapes.SubscriptionSerializer), **errors(*NOT_ADMITTED, auth=True)},
    )
    def list(self, request: Request) -> Response:
        """Return the subscriptions."""
        member = belonging(request)
        with organization_context(member.organization_id):
            return self.page(
                request,
                selectors.list_subscriptions(),
                lambda rows: shapes.SubscriptionSerializer(rows, many=True).data,
            )

    @extend_schema(
        summary="Show a subscription",
        parameters=[ORGANIZATION_HEADER],
        responses={
            200: shapes.SubscriptionSerializer,
            **errors(failures.SubscriptionNotFound, *NOT_ADMITTED, auth=True),
        },
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one subscription."""
        member = belonging(request)
        with organization_context(member.organization_id):
            found = selectors.get_subscription(subscription_id=uuid_in_path(pk))
            return Response(shapes.SubscriptionSerializer(found).data)

    @extend_schema(
        summary="Preview a change of plan",
        description="What is due now, what the next invoice will be, when it takes effect and who holds seats.",
        parameters=[ORGANIZATION_HEADER],
        request=shapes.ChangePlanSerializer,
        responses={
            200: shapes.ChangePreviewSerializer,
            **errors(
                failures.PlanNotFound,
                failures.SubscriptionNotFound,
                failures.SubscriptionEnded,
                failures.SubscriptionEnding,
                failures.SubscriptionNotChangeable,
                failures.PlanChangeUnderWay,
                failures.PaymentProviderUnavailable,
                *NOT_ADMITTED,
                PermissionDenied,
                body=True,
                auth=True,
            ),
        },
    )
    @action(detail=True, methods=["post"], url_path="preview-change")
    def preview_change(self, request: Request, pk: str) -> Response:
        """Say what it would mean."""
        member = belonging(request, Permission.MANAGE_BILLING)
        subscription_id = self._existing(request, member.organization_id, pk)
        body = self.parse(shapes.ChangePlanSerializer, request)
        previewed = plan_changes.preview(
            organization_id=member.organization_id,
            subscription_id=subscription_id,
            plan_reference=body["plan_id"],
        )
        return Response(shapes.ChangePreviewSerializer(previewed).data)

    @extend_schema(
        summary="Change the plan",
        description=(
            "A dearer plan applies as soon as the difference is paid, which is tried at once; while it waits to be "
            "paid, the present plan goes on. A cheaper one applies when the period ends, and until then can be taken "
            "back by asking for the present plan. Refused while more seats are held than the new plan has. Of two who "
            "ask for different plans at the same moment, one is told 409 `other_plan_change`."
        ),
        parameters=[ORGANIZATION_HEADER],
        request=shapes.ChangePlanSerializer,
        responses={
            200: shapes.PlanChangeSerializer,
            **errors(
                SeatsInUse,
                failures.PlanNotFound,
                failures.SubscriptionNotFound,
                failures.SubscriptionEnded,
                failures.SubscriptionEnding,
                failures.SubscriptionNotChangeable,
                failures.PlanChangeUnderWay,
                failures.OtherPlanChange,
                failures.PaymentDeclined,
                failures.PaymentProviderUnavailable,
                *NOT_ADMITTED,
                PermissionDenied,
                body=True,
                auth=True,
            ),
        },
    )
    @action(detail=True, methods=["post"], url_path="change-plan")
    @idempotent
    def change_plan(self, request: Request, pk: str) -> Response:
        """Change it."""
        member = belonging(request, Permission.MANAGE_BILLING)
        subscription_id = self._existing(request, member.organization_id, pk)
        body = self.parse(shapes.ChangePlanSerializer, request)
        changed = plan_changes.change(
            organization_id=member.organization_id,
            user_id=signed_in(request).id,
            subscription_id=subscription_id,
            plan_reference=body["plan_id"],
        )
        return Response(shapes.PlanChangeSerializer(changed).data)

    def _existing(self, request: Request, organization_id: UUID, pk: str) -> UUID:
        """Return the id if it is a subscription's: what is not there is 404, whatever a well-formed body says."""
        if not isinstance(request.data, dict):
            self.parse(shapes.ChangePlanSerializer, request)
        with organization_context(organization_id):
            return selectors.get_subscription(subscription_id=uuid_in_path(pk)).id

    @extend_schema(
        summary="Cancel a subscription",
        description=(
            "At the end of what is paid, or at once and without refund. Once is enough, twice does no harm. At once "
            "also ends its licence and every session, as soon as the worker has been told."
        ),
        parameters=[ORGANIZATION_HEADER],
        request=shapes.CancelSerializer,
        responses={
            200: shapes.SubscriptionSerializer,
            **errors(
                failures.SubscriptionNotFound,
                failures.SubscriptionEnded,
                failures.PaymentProviderUnavailable,
                *NOT_ADMITTED,
                PermissionDenied,
                body=True,
                auth=True,
            ),
        },
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def cancel(self, request: Request, pk: str) -> Response:
        """End it."""
        member = belonging(request, Permission.MANAGE_BILLING)
        body = self.parse(shapes.CancelSerializer, request)
        canceled = cancellation.cancel(
            organization_id=member.organization_id,
            user_id=signed_in(request).id,
            subscription_id=uuid_in_path(pk),
            at_period_end=body["at_period_end"],
        )
        return Response(shapes.SubscriptionSerializer(canceled).data)

    @extend_schema(
        summary="Resume a subscription",
        description="Takes back that it ends with its period, as long as it has not.",
        parameters=[ORGANIZATION_HEADER],
        request=None,
        responses={
            200: shapes.SubscriptionSerializer,
            **errors(
                failures.SubscriptionNotFound,
                failures.SubscriptionEnded,
                failures.PaymentProviderUnavailable,
                *NOT_ADMITTED,
                PermissionDenied,
                auth=True,
            ),
        },
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def resume(self, request: Request, pk: str) -> Response:
        """Keep it."""
        member = belonging(request, Permission.MANAGE_BILLING)
        kept = cancellation.resume(
            organization_id=member.organization_id, user_id=signed_in(request).id, subscription_id=uuid_in_path(pk)
        )
        return Response(shapes.SubscriptionSerializer(kept).data)


class InvoiceViewSet(ApiViewSet):
    """What the organization was charged, or is asked to pay."""

    @extend_schema(
        summary="List the organization's invoices",
        description="Newest first, as Stripe last told them; `hosted_invoice_url` is where an open one can be paid.",
        parameters=PAGES,
        responses={200: page_of(shapes.InvoiceSerializer), **errors(*NOT_ADMITTED, auth=True)},
    )
    def list(self, request: Request) -> Response:
        """Return the invoices."""
        member = belonging(request)
        with organization_context(member.organization_id):
            return self.page(
                request, selectors.list_invoices(), lambda rows: shapes.InvoiceSerializer(rows, many=True).data
            )


class BillingViewSet(ApiViewSet):
    """The organization's account at Stripe."""

    @extend_schema(
        summary="Open Stripe's billing portal",
        description="Where a customer sees to payment methods and invoices, and may cancel. Send the person there.",
        parameters=[ORGANIZATION_HEADER],
        request=shapes.OpenPortalSerializer,
        responses={
            201: shapes.PortalSerializer,
            **errors(
                failures.RedirectNotAllowed,
                failures.NothingBought,
                failures.PaymentProviderUnavailable,
                *NOT_ADMITTED,
                PermissionDenied,
                body=True,
                auth=True,
            ),
        },
    )
    @action(detail=False, methods=["post"])
    @idempotent
    def portal(self, request: Request) -> Response:
        """Open the portal."""
        member = belonging(request, Permission.MANAGE_BILLING)
        body = self.parse(shapes.OpenPortalSerializer, request)
        url = portal.open_portal(organization_id=member.organization_id, return_url=body.get("return_url"))
        return Response(shapes.PortalSerializer({"portal_url": url}).data, status=201)
