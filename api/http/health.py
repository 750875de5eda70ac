"""Whether this process lives, and whether it can do its work."""

from typing import Any

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, JsonResponse

from config.kernel import catalogue
from config.kernel.redis import RedisUnavailable, breaker, client


def live(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process serves at all; asks nobody."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when requests can be served: `ok`, or `degraded` without Redis; 503 without PostgreSQL."""
    checks = {"postgres": _postgres(), "redis": _redis()}
    if checks["postgres"] != "ok":
        status, code = "unavailable", 503
    else:
        status, code = ("ok" if checks["redis"] == "ok" else "degraded"), 200
    response = JsonResponse({"status": status, "checks": checks}, status=code)
    if code == 503:
        response["Retry-After"] = "2"
    return response


def _postgres() -> str:
    try:
        with connection.cursor() as cursor:
            faults = catalogue.role_faults(cursor)
    except DatabaseError:
        return "unavailable"
    # Checked at start as well; here too, for a process that started while the database did not answer.
    return "unsafe role" if faults else "ok"


def _redis() -> str:
    ping: Any = client().ping
    try:
        breaker.call(ping)
    except RedisUnavailable:
        return "unavailable"
    return "ok"
