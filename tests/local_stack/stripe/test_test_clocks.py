"""Test clocks: some customers' own time, over Stripe's API and for one customer by a control route."""

from __future__ import annotations

import signal
from typing import Any

import httpx
import pytest
import stripe
from stripe import test_helpers

from tests.local_stack.stripe.receiver import Receiver
from tests.local_stack.stripe.standin import HTTP, Standin, plan, subscribe
from tests.local_stack.stripe.timeline import DAY, latest_invoice, period, read

START = 1_800_000_000


def clock(standin: Standin) -> test_helpers.TestClock:
    return standin.sdk.v1.test_helpers.test_clocks.create({"frozen_time": START, "name": "a test's"})


def subscribed_on(standin: Standin, test_clock: str) -> stripe.Subscription:
    customer = standin.sdk.v1.customers.create({"test_clock": test_clock, "payment_method": "pm_card_visa"})
    card = standin.sdk.v1.customers.payment_methods.list(customer.id).data[0].id
    params: Any = {"customer": customer.id, "items": [{"price": plan(standin).id}], "default_payment_method": card}
    return standin.sdk.v1.subscriptions.create(params)


def advance(standin: Standin, receiver: Receiver, test_clock: str, moment: int) -> None:
    assert standin.sdk.v1.test_helpers.test_clocks.advance(test_clock, {"frozen_time": moment}).status == "advancing"
    arrived = standin.sdk.v1.test_helpers.test_clocks
    receiver.wait(lambda: arrived.retrieve(test_clock).status == "ready")


class TestTestClock:
    def test_renews_its_customers_and_nobody_else(self, standin: Standin, receiver: Receiver) -> None:
        bystander = subscribe(standin)
        on = clock(standin)
        subscription = subscribed_on(standin, on.id)
        assert (subscription.created, subscription.test_clock) == (START, on.id)
        ends = period(subscription)[1]
        advance(standin, receiver, on.id, ends + DAY)
        invoice = latest_invoice(standin, subscription)
        assert (invoice.created, invoice.status, invoice.test_clock) == (ends, "paid", on.id)
        assert period(read(standin, bystander)) == period(bystander)
        moved = standin.sdk.v1.test_helpers.test_clocks.retrieve(on.id)
        assert (moved.frozen_time, moved.status) == (ends + DAY, "ready")
        # What is done to its customers is done at its time.
        assert standin.sdk.v1.subscriptions.cancel(subscription.id).ended_at == ends + DAY

    def test_goes_forwards_by_two_intervals_at_most(self, standin: Standin) -> None:
        on = clock(standin)
        subscribed_on(standin, on.id)
        for moment in (START, START - 1, START + 63 * DAY):
            with pytest.raises(stripe.InvalidRequestError):
                standin.sdk.v1.test_helpers.test_clocks.advance(on.id, {"frozen_time": moment})

    def test_takes_its_customers_along_when_it_is_deleted(self, standin: Standin) -> None:
        on = clock(standin)
        subscription = subscribed_on(standin, on.id)
        standin.sdk.v1.test_helpers.test_clocks.delete(on.id)
        assert read(standin, subscription).status == "canceled"
        assert standin.raw("GET", f"/v1/customers/{subscription.customer}").json()["deleted"] is True
        listed = standin.sdk.v1.test_helpers.test_clocks.list({"limit": 100}).data
        assert on.id not in [each.id for each in listed]

    def test_arrives_after_a_crash_on_its_way(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        on = clock(standin)
        subscription = subscribed_on(standin, on.id)
        standin.control("switches", step_delay_ms=300)
        target = period(subscription)[1] + 20 * DAY
        standin.sdk.v1.test_helpers.test_clocks.advance(on.id, {"frozen_time": target})
        # The first told of its payment at the start, the second of the new period.
        receiver.wait(lambda: receiver.types(subscription.id).count("customer.subscription.updated") == 2)
        standin.stop(signal.SIGKILL)
        standin.start()
        standin.control("switches", step_delay_ms=0)
        assert standin.sdk.v1.test_helpers.test_clocks.retrieve(on.id).frozen_time == target
        assert len(standin.sdk.v1.invoices.list({"subscription": subscription.id}).data) == 2


class TestOneCustomersTime:
    def test_passes_for_that_customer_alone_as_far_as_one_likes(self, standin: Standin) -> None:
        mine, other = subscribe(standin), subscribe(standin)
        before = HTTP.get(f"{standin.url}/_local/clock").json()["offset"]
        moved = standin.control("clock", customer=str(mine.customer), advance={"months": 6, "hours": 2})
        assert {event["customer"] for event in moved["events"]} - {None} == {mine.customer}
        assert [event["type"] for event in moved["events"]].count("invoice.paid") == 6
        assert len(standin.sdk.v1.invoices.list({"subscription": mine.id}).data) == 7
        assert period(read(standin, other)) == period(other)
        assert HTTP.get(f"{standin.url}/_local/clock").json()["offset"] == before
        again = standin.control("clock", customer=str(mine.customer), advance={"days": 1})
        assert again["now"] == moved["now"] + DAY
        assert again["stopped"] is True

    def test_is_nobody_elses_business(self, standin: Standin) -> None:
        def post(**body: Any) -> httpx.Response:
            return HTTP.post(f"{standin.url}/_local/clock", json=body)

        assert post(customer="cus_none", advance=5).status_code == 404
        customer = standin.sdk.v1.customers.create().id
        assert post(customer=customer, to=1).status_code == 400
        assert post(customer=customer, follow=True).status_code == 400
        assert post(customer=customer, advance=5, stop=True).status_code == 400
