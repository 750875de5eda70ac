"""What the product is measured against: views that only authenticate, through the whole middleware and DRF."""

import os

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.http.authentication import SeatOrAccessTokenAuthentication


class EmptyUserView(APIView):
    """Answers `{}` to a signed-in user: the token's signature is verified, its session looked up (one query)."""

    def get(self, request: Request) -> Response:
        """Answer."""
        return Response({})


class EmptySeatView(APIView):
    """Answers `{}` to the holder of a seat token: the signature is verified, nothing is looked up."""

    authentication_classes = [SeatOrAccessTokenAuthentication]
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        """Answer; 401 without a seat token, so that a forgotten header cannot pass for a fast server."""
        return Response({}, status=200 if request.auth else 401)


@csrf_exempt
def insert_row(request: HttpRequest) -> HttpResponse:
    """Insert what was sent as a row and answer: what storing anything at all costs here."""
    with connection.cursor() as cursor:
        cursor.execute("insert into benchmark_row (body) values (%s)", [request.body.decode()])
    return HttpResponse("{}", content_type="application/json")


def process_id(request: HttpRequest) -> HttpResponse:
    """Answer which process this is: how the benchmark knows that every worker serves."""
    return HttpResponse(str(os.getpid()), content_type="text/plain")
