"""Starts the stand-in as its own process and speaks to it with the real SDK, keeping each raw answer."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import stripe

from tests.local_stack.stripe.receiver import SECRET

ROOT = Path(__file__).resolve().parents[3]
API_KEY = "sk_test_for_tests"
VERSION = "2026-10-28.endive"
SUCCESS = "http://product.test/done?session={CHECKOUT_SESSION_ID}"
CANCEL = "http://product.test/plans"
# One client for all: making one costs more than a request.
HTTP = httpx.Client(timeout=15)


class RecordingClient(stripe.RequestsClient):
    """The SDK's own HTTP client, with a memory of what came back on the wire."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[dict[str, Any]] = []

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **more: Any) -> Any:
        """As the SDK's, and successful bodies are kept."""
        answer = super().request(method, url, headers, post_data, **more)
        if answer[1] == 200:
            self.answers.append(json.loads(answer[0]))
        return answer


class Standin:
    """One stand-in process on a free port; `start` and `stop` may be called again on the same data."""

    def __init__(self, data: Path, webhook_url: str, *, any_key: bool = False) -> None:
        self.data = data
        self.webhook_url = webhook_url
        self.any_key = any_key
        self._recorder = RecordingClient()
        self._last_event = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Run it until it says where it listens."""
        command = [sys.executable, "-m", "deploy.local.stripe", "--port", "0", "--data", str(self.data)]
        command += ["--webhook-url", self.webhook_url, "--webhook-secret", SECRET]
        command += [] if self.any_key else ["--api-key", API_KEY]
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        self.sdk = self.client(API_KEY)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit code; SIGKILL is what a crash looks like."""
        self.process.send_signal(how)
        code = self.process.wait(timeout=5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def client(self, key: str, version: str = VERSION) -> stripe.StripeClient:
        """The real SDK, with another key or version."""
        return stripe.StripeClient(
            key, base_addresses={"api": self.url}, stripe_version=version, http_client=self._recorder
        )

    def take_answers(self) -> list[dict[str, Any]]:
        """The successful answers since the last call."""
        taken, self._recorder.answers = self._recorder.answers, []
        return taken

    def take_events(self) -> list[dict[str, Any]]:
        """The events since the last call, delivered or not."""
        taken: list[dict[str, Any]] = HTTP.get(f"{self.url}/_local/events", params={"after": self._last_event}).json()[
            "events"
        ]
        self._last_event = taken[-1]["id"] if taken else self._last_event
        return taken

    def control(self, path: str, /, **body: Any) -> dict[str, Any]:
        """POST to one of the /_local routes."""
        answer = HTTP.post(f"{self.url}/_local/{path}", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def raw(self, method: str, path: str, headers: Mapping[str, str] | None = None, **kwargs: Any) -> httpx.Response:
        """A request without the SDK, with the right key unless told otherwise."""
        with_key = {"Authorization": f"Bearer {API_KEY}"} | dict(headers or {})
        return HTTP.request(method, self.url + path, headers=with_key, **kwargs)


def plan(standin: Standin, amount: int = 2900, **more: Any) -> stripe.Price:
    """A monthly price of a new product."""
    product = standin.sdk.v1.products.create({"name": "Starter"})
    # As Any: `more` is what a test wants to be odd about.
    params: Any = {"product": product.id, "currency": "usd", "unit_amount": amount, "recurring": {"interval": "month"}}
    return standin.sdk.v1.prices.create(params | more)


def checkout(standin: Standin, price: stripe.Price | None = None, **more: Any) -> stripe.checkout.Session:
    """An open session for one of `price`; without `customer` it has none yet, but an address."""
    if "customer" not in more:
        more.setdefault("customer_email", "ada@example.com")
    params: Any = {
        "mode": "subscription",
        "line_items": [{"price": (price or plan(standin)).id, "quantity": 1}],
        "success_url": SUCCESS,
        "cancel_url": CANCEL,
    }
    return standin.sdk.v1.checkout.sessions.create(params | more)


def subscribe(standin: Standin, price: stripe.Price | None = None, **more: Any) -> stripe.Subscription:
    """A subscription whose Checkout has been paid."""
    session = checkout(standin, price, **more)
    assert session.url is not None
    assert HTTP.post(session.url, data={"action": "pay"}).status_code == 303
    paid = standin.sdk.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert isinstance(paid.subscription, stripe.Subscription)
    return paid.subscription
