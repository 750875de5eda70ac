"""What goes wrong on purpose: lost, twinned, disordered, late and old-fashioned webhooks; an API that fails."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from tests.local_stack.stripe.receiver import Receiver
from tests.local_stack.stripe.standin import API_KEY, HTTP, VERSION, Standin, subscribe
from tests.local_stack.stripe.test_webhooks import JOURNEY
from tests.local_stack.stripe.timeline import DAY, advance

Fresh = tuple[Standin, Receiver]


def lost(standin: Standin) -> list[str]:
    found = HTTP.get(f"{standin.url}/_local/deliveries", params={"status": "dropped"}).json()["deliveries"]
    return [each["type"] for each in found]


def pending(standin: Standin) -> list[dict[str, Any]]:
    """Return the deliveries that have not been acknowledged yet."""
    answer = HTTP.get(f"{standin.url}/_local/deliveries", params={"status": "pending"}).json()
    return list(answer["deliveries"])


class TestDeliveries:
    def test_that_are_lost_never_come_but_are_listed(self, fresh: Fresh) -> None:
        standin, receiver = fresh
        standin.control("switches", drop_next=3)
        subscribe(standin)
        receiver.wait(lambda: len(receiver.received) == 1)
        assert len(lost(standin)) == 3
        listed = standin.sdk.v1.events.list({"types": sorted(JOURNEY), "delivery_success": False}).data
        assert sorted(event.type for event in listed) == sorted(lost(standin))

    def test_can_be_lost_by_type_or_by_share(self, fresh: Fresh) -> None:
        standin, receiver = fresh
        standin.control("switches", drop_types=["invoice.*"])
        subscribe(standin)
        receiver.wait(lambda: len(receiver.received) == 2)
        assert sorted(lost(standin)) == ["invoice.paid", "invoice.payment_succeeded"]
        standin.control("switches", drop_types=[], drop_share=1)
        subscribe(standin)
        standin.control("switches", drop_share=0.0)
        last = subscribe(standin)
        receiver.wait(lambda: set(receiver.types(last.id)) == JOURNEY)
        assert len(receiver.received) == 2 + 4

    def test_have_twins_of_another_id_that_say_the_same(self, fresh: Fresh) -> None:
        standin, receiver = fresh
        standin.control("switches", twin=True)
        subscribe(standin)
        receiver.wait(lambda: len(receiver.received) == 2 * len(JOURNEY))
        assert len({each.event["id"] for each in receiver.received}) == 2 * len(JOURNEY)
        facts = Counter((each.event["type"], str(each.event["data"])) for each in receiver.received)
        assert set(facts.values()) == {2}

    def test_come_in_no_order(self, fresh: Fresh) -> None:
        standin, receiver = fresh
        standin.control("switches", paused=True, shuffle=True)
        for _ in range(4):
            subscribe(standin)
        standin.control("switches", paused=False)
        receiver.wait(lambda: len(receiver.received) == 4 * len(JOURNEY))
        recorded = [event["id"] for event in standin.take_events()]
        order = [recorded.index(each.event["id"]) for each in receiver.received]
        # Of 16! orders this is one; it takes no luck.
        assert order not in (sorted(order), sorted(order, reverse=True))

    def test_come_late(self, fresh: Fresh) -> None:
        standin, receiver = fresh
        standin.control("switches", delivery_delay_ms=3_600_000)
        subscribe(standin)
        standin.control("switches", delivery_delay_ms=0)
        prompt = subscribe(standin)
        receiver.wait(lambda: set(receiver.types(prompt.id)) == JOURNEY)
        receiver.wait(lambda: len(pending(standin)) <= len(JOURNEY))
        waiting = pending(standin)
        assert len(waiting) == len(JOURNEY)
        assert all(each["next_at"] > time.time() + 3000 and each["attempts"] == 0 for each in waiting)

    def test_can_claim_live_mode(self, fresh: Fresh) -> None:
        standin, receiver = fresh
        standin.control("switches", livemode=True)
        subscribe(standin)
        receiver.wait(lambda: len(receiver.received) == len(JOURNEY))
        assert {each.event["livemode"] for each in receiver.received} == {True}


class TestOlderShapes:
    # These are what the pinned SDK does not know, so the walk of the fixture must not see them.
    def deliver(self, fresh: Fresh, version: str) -> dict[str, Any]:
        standin, receiver = fresh
        standin.control("endpoint", api_version=version)
        subscription = subscribe(standin)
        advance(standin, subscription, months=1, hours=2)
        receiver.wait(lambda: [each.event["type"] for each in receiver.received].count("invoice.paid") == 2)
        receiver.wait(lambda: not pending(standin))  # or one that comes later is seen by the walk
        found = {each.event["type"]: each.event for each in receiver.received}
        receiver.received.clear()
        assert {event["api_version"] for event in found.values()} == {version}
        return {kind: event["data"] for kind, event in found.items()}

    def test_before_basil_had_the_period_on_the_subscription_and_the_subscription_on_the_invoice(
        self, fresh: Fresh
    ) -> None:
        data = self.deliver(fresh, "2024-06-20")
        updated = data["customer.subscription.updated"]
        subscription, previous = updated["object"], updated["previous_attributes"]
        assert subscription["current_period_start"] == previous["current_period_end"]
        assert subscription["plan"]["amount"] == 2900
        assert "current_period_end" not in subscription["items"]["data"][0]
        invoice = data["invoice.paid"]["object"]
        assert (invoice["subscription"], invoice["paid"], "parent" in invoice) == (subscription["id"], True, False)
        assert invoice["payment_intent"].startswith("pi_")
        line = invoice["lines"]["data"][0]
        assert (line["price"]["unit_amount"], line["proration"], line["type"]) == (2900, False, "subscription")

    def test_basil_had_todays_places_without_todays_additions(self, fresh: Fresh) -> None:
        data = self.deliver(fresh, "2025-03-31.basil")
        subscription = data["customer.subscription.updated"]["object"]
        assert "billing_mode" not in subscription
        assert "current_period_end" in subscription["items"]["data"][0]
        assert data["invoice.paid"]["object"]["parent"]["subscription_details"]["subscription"] == subscription["id"]

    def test_refuses_versions_it_cannot_speak(self, standin: Standin) -> None:
        assert HTTP.post(f"{standin.url}/_local/endpoint", json={"api_version": "2020"}).status_code == 400


class TestApi:
    @pytest.mark.parametrize(
        ("answer", "error"), [(500, stripe.APIError), (429, stripe.RateLimitError), (409, stripe.APIError)]
    )
    def test_fails_as_often_as_ordered_and_only_there(
        self, standin: Standin, answer: int, error: type[stripe.StripeError]
    ) -> None:
        standin.control("faults", answer=answer, path="/v1/customers*", method="POST", times=2)
        before = len(standin.sdk.v1.customers.list({"limit": 100}).data)
        for _ in range(2):
            with pytest.raises(error) as raised:
                standin.sdk.v1.customers.create()
            assert raised.value.http_status == answer
        assert HTTP.get(f"{standin.url}/_local/faults").json() == {"faults": []}
        standin.sdk.v1.customers.create()
        assert len(standin.sdk.v1.customers.list({"limit": 100}).data) == before + 1

    def test_may_have_done_it_all_the_same_and_the_key_finds_out(self, standin: Standin) -> None:
        standin.control("faults", answer=500, path="/v1/customers", commit=True)
        options: stripe.RequestOptions = {"idempotency_key": "lost-answer"}
        params: Any = {"email": "once@example.com"}
        with pytest.raises(stripe.APIError):
            standin.sdk.v1.customers.create(params, options)
        assert len(standin.sdk.v1.customers.list(params).data) == 1
        found = standin.sdk.v1.customers.create(params, options)
        assert [each.id for each in standin.sdk.v1.customers.list(params).data] == [found.id]

    def test_is_asked_again_by_the_sdk_with_the_same_key(self, standin: Standin) -> None:
        standin.control("faults", answer=500, path="/v1/customers", commit=True, times=2)
        patient = stripe.StripeClient(
            API_KEY, base_addresses={"api": standin.url}, stripe_version=VERSION, max_network_retries=2
        )
        params: Any = {"email": "patient@example.com"}
        assert patient.v1.customers.create(params).email == "patient@example.com"
        assert len(standin.sdk.v1.customers.list(params).data) == 1

    def test_can_let_a_caller_wait_in_vain_without_holding_up_others(self, standin: Standin) -> None:
        standin.control("faults", answer=503, path="/v1/products", seconds=3)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(
                httpx.get, f"{standin.url}/v1/products", headers={"Authorization": f"Bearer {API_KEY}"}, timeout=0.5
            )
            assert standin.sdk.v1.customers.list().data is not None
            with pytest.raises(httpx.TimeoutException):
                waiting.result()

    def test_refuses_orders_that_make_no_sense_and_forgets_them_all(self, standin: Standin) -> None:
        nonsense: tuple[Any, ...] = ({"answer": 200}, {"times": 0}, {"commit": 1}, {"seconds": -1}, {"where": "/"}, [])
        for body in nonsense:
            assert HTTP.post(f"{standin.url}/_local/faults", json=body).status_code == 400
        standin.control("faults", times=5)
        assert HTTP.delete(f"{standin.url}/_local/faults").json() == {"faults": []}
        standin.sdk.v1.customers.list()

    def test_refuses_switches_that_make_no_sense(self, standin: Standin) -> None:
        for body in ({"drop_share": 2}, {"drop_next": -1}, {"drop_next": True}, {"drop_types": [1]}, {"twin": 1}):
            assert HTTP.post(f"{standin.url}/_local/switches", json=body).status_code == 400


class TestPruning:
    def test_forgets_events_after_thirty_days(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        event = standin.sdk.v1.events.list({"type": "customer.subscription.created", "limit": 1}).data[0].id
        assert standin.sdk.v1.events.retrieve(event).id == event
        advance(standin, subscription, seconds=30 * DAY + 60)
        with pytest.raises(stripe.InvalidRequestError) as gone:
            standin.sdk.v1.events.retrieve(event)
        assert gone.value.http_status == 404
        listed = standin.sdk.v1.events.list({"type": "customer.subscription.created", "limit": 100}).data
        assert event not in [each.id for each in listed]
