"""Answers of any length: JSON Lines, written while they are read."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

CONTENT_TYPE = "application/x-ndjson"


class AnyAccept(BaseContentNegotiation):
    """For actions that answer with a file of one type: whatever the caller accepts, refusals are JSON."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return what renders refusals."""
        renderer = JSONRenderer()
        return renderer, renderer.media_type


def json_lines(rows: Iterable[Mapping[str, Any]], *, filename: str) -> StreamingHttpResponse:
    """Return a download of one JSON object a line.

    The rows are taken one by one after the view has returned: outside of its transaction and organization context,
    which whatever yields them has to bring along.
    """
    renderer = JSONRenderer()
    return StreamingHttpResponse(
        (renderer.render(row) + b"\n" for row in rows),
        content_type=CONTENT_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )
