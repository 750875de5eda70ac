"""The SendGrid stand-in inside a test: the process's own SDK sends to it, and its events come back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework.response import Response
from rest_framework.test import APIClient

from deploy.local.sendgrid import events
from deploy.local.sendgrid.server import Server, Sink
from emails import providers

API_KEY = "SG.tests.only"
SIGNER = events.Signer()
WEBHOOK = "/api/v1/webhooks/sendgrid"


@contextmanager
def running_sink() -> Iterator[tuple[Sink, str]]:
    """Run a stand-in for the time of the block; yield it and its address."""
    sink = Sink(API_KEY)
    with Server(sink) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield sink, server.url
        finally:
            sink.closing.set()
            server.shutdown()


@contextmanager
def sending_to_sink(settings: Any) -> Iterator[Sink]:
    """Send this process's mails to a stand-in for the time of the block."""
    with running_sink() as (sink, url):
        settings.EMAIL_PROVIDER = "sendgrid"
        settings.SENDGRID_API_KEY, settings.SENDGRID_API_BASE = API_KEY, url
        settings.SENDGRID_WEBHOOK_PUBLIC_KEYS = [SIGNER.public_key]
        providers.current.cache_clear()
        try:
            yield sink
        finally:
            providers.current.cache_clear()


def deliver(*told: dict[str, Any], signer: events.Signer = SIGNER, age_seconds: int = 0) -> Response:
    """Post events to our webhook, signed as SendGrid signs them `age_seconds` ago."""
    body = events.batch(*told)
    return post(body, signer.headers(body, age_seconds=age_seconds))


def post(body: bytes, headers: dict[str, str]) -> Response:
    """Post bytes to our webhook."""
    answer: Response = APIClient(raise_request_exception=False).post(
        WEBHOOK, data=body, content_type="application/json", headers=headers
    )
    return answer
