"""Borrowing a seat, for a machine that goes offline."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.answer_signatures import signed
from api.http.rate_limits import limited
from api.http.schema import errors
from api.http.views import ApiViewSet
from api.v1.serializers import licenses as shapes
from api.v1.views.licenses import HOLDER_FAILURES, MACHINE_FAILURES, UNUSABLE, holder
from api.v1.views.seats import PER_MACHINE, SEATS_PER_IP
from licenses import errors as failures
from licenses.services import borrowing


class BorrowViewSet(ApiViewSet):
    """Seats for days."""

    permission_classes = [AllowAny]

    @extend_schema(
        summary="Borrow a seat for days offline",
        description=(
            "Holds a seat without heartbeats for 1 to 30 days, at most until the licence ends, and answers with a "
            "signed file that proves it offline. It counts against the licence's seats for all that time; releasing "
            "it gives it back early. The machine's own live seat, if it has one, becomes the borrowed one."
        ),
        request=shapes.BorrowSerializer,
        responses={
            200: shapes.BorrowedSeatSerializer,
            **errors(
                *HOLDER_FAILURES,
                *UNUSABLE,
                *MACHINE_FAILURES,
                failures.ActivationRequired,
                failures.BorrowLimitReached,
                failures.NoSeatsAvailable,
                body=True,
                auth=True,
            ),
        },
    )
    @action(detail=False, methods=["post"])
    @signed
    @limited(SEATS_PER_IP, PER_MACHINE)
    def borrow(self, request: Request) -> Response:
        """Lease a seat for days."""
        seat = borrowing.borrow(**self.parse(shapes.BorrowSerializer, request), holder=holder(request))
        return Response(shapes.BorrowedSeatSerializer(seat).data)
