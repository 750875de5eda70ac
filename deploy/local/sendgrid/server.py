"""The stand-in's HTTP server: /v3/mail/send, /v3/templates, and switches that make it fail."""

from __future__ import annotations

import json
import secrets
import threading
import time
import urllib.parse
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from deploy.local.sendgrid import mail_body
from deploy.local.sendgrid.errors import Fault, Refused
from deploy.local.sendgrid.handlebars import render
from deploy.local.sendgrid.templates import Templates

# Loopback only: whoever reaches it reads the mails.
HOST = "127.0.0.1"
MOST_BYTES = 30 * 1024 * 1024
HANG_SECONDS = 30.0


@dataclass(frozen=True)
class Failure:
    """What is to happen to one request instead of the usual.

    `status` is answered, with `retry_after`; without one the connection is closed in silence, `hang` after a long
    while. `taken` says whether the mail had been taken all the same.
    """

    status: int | None = None
    retry_after: str | None = None
    hang: bool = False
    taken: bool = False


@dataclass
class Sink:
    """What the stand-in has taken, and how it will fail next."""

    api_key: str
    mails: list[dict[str, Any]] = field(default_factory=list)
    templates: Templates = field(default_factory=Templates)
    failures: deque[Failure] = field(default_factory=deque)
    arrivals: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    # SendGrid's own lists, from which addresses can be taken.
    suppressed: dict[str, set[str]] = field(default_factory=lambda: {"bounces": set(), "spam_reports": set()})
    # Set to let requests go that wait before they are answered (`hold`); for killing a sender in the middle.
    hold: threading.Event | None = None
    held: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def requests(self) -> int:
        """Return how many requests came in."""
        return len(self.arrivals)

    def take(self, body: Any) -> dict[str, Any]:
        """Take a mail, or raise Refused with all that is wrong with it."""
        faults = mail_body.faults_of(body, template_ids=self.templates.by_id)
        if faults:
            raise Refused(400, *faults)
        mail = {"id": secrets.token_urlsafe(16), "body": body, **self._drawn(body)}
        with self.lock:
            self.mails.append(mail)
        return mail

    def _drawn(self, body: dict[str, Any]) -> dict[str, str]:
        """Return the mail as its reader sees it."""
        version = self.templates.active(body.get("template_id", ""))
        if version is None:
            parts = {part["type"]: part["value"] for part in body.get("content", [])}
            return {"subject": body.get("subject", ""), "text": parts.get("text/plain", ""),
                    "html": parts.get("text/html", "")}  # fmt: skip
        data = body["personalizations"][0].get("dynamic_template_data", {})
        return {
            name: render(version.get(source, ""), data)
            for name, source in {"subject": "subject", "text": "plain_content", "html": "html_content"}.items()
        }


class Server(ThreadingHTTPServer):
    """Serves one sink."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, sink: Sink, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.sink = sink

    @property
    def url(self) -> str:
        """Return where it listens, as SENDGRID_API_BASE."""
        return f"http://{HOST}:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: callers that are killed in mid-request are what it is for."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    # Head and body leave together: apart, each answer would wait for the other side's delayed acknowledgement.
    wbufsize = -1

    def do_POST(self) -> None:
        self._serve()

    do_GET = do_PATCH = do_DELETE = do_PUT = do_POST  # noqa: N815  (the base class's names)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep silent: bodies and paths may hold addresses."""

    def _serve(self) -> None:
        sink = self.server.sink
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with sink.lock:
            sink.arrivals.append(time.monotonic())
            failure = sink.failures.popleft() if sink.failures else None
        try:
            if failure and not failure.taken:
                return self._fail(failure)
            status, answer, headers = self._answer(raw)
            if failure:
                return self._fail(failure)
        except Refused as refused:
            status, headers = refused.status, refused.headers
            answer = {"errors": [fault.shown() for fault in refused.faults]}
        self._say(status, answer, headers)
        return None

    def _answer(self, raw: bytes) -> tuple[int, Any, dict[str, str]]:
        sink = self.server.sink
        if self.headers.get("Authorization") != f"Bearer {sink.api_key}":
            raise Refused(401, Fault("The provided authorization grant is invalid, expired, or revoked"))
        if len(raw) > MOST_BYTES:
            raise Refused(413, Fault("The payload is too large"))
        address = urllib.parse.urlsplit(self.path)
        path = address.path.strip("/").split("/")
        body = self._json(raw) if self.command in {"POST", "PATCH", "PUT"} else None
        if path == ["v3", "mail", "send"] and self.command == "POST":
            mail = sink.take(body)
            if sink.hold is not None:
                sink.held.set()
                sink.hold.wait(HANG_SECONDS)
            return 202, None, {"X-Message-Id": mail["id"]}
        if path[:2] == ["v3", "templates"]:
            query = dict(urllib.parse.parse_qsl(address.query))
            return *sink.templates.answer(self.command, path[2:], query, body), {}
        if path[:2] == ["v3", "suppression"] and len(path) == 4 and self.command == "DELETE":
            listed, email = sink.suppressed.get(path[2], set()), urllib.parse.unquote(path[3])
            if email not in listed:
                raise Refused(404, Fault("not found"))
            listed.remove(email)
            return 204, None, {}
        raise Refused(404, Fault("not found"))

    def _json(self, raw: bytes) -> Any:
        if self.headers.get_content_type() != "application/json":
            raise Refused(415, Fault("Content-Type should be application/json."))
        try:
            return json.loads(raw)
        except ValueError:
            raise Refused(400, Fault("Bad Request")) from None

    def _fail(self, failure: Failure) -> None:
        if failure.status is None:
            self.close_connection = True
            if failure.hang:
                self.server.sink.closing.wait(HANG_SECONDS)
            return
        headers = {"Retry-After": failure.retry_after} if failure.retry_after else {}
        self._say(failure.status, {"errors": [Fault("as it was told to").shown()]}, headers)

    def _say(self, status: int, answer: Any, headers: dict[str, str]) -> None:
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
