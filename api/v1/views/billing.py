"""/plans, /checkout and Stripe's webhook."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.authentication import signed_in
from api.http.idempotency import idempotent
from api.http.schema import ORGANIZATION_HEADER, errors, page_of
from api.http.tenancy import NOT_ADMITTED, belonging
from api.http.views import ApiViewSet
from api.v1.serializers import billing as shapes
from organizations.errors import PermissionDenied, QuotaExceeded
from organizations.roles import Permission
from subscriptions import errors as failures
from subscriptions import selectors
from subscriptions.services import checkout, webhooks


class PlanViewSet(ApiViewSet):
    """The price list, open to anybody."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        summary="List the plans",
        description="Cheapest first.",
        responses={200: page_of(shapes.PlanSerializer), **errors()},
        parameters=[OpenApiParameter("page", int), OpenApiParameter("page_size", int)],
    )
    def list(self, request: Request) -> Response:
        """Return the public plans."""
        return self.page(request, selectors.list_plans(), lambda rows: shapes.PlanSerializer(rows, many=True).data)

    @extend_schema(
        summary="Show a plan",
        responses={200: shapes.PlanSerializer, **errors(failures.PlanNotFound)},
        parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH, description="Id or slug.")],
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one plan."""
        return Response(shapes.PlanSerializer(selectors.get_plan(reference=pk)).data)


class CheckoutViewSet(ApiViewSet):
    """Buying a plan."""

    @extend_schema(
        summary="Open a Stripe Checkout session",
        description=(
            "Send the person to `checkout_url`; the licence is issued when Stripe says that it is paid. An organization"
            " has one open session: asked for the same again, it is answered again; asked for another plan, it is "
            "closed, so that two tabs cannot both pay. There is one trial for an organization and its owners."
        ),
        parameters=[ORGANIZATION_HEADER],
        request=shapes.OpenCheckoutSerializer,
        responses={
            201: shapes.CheckoutSerializer,
            **errors(
                failures.PlanNotFound,
                failures.SubscriptionExists,
                QuotaExceeded,
                failures.RedirectNotAllowed,
                failures.CheckoutUnderWay,
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
    def session(self, request: Request) -> Response:
        """Open the session."""
        member = belonging(request, Permission.MANAGE_BILLING)
        body = self.parse(shapes.OpenCheckoutSerializer, request)
        opened = checkout.open_checkout(
            organization_id=member.organization_id,
            user_id=signed_in(request).id,
            plan_reference=body["plan_id"],
            success_url=body.get("success_url"),
            cancel_url=body.get("cancel_url"),
        )
        return Response(shapes.CheckoutSerializer(opened).data, status=201)


class WebhookViewSet(ApiViewSet):
    """What providers tell us; authenticated by signature."""

    authentication_classes = []
    permission_classes = [AllowAny]
    # All of a provider's events come from a few addresses, and a wrong signature costs one hash.
    generally_limited = False

    @extend_schema(
        summary="Receive a Stripe event",
        description="Stored and answered at once; a worker applies it. The body must carry Stripe's signature.",
        request={"application/json": {"type": "object"}},
        parameters=[OpenApiParameter("Stripe-Signature", str, OpenApiParameter.HEADER, required=True)],
        responses={200: shapes.WebhookAnswerSerializer, **errors(failures.WebhookRefused)},
    )
    @action(detail=False, methods=["post"])
    def stripe(self, request: Request) -> Response:
        """Store the event; the raw bytes are read, since they are what was signed."""
        stored = webhooks.receive(body=request._request.body, signature=request.headers.get("Stripe-Signature", ""))
        return Response({"status": "received" if stored else "duplicate"})
