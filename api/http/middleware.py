"""What happens to every request before it is routed: slashes, NULs, sizes, and no cookies on the API."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.deprecation import MiddlewareMixin

from api.http.errors import DATABASE_RETRY_SECONDS, error_response
from config.kernel.database import outage
from config.kernel.errors import DependencyUnavailable

GetResponse = Callable[[HttpRequest], HttpResponse]

API_PREFIX = "/api/"
SLASHED_PREFIXES = ("/django-admin/", "/static/")
MAX_BODY_BYTES = 1024 * 1024
WEBHOOK_MAX_BODY_BYTES = 256 * 1024


class TrailingSlashMiddleware:
    """Routes a path with a trailing slash like the one without: a redirected POST would lose its body."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Drop the slash from the path that is routed."""
        path = request.path_info
        if len(path) > 1 and path.endswith("/") and not path.startswith(SLASHED_PREFIXES):
            request.path_info = path.rstrip("/") or "/"
        return self.get_response(request)


class NulMiddleware:
    """Answers 400 to a NUL in the path or the query: PostgreSQL has no text with one, so nothing can have that name."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse it before it reaches a store; bodies are checked field by field."""
        if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return error_response(400, "invalid_request", "The address contains a NUL character.")
        return self.get_response(request)


class DatabaseOutageMiddleware:
    """Answers 503 at once while PostgreSQL is known not to answer, so that whoever asks whether we live is heard."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let one request a second find out whether it is over."""
        if not request.path_info.startswith(API_PREFIX):
            return self.get_response(request)
        if outage.lasts():
            refused = error_response(503, DependencyUnavailable.code, DependencyUnavailable.detail)
            refused["Retry-After"] = str(DATABASE_RETRY_SECONDS)
            return refused
        response = self.get_response(request)
        if response.status_code != 503:
            outage.over()
        return response


class BodySizeMiddleware:
    """Answers 413 to a body over the cap, before a byte of it is read."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse by the announced length; a body without one is not read at all (WSGI)."""
        cap = WEBHOOK_MAX_BODY_BYTES if _is_webhook(request.path_info) else MAX_BODY_BYTES
        announced = request.META.get("CONTENT_LENGTH") or "0"
        # Signs like a superscript two are digits to Python as well, and no number; 19 of them are eight exbibytes.
        if not (announced.isascii() and announced.isdigit() and len(announced) < 20):
            return error_response(400, "invalid_request", "The Content-Length is not a number.")
        if int(announced) > cap:
            return error_response(413, "payload_too_large", f"The body has more than {cap} bytes.")
        return self.get_response(request)


class _PagesOnly(MiddlewareMixin):
    """Passes requests of the API by what only pages need."""

    def __call__(self, request: HttpRequest) -> Any:
        """Do it for a page, nothing for the API."""
        if request.path_info.startswith(API_PREFIX):
            return self.get_response(request)
        return super().__call__(request)


class PageSessionMiddleware(_PagesOnly, SessionMiddleware):
    """Staff's sessions, by cookie."""


class PageCsrfMiddleware(_PagesOnly, CsrfViewMiddleware):
    """Keeps other sites from writing with a visitor's cookie."""


class PageUserMiddleware(_PagesOnly, AuthenticationMiddleware):
    """Whose session it is."""


class PageMessageMiddleware(_PagesOnly, MessageMiddleware):
    """What the staff pages say after something was done."""


class ApiPathMiddleware:
    """Marks API requests as exempt from CSRF: no cookie authenticates them, so there is nothing to forge."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Mark the request."""
        if request.path_info.startswith(API_PREFIX):
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # Django's own switch
        return self.get_response(request)


def _is_webhook(path: str) -> bool:
    return path.startswith("/api/v1/webhooks/") or path == "/api/v1/subscriptions/webhook"
