"""Where Checkout sends people back to: pages for browsers, JSON for programs (by Accept)."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.authentication import session, viewer_id
from api.http.schema import errors
from api.http.views import ApiViewSet
from api.v1.serializers import billing as shapes
from licenses.services import purchases
from subscriptions.errors import CheckoutNotFound

MOST_REFRESHES = 30


class CheckoutPageViewSet(ApiViewSet):
    """The two ways a visit to Checkout ends."""

    permission_classes = [AllowAny]
    renderer_classes = [JSONRenderer, TemplateHTMLRenderer]

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Keep the address of every answer, refusals too, out of referrers: it holds an id."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        finished["Referrer-Policy"] = "no-referrer"
        return finished

    @extend_schema(
        summary="See how a checkout came out",
        description=(
            "`processing` until the payment has been applied; poll it. The licence key is shown to a signed-in member, "
            "or within an hour of payment to whoever holds the session id. HTML for browsers."
        ),
        parameters=[OpenApiParameter("session_id", str, required=True)],
        responses={
            (200, "application/json"): shapes.CheckoutResultSerializer,
            (200, "text/html"): OpenApiTypes.STR,
            **errors(CheckoutNotFound, auth=True),
        },
    )
    @action(detail=False, methods=["get"])
    def success(self, request: Request) -> Response:
        """Return the purchase."""
        session_id = request.query_params.get("session_id", "")
        viewer = viewer_id(request)
        purchase = purchases.get_purchase(
            stripe_session_id=session_id,
            viewer_id=viewer,
            second_factor=viewer is not None and session(request).second_factor,
        )
        data = dict(shapes.CheckoutResultSerializer(purchase).data)
        if request.accepted_renderer.format == "html":
            tries = _number(request.query_params.get("tries"))
            data |= {"tries": tries + 1, "session_id": session_id, "give_up": tries >= MOST_REFRESHES}
        return Response(data, template_name="api/checkout_success.html")

    @extend_schema(
        summary="Come back from a checkout that was left",
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/html"): OpenApiTypes.STR},
    )
    @action(detail=False, methods=["get"])
    def cancel(self, request: Request) -> Response:
        """Say that nothing was bought."""
        return Response({"status": "canceled"}, template_name="api/checkout_cancel.html")


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else 0
