"""Gives each request an id, carried by its answer and every log line, and writes one line about it; masks secrets."""

import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from pythonjsonlogger.json import JsonFormatter

from config.kernel.ids import new_id

logger = logging.getLogger("request")

_request_id: ContextVar[str] = ContextVar("request_id", default="-")
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")

# A licence key as people write it, or whatever stands in its place in a path; a JWT; the tokens in our links.
_BETWEEN = r"(?:[\s_-]|%20)*"
_SECRETS = [
    (re.compile(rf"(CODITECT){_BETWEEN}(?:[0-9A-Z]{{4}}{_BETWEEN}){{2,4}}([0-9A-Z]{{4}})", re.I), r"\1-****-\2"),
    (re.compile(r"(/licenses/)[^/?]+(?=/(?:status|sessions)\b)"), r"\1****"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "eyJ****"),
    (re.compile(r"(verify-email/|token=|session_id=)[^/\s?&\"']+"), r"\1****"),
]


def current_request_id() -> str:
    """Return the id of the request being answered, or `-` outside one."""
    return _request_id.get()


def mask(text: str) -> str:
    """Return the text with licence keys (all but the last four characters) and tokens replaced."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class RequestLogMiddleware:
    """Takes a well-formed X-Request-ID from the caller, or makes one; logs method, path, status and milliseconds."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request with its id set."""
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _WELL_FORMED.fullmatch(given) else str(new_id())
        token = _request_id.set(request_id)
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            elapsed_ms = round((time.perf_counter() - started) * 1000, 1)
            logger.info(
                "%s %s %s",
                request.method,
                request.path,
                response.status_code,
                extra={"status": response.status_code, "duration_ms": elapsed_ms},
            )
        finally:
            _request_id.reset(token)
        return response


class RequestIdFilter(logging.Filter):
    """Adds the request id to every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set `record.request_id`."""
        record.request_id = current_request_id()
        return True


class MaskingJsonFormatter(JsonFormatter):
    """Writes a record as one line of JSON, licence keys and tokens masked in all of it: message, extras, traceback."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Return the members of the line; what is no number and no time is shown as text."""
        plain = (int, float, datetime, type(None))
        return {name: value if isinstance(value, plain) else mask(str(value)) for name, value in log_data.items()}
