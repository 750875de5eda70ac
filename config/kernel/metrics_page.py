"""`/metrics`: who may read it, and the small server on which a worker shows its own."""

import hmac
import logging
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings
from django.db import connections
from prometheus_client.exposition import choose_encoder

from config.kernel.metrics import REGISTRY

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """An answer, before it is HTTP."""

    status: int
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""


def page(*, authorization: str, accept: str) -> Page:
    """Return the metrics, in the text format or as OpenMetrics; 401 without the right bearer token.

    Without METRICS_TOKEN there is no such page, local runs excepted.
    """
    if not settings.METRICS_TOKEN and not settings.METRICS_OPEN:
        return Page(404)
    if settings.METRICS_TOKEN and not _is_ours(authorization):
        return Page(401)
    encode, content_type = choose_encoder(accept)
    return Page(200, content_type, encode(REGISTRY))


def _is_ours(authorization: str) -> bool:
    scheme, _, token = authorization.partition(" ")
    # As bytes, since compare_digest takes no text beyond ASCII, which a caller may send.
    matches = hmac.compare_digest(token.strip().encode(errors="replace"), settings.METRICS_TOKEN.encode())
    return matches and scheme.lower() == "bearer"


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server_version = "coditect"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer one scrape."""
        found = self.path.partition("?")[0] == "/metrics"
        try:
            answer = (
                page(
                    authorization=self.headers.get("Authorization", ""),
                    accept=self.headers.get("Accept", ""),
                )
                if found
                else Page(404)
            )
        finally:
            connections.close_all()  # this thread's; they go back to the pool
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the library's name)
        """Write no line a scrape."""


def serve(address: str) -> ThreadingHTTPServer | None:
    """Serve `/metrics` at `host:port` from a thread of this process; None when that address cannot be had.

    A worker that cannot be watched still works: it says so and goes on.
    """
    host, _, port = address.rpartition(":")
    try:
        server = ThreadingHTTPServer((host.strip("[]"), int(port)), _Handler)
    except (OSError, ValueError, OverflowError) as error:
        logger.error("metrics cannot be served at %s: %s", address, error)  # noqa: TRY400  (a sentence is enough)
        return None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
