"""What a customer and Stripe do in tests, against the running stand-in: pay on the page, deliver signed events."""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from rest_framework.response import Response
from rest_framework.test import APIClient

from tests.plugins import servers

_delivered: set[str] = set()


def act(checkout_url: str, action: str) -> str:
    """Do `pay`, `decline` or `leave` on a Checkout page; return where the page sends the browser."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: Any) -> None:
            return None

    body = urllib.parse.urlencode({"action": action}).encode()
    try:
        urllib.request.build_opener(Stay).open(checkout_url, body, timeout=5)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["Location"])
    raise AssertionError("the page did not redirect")


def new_events() -> list[dict[str, Any]]:
    """Return the events that have happened since the last call, oldest first."""
    fresh: list[dict[str, Any]] = []
    while True:
        page = _events(before=fresh[-1]["id"] if fresh else None)
        news = [event for event in page["data"] if event["id"] not in _delivered]
        fresh += news
        # What other tests left at Stripe goes on as time passes, so that a day may have more events than a page.
        if len(news) < len(page["data"]) or not page["has_more"]:
            break
    fresh.reverse()
    _delivered.update(event["id"] for event in fresh)
    return fresh


def _events(*, before: str | None) -> Any:
    # As raw JSON: deliveries carry the very text that Stripe stores, not what an SDK makes of it.
    asked = urllib.request.Request(
        f"{servers.current().stripe_url}/v1/events?limit=100" + (f"&starting_after={before}" if before else ""),
        headers={"Authorization": f"Bearer {servers.STRIPE_KEY}"},
    )
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return json.load(answer)


def deliver(api: APIClient, event: dict[str, Any], *, secret: str = servers.WEBHOOK_SECRET, age: int = 0) -> Response:
    """Post one event to the webhook, signed as Stripe signs it `age` seconds ago."""
    body = json.dumps(event)
    timestamp = int(time.time()) - age
    digest = hmac.new(secret.encode(), f"{timestamp}.{body}".encode(), hashlib.sha256).hexdigest()
    answer: Response = api.post(
        "/api/v1/webhooks/stripe",
        data=body,
        content_type="application/json",
        headers={"Stripe-Signature": f"t={timestamp},v1={digest}"},
    )
    return answer
