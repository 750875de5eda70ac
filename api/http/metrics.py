"""Counts requests by route, method and status, and shows `/metrics` to whoever brings the token."""

import re
import time
from functools import lru_cache

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from api.http.errors import error_response
from api.http.middleware import GetResponse
from config.kernel import metrics, metrics_page
from config.kernel.metrics import ANY_VALUE

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
UNROUTED = "(none)"
"""The route of a request that led nowhere, or was answered before it was routed. (Its path may hold anything.)"""

requests = metrics.counters(
    "http_requests",
    "Requests answered.",
    route=ANY_VALUE,
    method=METHODS,
    status=[str(code) for code in range(100, 600)],
)
seconds = metrics.histograms(
    "http_request_seconds",
    "From the first of our lines to the last; reading the request and sending the answer are the server's.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    route=ANY_VALUE,
    method=METHODS,
)


class RequestMetricsMiddleware:
    """Counts each request by the template of its route, never by its path."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request and count it."""
        began = time.perf_counter()
        response = self.get_response(request)
        took = time.perf_counter() - began
        match = request.resolver_match
        route = UNROUTED if match is None else _template(match.route)
        method = request.method or ""
        requests.of(route, method, str(response.status_code)).inc()
        seconds.of(route, method).observe(took)
        return response


@lru_cache(maxsize=1024)
def _template(route: str) -> str:
    """Return the route as people write it: `/licenses/<license_key>/status`."""
    return "/" + re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route).rstrip("$")


@require_safe
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    """Show what this process counted, and the state of the whole; for Prometheus."""
    answer = metrics_page.page(
        authorization=request.headers.get("Authorization", ""), accept=request.headers.get("Accept", "")
    )
    if answer.status == 404:
        raise Http404
    if answer.status == 401:
        refused = error_response(401, "authentication_failed", "The metrics are shown to whoever brings their token.")
        refused["WWW-Authenticate"] = "Bearer"
        return refused
    return HttpResponse(answer.body, content_type=answer.content_type)
