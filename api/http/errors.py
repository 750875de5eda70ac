"""The one place where failures become HTTP: a status and `{"type", "errors": [{"code", "detail", "attr"}]}`."""

from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions, status
from rest_framework.response import Response

from api.http import refusals
from config.kernel.database import is_outage, outage
from config.kernel.errors import DependencyUnavailable, DomainError, Kind
from config.kernel.process_metrics import database_unreachable

STATUSES = {
    Kind.INVALID: status.HTTP_400_BAD_REQUEST,
    Kind.UNAUTHENTICATED: status.HTTP_401_UNAUTHORIZED,
    Kind.OVER_QUOTA: status.HTTP_402_PAYMENT_REQUIRED,
    Kind.FORBIDDEN: status.HTTP_403_FORBIDDEN,
    Kind.NOT_FOUND: status.HTTP_404_NOT_FOUND,
    Kind.CONFLICT: status.HTTP_409_CONFLICT,
    Kind.GONE: status.HTTP_410_GONE,
    Kind.UNPROCESSABLE: status.HTTP_422_UNPROCESSABLE_ENTITY,
    Kind.RATE_LIMITED: status.HTTP_429_TOO_MANY_REQUESTS,
    Kind.UNAVAILABLE: status.HTTP_503_SERVICE_UNAVAILABLE,
}
DATABASE_RETRY_SECONDS = 2


class DomainFailure(exceptions.APIException):
    """A DomainError on its way out."""

    def __init__(self, error: DomainError) -> None:
        self.status_code = STATUSES[error.kind]
        self.error = error
        super().__init__(error.message, error.code)


class DomainExceptionHandler(ExceptionHandler):
    """Turns the product's failures, and a database that does not answer, into API exceptions."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        """Return the API exception for a known failure; anything else goes on as it is, to end as a 500."""
        if isinstance(exc, OperationalError | InterfaceError):
            if is_outage(exc):
                outage.noticed()
                database_unreachable.inc()
            exc = DependencyUnavailable(retry_after=DATABASE_RETRY_SECONDS)
        if isinstance(exc, RequestDataTooBig | TooManyFieldsSent):
            return exceptions.ParseError("The body is too large.", code="payload_too_large")
        if isinstance(exc, DomainError):
            return DomainFailure(exc)
        return super().convert_known_exceptions(exc)

    def format_exception(self, exc: exceptions.APIException) -> dict[str, Any]:
        """Return the body of an error answer: of a failure of ours, with its field at fault and its extra members."""
        if not isinstance(exc, DomainFailure):
            body: dict[str, Any] = super().format_exception(exc)
            return body
        error = exc.error
        told = "validation_error" if error.kind is Kind.INVALID else _type_of(exc.status_code)
        return {
            "type": told,
            "errors": [{"code": error.code, "detail": error.message, "attr": error.attr}],
            **error.extra,
        }

    def get_response(self, exc: exceptions.APIException, data: dict[Any, Any]) -> Response:
        """Add Retry-After to the answer of a failure that says when to come back."""
        response = super().get_response(exc, data)
        if isinstance(exc, DomainFailure) and exc.error.retry_after is not None:
            response["Retry-After"] = str(exc.error.retry_after)
        return response

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:
        """Leave a trace of the refusals that are to have one."""
        request = self.context["request"]
        if isinstance(exc, DomainFailure) and request is not None:
            refusals.leave_trace(exc.error, request)
        super().report_exception(exc, response)


def error_response(status_code: int, code: str, detail: str) -> HttpResponse:
    """Return an error in the contract's shape, for failures outside of REST framework's views."""
    body = {"type": _type_of(status_code), "errors": [{"code": code, "detail": detail, "attr": None}]}
    return JsonResponse(body, status=status_code)


def _type_of(status_code: int) -> str:
    return "server_error" if status_code >= 500 else "client_error"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself refused (a host that is not ours, a suspicious body)."""
    return error_response(400, "invalid_request", "The request is malformed.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a path that leads nowhere."""
    return error_response(404, "not_found", "There is nothing at this address.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a page request that was refused."""
    return error_response(403, "permission_denied", "You may not do this.")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a write to a page that came without the page's CSRF token."""
    return error_response(403, "csrf_failed", "The request did not come from one of our pages.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a failure nobody foresaw; what happened is in the log, under the request's id."""
    return error_response(500, "error", "Something went wrong on our side.")
