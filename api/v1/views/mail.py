"""The event webhook of the mail provider."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.schema import errors
from api.http.views import ApiViewSet
from api.v1.serializers.mail import DeliveryAnswerSerializer
from emails.errors import DeliveryRefused
from emails.services import delivery_events

SIGNATURE, TIMESTAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"


class MailWebhookViewSet(ApiViewSet):
    """What becomes of mails; authenticated by signature."""

    authentication_classes = []
    permission_classes = [AllowAny]
    # All of a provider's deliveries come from a few addresses, and a wrong signature costs one verification.
    generally_limited = False

    @extend_schema(
        summary="Receive events of SendGrid",
        description="Stored and answered at once; a worker applies them. The body must carry SendGrid's signature.",
        request={"application/json": {"type": "array", "items": {"type": "object"}}},
        parameters=[
            OpenApiParameter(SIGNATURE, str, OpenApiParameter.HEADER, required=True),
            OpenApiParameter(TIMESTAMP, str, OpenApiParameter.HEADER, required=True),
        ],
        responses={200: DeliveryAnswerSerializer, **errors(DeliveryRefused)},
    )
    @action(detail=False, methods=["post"])
    def sendgrid(self, request: Request) -> Response:
        """Store the events; the raw bytes are read, since they are what was signed."""
        delivery_events.receive(
            body=request._request.body,
            signature=request.headers.get(SIGNATURE, ""),
            timestamp=request.headers.get(TIMESTAMP, ""),
        )
        return Response({"status": "received"})
