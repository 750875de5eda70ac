"""The pages for people: plain HTML templates, filled with escaped text."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template

from werkzeug.wrappers import Response

HERE = Path(__file__).parent
HEADERS = {
    # No form-action here: browsers apply it to the redirect after the POST, which leads to the product's own origin.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


def render(name: str, status: int = 200, *, title: str, raw: Mapping[str, str] | None = None, **texts: str) -> Response:
    """The page `name`.html; `title` and `texts` are escaped, `raw` is HTML that the caller has escaped itself."""
    values = {key: escape(text) for key, text in {"title": title, **texts}.items()} | dict(raw or {})
    frame = Template((HERE / "frame.html").read_text(encoding="utf-8"))
    content = Template((HERE / f"{name}.html").read_text(encoding="utf-8")).substitute(values)
    html = frame.substitute(content=content, title=escape(title))
    return Response(html, status, content_type="text/html; charset=utf-8", headers=HEADERS)
