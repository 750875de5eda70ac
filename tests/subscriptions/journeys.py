"""Six journeys as they happen at Stripe, written down step by step: what is told, and how everything then looks."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from subscriptions.event_types import EVENT_TYPES
from tests import journey, stripe_account
from tests.api.beneath import as_owner
from tests.subscriptions.stripe_side import call, pay, subscription_of
from tests.subscriptions.stripe_time import card, own_time, pass_time

Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One thing that happened: what Stripe tells of it, and its objects by id as they are afterwards."""

    events: list[Json]
    objects: dict[str, Json]


@dataclass
class Recording:
    """A journey that was made at Stripe and that nobody has been told of yet."""

    customer: journey.Customer
    subscription_id: str = ""
    customer_id: str = ""
    steps: list[Step] = field(default_factory=list)

    def write_down(self, events: list[Json] | None = None) -> None:
        """Write down what happened since the last time."""
        told = [one for one in events or stripe_account.new_events() if self.is_told(one)]
        subscription = call("GET", f"subscriptions/{self.subscription_id}")
        invoices = call("GET", f"invoices?subscription={self.subscription_id}&limit=100")["data"]
        objects = {one["id"]: one for one in (subscription, *invoices)}
        self.steps.append(Step(told, json.loads(json.dumps(objects))))

    def is_told(self, event: Json) -> bool:
        """Return whether it is of this journey, and of a kind that our endpoint asks for."""
        about = json.dumps(event["data"]["object"])
        is_ours = self.subscription_id in about or self.customer_id in about
        return is_ours and event["type"] in EVENT_TYPES


@contextmanager
def without_trial() -> Iterator[None]:
    """Sell plans without a trial."""
    as_owner("update subscriptions_plan set trial_days = 0")
    try:
        yield
    finally:
        as_owner("update subscriptions_plan set trial_days = 14")


def _buy(plan: str = "starter") -> Recording:
    made = Recording(journey.sign_up())
    _, told = pay(made.customer, plan=plan)
    made.subscription_id = subscription_of(told)
    made.customer_id = call("GET", f"subscriptions/{made.subscription_id}")["customer"]
    made.write_down(told)
    return made


def _buy_directly() -> Recording:
    with without_trial():
        return _buy()


def trial_to_paid() -> Recording:
    """A trial ends, is paid for, and renewed once."""
    made = _buy()
    pass_time(days=11, hours=1)
    made.write_down()
    pass_time(days=3, hours=2)
    made.write_down()
    pass_time(months=1, hours=2)
    made.write_down()
    return made


def direct() -> Recording:
    """Paid from the first day, and renewed twice."""
    made = _buy_directly()
    for _ in range(2):
        pass_time(months=1, hours=2)
        made.write_down()
    return made


def fail_and_recover() -> Recording:
    """A renewal fails twice, then it is paid."""
    made = _buy_directly()
    card(made.customer_id, "declined")
    pass_time(months=1, hours=2)
    made.write_down()
    pass_time(days=2)
    made.write_down()
    card(made.customer_id, "good", retry=True)
    made.write_down()
    return made


def fail_and_suspend() -> Recording:
    """A renewal fails three times."""
    made = _buy_directly()
    card(made.customer_id, "declined")
    pass_time(months=1, hours=2)
    made.write_down()
    for _ in range(2):
        pass_time(days=2)
        made.write_down()
    return made


def up_and_down() -> Recording:
    """A larger plan, renewed, and the smaller one again."""
    made = _buy_directly()
    prices = dict(as_owner("select slug, stripe_price_id from subscriptions_plan"))
    item = call("GET", f"subscriptions/{made.subscription_id}")["items"]["data"][0]["id"]
    for plan in ("pro", "starter"):
        change = {"items[0][id]": item, "items[0][price]": prices[plan]}
        call("POST", f"subscriptions/{made.subscription_id}", **change)
        made.write_down()
        pass_time(months=1, hours=2)
        made.write_down()
    return made


def cancel() -> Recording:
    """A trial is paid for, canceled to the period's end, and comes to it."""
    made = _buy()
    pass_time(days=14, hours=2)
    made.write_down()
    call("POST", f"subscriptions/{made.subscription_id}", cancel_at_period_end="true")
    made.write_down()
    pass_time(months=1, hours=2)
    made.write_down()
    return made


JOURNEYS: dict[str, Callable[[], Recording]] = {
    one.__name__: one for one in (trial_to_paid, direct, fail_and_recover, fail_and_suspend, up_and_down, cancel)
}


def make(name: str) -> Recording:
    """Make a journey at Stripe, with a retry each second day; then it is today again."""
    with own_time(2, 2, 2, 2):
        return JOURNEYS[name]()
