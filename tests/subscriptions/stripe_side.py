"""What happens at Stripe in these tests: purchases, changes and cancellations, through the stand-in's own API."""

import json
import urllib.parse
import urllib.request
from typing import Any

from rest_framework.test import APIClient

from config.kernel.ids import new_id
from tests import stripe_account
from tests.journey import Customer
from tests.plugins import servers

Event = dict[str, Any]


def call(method: str, path: str, **form: str) -> dict[str, Any]:
    """Call Stripe's API and return its answer."""
    asked = urllib.request.Request(
        f"{servers.current().stripe_url}/v1/{path}",
        data=urllib.parse.urlencode(form).encode() if form else None,
        method=method,
        headers={"Authorization": f"Bearer {servers.STRIPE_KEY}"},
    )
    with urllib.request.urlopen(asked, timeout=5) as answer:
        body: dict[str, Any] = json.load(answer)
    return body


def pay(customer: Customer, *, plan: str = "starter") -> tuple[str, list[Event]]:
    """Open a checkout and pay; return its session's id and what Stripe has to tell, which nobody has been told yet."""
    stripe_account.new_events()
    opened = customer.api.post("/api/v1/checkout/session", {"plan_id": plan})
    assert opened.status_code == 201, opened.content
    stripe_account.act(opened.json()["checkout_url"], "pay")
    return opened.json()["session_id"], stripe_account.new_events()


def only(events: list[Event], *types: str) -> list[Event]:
    """Return the events of these types, in the order of the types."""
    return [event for kind in types for event in events if event["type"] == kind]


def subscription_of(events: list[Event]) -> str:
    """Return the id of the subscription that a purchase made."""
    (event,) = only(events, "customer.subscription.created")
    found: str = event["data"]["object"]["id"]
    return found


def anew(event: Event, **changed: Any) -> Event:
    """Return the same news under another event id, as Stripe sends it now and then."""
    return {**event, "id": f"evt_{new_id().hex}", **changed}


def tell(*events: Event) -> None:
    """Deliver events, each of which must be taken."""
    for event in events:
        answer = stripe_account.deliver(APIClient(), event)
        assert answer.status_code == 200, answer.content
