"""Requests as the servers hand them over, less the one freedom of their senders that Django stumbles over."""

from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.utils.http import parse_header_parameters


class _AlwaysUtf8(HttpRequest):
    """Does not take over the charset that the caller names: JSON is UTF-8 (RFC 8259 §8.1).

    A codec that is none for text (`charset=rot13`) makes Django raise before any middleware runs, so that the caller
    gets the server's bare 500 and no line is logged.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


class Utf8WsgiRequest(_AlwaysUtf8, WSGIRequest):
    """A request by WSGI."""


class Utf8AsgiRequest(_AlwaysUtf8, ASGIRequest):
    """A request by ASGI."""
