"""A webhook receiver: real HTTP on loopback, verifies each signature with the SDK, answers what the test wants."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import stripe

SECRET = "whsec_for_tests"


@dataclass
class Received:
    """One delivery as it came in, verified."""

    event: dict[str, Any]
    signature: str
    body: bytes


@dataclass
class Receiver:
    """Collects deliveries. `answers` are the statuses of the next ones (then 200); `hang`: seconds each waits."""

    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    hang: float = 0
    attempts: int = 0
    forged: int = 0
    port: int = 0
    _released: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        receiver = self
        self._released.clear()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.send_response(receiver._take(self))
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keep the test's output quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def _take(self, request: BaseHTTPRequestHandler) -> int:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        signature = request.headers["Stripe-Signature"]
        self.attempts += 1
        try:
            stripe.Webhook.construct_event(body, signature, SECRET)
        except stripe.SignatureVerificationError:
            self.forged += 1
            return 400
        self._released.wait(self.hang)
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.received.append(Received(json.loads(body), signature, body))
        return status

    @property
    def url(self) -> str:
        """Where deliveries go."""
        return f"http://127.0.0.1:{self.port}/hook?x=1"

    def types(self, about: str) -> list[str]:
        """The types received that concern this object id, in order of arrival."""
        return [each.event["type"] for each in self.about(about)]

    def about(self, object_id: str) -> list[Received]:
        """The deliveries that mention this id anywhere."""
        return [each for each in self.received if object_id.encode() in each.body]

    def wait(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until the condition holds; AssertionError with what has come in when it does not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"in vain; received {[each.event['type'] for each in self.received]}"
            time.sleep(0.02)
