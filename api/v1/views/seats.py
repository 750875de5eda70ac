"""Seats: acquire, heartbeat and release, each in two route shapes."""

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.fields import UUIDField
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from api.http.answer_signatures import signed
from api.http.authentication import SeatOrAccessTokenAuthentication, signed_in, viewer_id
from api.http.rate_limits import Limit, by_body, by_ip, limited
from api.http.schema import errors
from api.http.tenancy import proven_enough, seat_keeper
from api.http.views import UUID_PATTERN, ApiViewSet, answer, no_content, shaped, uuid_in_path
from api.v1.serializers import licenses as shapes
from api.v1.views.licenses import HOLDER_FAILURES, MACHINE_FAILURES, UNUSABLE, holder
from licenses import errors as failures
from licenses.keys import normalize
from licenses.seats import tokens
from licenses.seats.seat import Seat
from licenses.seats.tokens import SeatClaims
from licenses.services import acquiring, seats
from organizations.roles import Permission, allows

BEAT_FAILURES = (
    failures.SessionNotFound,
    failures.SessionExpired,
    failures.SessionTakenOver,
    failures.TokenMismatch,
    failures.TokenSuperseded,
    failures.SeatTokenInvalid,
    *UNUSABLE,
)
RELEASE_FAILURES = (failures.SessionNotFound, failures.TokenMismatch, failures.SeatTokenInvalid)
SESSION_ID = OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH)


def by_licence_and_machine(request: Request) -> str | None:
    """Count by licence key and machine; a key that is written in another way is the same key."""
    given = by_body("license_key", "hardware_id")(request)
    if given is None:
        return None
    key, _, machine = given.partition("|")
    try:
        return f"{normalize(key)}|{machine}"
    except failures.LicenseKeyMalformed:
        return given


def by_session(request: Request) -> str | None:
    """Count by the session that the path or the body names, however its id is written."""
    match = request.resolver_match
    named = match.kwargs.get("pk") if match else None
    if named is None and isinstance(request.data, dict):
        named = request.data.get("session_id")
    try:
        return str(_ID.run_validation(named))
    except ValidationError:
        return None


_ID = UUIDField()
SEATS_PER_IP = Limit("600/m", by_ip, "IP")
PER_MACHINE = Limit("10/m", by_licence_and_machine, "licence and machine")
BEATS = Limit("20/m", by_session, "session", counted_as="beats")


class SeatViewSet(ApiViewSet):
    """Seats as verbs: everything in the body."""

    permission_classes = [AllowAny]

    @extend_schema(
        summary="Acquire a seat",
        description=(
            "Leases a seat to a machine for 360 s. The same machine asking again gets its live session back with 200. "
            "By the licence's policy the caller is a signed-in member, or whoever holds the key. A signed-in member "
            "may name a session of their own on another machine: it ends, and its seat is this machine's."
        ),
        request=shapes.AcquireSerializer,
        responses={
            200: shapes.SeatSerializer,
            201: shapes.SeatSerializer,
            **errors(
                *HOLDER_FAILURES,
                *UNUSABLE,
                *MACHINE_FAILURES,
                failures.ActivationRequired,
                failures.NoSeatsAvailable,
                failures.SessionNotFound,
                body=True,
                auth=True,
            ),
        },
    )
    @action(detail=False, methods=["post"])
    @signed
    @limited(SEATS_PER_IP, PER_MACHINE)
    def acquire(self, request: Request) -> HttpResponse:
        """Lease a seat."""
        body = self.parse(shapes.AcquireSerializer, request)
        acquired = acquiring.acquire(**body, holder=holder(request))
        data = {
            **_beat(acquired.seat),
            "session_id": acquired.seat.session_id,
            "seats_used": acquired.seats_used,
            "max_seats": acquired.license.max_seats,
            "license": replace(acquired.license, seats_used=acquired.seats_used),
        }
        return answer(shaped(shapes.SeatSerializer, data), status=201 if acquired.is_new else 200)

    @extend_schema(
        summary="Keep a seat (heartbeat)",
        description="Renews the lease for another 360 s. A lapsed lease is never revived: 410, acquire again.",
        auth=[],
        request=shapes.SeatTokenSerializer,
        responses={200: shapes.BeatSerializer, **errors(*BEAT_FAILURES, body=True)},
    )
    @action(detail=False, methods=["post"], authentication_classes=[])
    @signed
    @limited(SEATS_PER_IP, BEATS)
    def heartbeat(self, request: Request) -> HttpResponse:
        """Renew the lease."""
        body = self.parse(shapes.SeatTokenSerializer, request)
        seat = seats.heartbeat(claims=tokens.read(body["signed_token"]), session_id=body["session_id"])
        return answer(shaped(shapes.BeatSerializer, _beat(seat)))

    @extend_schema(
        summary="Release a seat",
        description="204, also when it is released already.",
        auth=[],
        request=shapes.SeatTokenSerializer,
        responses={204: None, **errors(*RELEASE_FAILURES, body=True)},
    )
    @action(detail=False, methods=["post"], authentication_classes=[])
    @signed
    @limited(SEATS_PER_IP)
    def release(self, request: Request) -> HttpResponse:
        """Give the seat back."""
        body = self.parse(shapes.SeatTokenSerializer, request)
        seats.release(claims=tokens.read(body["signed_token"]), session_id=body["session_id"])
        return no_content()


class SessionViewSet(ApiViewSet):
    """Seats as resources: the token as Bearer (the session's own, or its member's), or in the body."""

    authentication_classes = [SeatOrAccessTokenAuthentication]
    permission_classes = [AllowAny]
    lookup_value_regex = UUID_PATTERN

    @extend_schema(
        summary="Keep a seat (heartbeat)",
        parameters=[SESSION_ID],
        request=shapes.OptionalSeatTokenSerializer,
        responses={200: shapes.BeatSerializer, **errors(*BEAT_FAILURES, body=True)},
    )
    @action(detail=True, methods=["patch"])
    @signed
    @limited(SEATS_PER_IP, BEATS)
    def heartbeat(self, request: Request, pk: str) -> HttpResponse:
        """Renew the lease."""
        session_id, claims = uuid_in_path(pk, failures.SessionNotFound), self._claims(request)
        if claims is not None:
            seat = seats.heartbeat(claims=claims, session_id=session_id)
        else:
            member = seat_keeper(request)
            seat = seats.heartbeat_as_member(
                organization_id=member.organization_id, user_id=signed_in(request).id, session_id=session_id
            )
        return answer(shaped(shapes.BeatSerializer, _beat(seat)))

    @extend_schema(
        summary="Release a seat",
        description="An owner or admin may release any seat of the organization.",
        parameters=[SESSION_ID],
        responses={204: None, **errors(*RELEASE_FAILURES, auth=True)},
    )
    @signed
    @limited(SEATS_PER_IP)
    def destroy(self, request: Request, pk: str) -> HttpResponse:
        """Give the seat back."""
        session_id, claims = uuid_in_path(pk, failures.SessionNotFound), self._claims(request)
        if claims is not None:
            seats.release(claims=claims, session_id=session_id)
        else:
            member = seat_keeper(request)
            seats.release_as_member(
                organization_id=member.organization_id,
                user_id=signed_in(request).id,
                session_id=session_id,
                may_release_any=proven_enough(request, member)
                and allows(role=member.role, permission=Permission.MANAGE_LICENSES),
            )
        return no_content()

    def _claims(self, request: Request) -> SeatClaims | None:
        """Return the seat token's claims, None for a signed-in member; raises SeatTokenInvalid for neither."""
        if isinstance(request.auth, SeatClaims):
            return request.auth
        body = self.parse(shapes.OptionalSeatTokenSerializer, request)
        if "signed_token" in body:
            return tokens.read(body["signed_token"])
        if viewer_id(request) is None:
            raise failures.SeatTokenInvalid("Send the session's signed_token, or sign in.")
        return None


def _beat(seat: Seat) -> dict[str, Any]:
    return {**vars(seat), "heartbeat_interval": shapes.HEARTBEAT_INTERVAL_SECONDS}
