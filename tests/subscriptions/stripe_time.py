"""Time at Stripe, and what it meets: the stand-in's clock, the customers' cards, the plan of retries."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.plugins import servers


def local(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask or set something at the stand-in that Stripe has no route for."""
    asked = urllib.request.Request(
        f"{servers.current().stripe_url}/_local/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        said: dict[str, Any] = json.load(answer)
    return said


def pass_time(**span: int) -> None:
    """Let months, days and hours pass at Stripe, with all that falls due on the way."""
    local("clock", {"advance": span})


def card(customer_id: str, state: str, *, retry: bool = False) -> None:
    """Make a customer's card good, declined or none; with `retry` what is open is charged at once."""
    local(f"customers/{customer_id}/card", {"card": state, "retry": retry})


@contextmanager
def own_time(*retry_days: int) -> Iterator[None]:
    """Let a block move time at Stripe as it likes, with retries so many days apart; after it, it is today again."""
    before = local("billing")
    if retry_days:
        local("billing", {"retry_days": list(retry_days)})
    try:
        yield
    finally:
        local("clock", {"follow": True})
        local("billing", {"retry_days": before["retry_days"]})
