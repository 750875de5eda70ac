"""Webhooks: signed, complete, retried until taken, and owed across crashes; the event list agrees with them."""

from __future__ import annotations

import signal
import time

import stripe

from tests.local_stack.stripe.receiver import Receiver
from tests.local_stack.stripe.standin import HTTP, Standin, checkout, subscribe

JOURNEY = {
    "customer.subscription.created",
    "invoice.paid",
    "invoice.payment_succeeded",
    "checkout.session.completed",
}
PAYMENT = {"payment_intent.created", "payment_intent.succeeded", "charge.succeeded", "invoice_payment.paid"}
ALL_OF_A_CHECKOUT = (
    JOURNEY | PAYMENT | {"customer.created", "payment_method.attached", "invoice.created", "invoice.finalized"}
)


def delivered(standin: Standin, status: str = "delivered") -> int:
    found = HTTP.get(f"{standin.url}/_local/deliveries", params={"status": status}).json()["deliveries"]
    return len(found)


class TestDelivery:
    def test_tells_of_a_paid_checkout_once_each_and_only_what_is_subscribed_to(
        self, fresh: tuple[Standin, Receiver]
    ) -> None:
        standin, receiver = fresh
        subscribe(standin)
        receiver.wait(lambda: len(receiver.received) == len(JOURNEY))
        time.sleep(0.3)
        assert sorted(each.event["type"] for each in receiver.received) == sorted(JOURNEY)
        assert receiver.forged == 0
        for each in receiver.received:
            assert each.event["api_version"] == "2026-10-28.endive"
            assert each.event["livemode"] is False
            assert each.event["pending_webhooks"] == 1
            assert each.event["request"] == {"id": None, "idempotency_key": None}
        recorded = standin.sdk.v1.events.list({"limit": 100}).data
        assert {event.type for event in recorded} == ALL_OF_A_CHECKOUT | {"product.created", "price.created"}
        assert all(event.pending_webhooks == 0 for event in recorded)

    def test_names_the_request_that_caused_it(self, standin: Standin, receiver: Receiver) -> None:
        subscription = subscribe(standin)
        options: stripe.RequestOptions = {"idempotency_key": "cause"}
        changed = standin.sdk.v1.subscriptions.update(subscription.id, {"metadata": {"x": "1"}}, options)
        receiver.wait(lambda: "customer.subscription.updated" in receiver.types(subscription.id))
        event = receiver.about(subscription.id)[-1].event
        assert changed.last_response is not None
        assert event["request"] == {"id": changed.last_response.request_id, "idempotency_key": "cause"}

    def test_tells_of_an_expired_session(self, standin: Standin, receiver: Receiver) -> None:
        session = checkout(standin)
        standin.sdk.v1.checkout.sessions.expire(session.id)
        receiver.wait(lambda: receiver.types(session.id) == ["checkout.session.expired"])


class TestRetry:
    def test_tries_again_with_a_fresh_signature_until_it_is_taken(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        receiver.answers = [500, 302]
        session = checkout(standin)
        standin.sdk.v1.checkout.sessions.expire(session.id)
        receiver.wait(lambda: receiver.attempts == 1)
        assert standin.sdk.v1.events.list({"delivery_success": False}).data[0].pending_webhooks == 1
        receiver.wait(lambda: len(receiver.received) == 1)
        assert receiver.attempts == 3
        assert standin.sdk.v1.events.list({"delivery_success": False}).data == []

    def test_goes_on_after_a_crash_with_what_it_owed(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        standin.control("switches", paused=True)
        subscription = subscribe(standin)
        standin.stop(signal.SIGKILL)
        standin.start()
        assert receiver.received == []
        assert delivered(standin, "pending") == len(JOURNEY)
        standin.control("switches", paused=False)
        receiver.wait(lambda: set(receiver.types(subscription.id)) == JOURNEY)

    def test_delivers_later_to_a_receiver_that_was_away(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        receiver.__exit__(None)
        session = checkout(standin)
        standin.sdk.v1.checkout.sessions.expire(session.id)
        time.sleep(0.5)
        with receiver:
            receiver.wait(lambda: receiver.types(session.id) == ["checkout.session.expired"])


class TestDisturbances:
    def test_doubles_every_event(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        standin.control("switches", duplicate=True)
        subscribe(standin)
        receiver.wait(lambda: len(receiver.received) == 2 * len(JOURNEY))
        assert len({each.event["id"] for each in receiver.received}) == len(JOURNEY)

    def test_reverses_what_waited(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        standin.control("switches", paused=True, reverse=True)
        subscribe(standin)
        standin.control("switches", paused=False)
        receiver.wait(lambda: len(receiver.received) == len(JOURNEY))
        recorded = [event.id for event in standin.sdk.v1.events.list({"limit": 100}).data if event.type in JOURNEY]
        assert [each.event["id"] for each in receiver.received] == recorded

    def test_delivers_one_event_again(self, standin: Standin, receiver: Receiver) -> None:
        session = checkout(standin)
        standin.sdk.v1.checkout.sessions.expire(session.id)
        receiver.wait(lambda: len(receiver.about(session.id)) == 1)
        event = receiver.about(session.id)[0].event["id"]
        assert standin.control(f"events/{event}/redeliver") == {"queued": 1}
        receiver.wait(lambda: len(receiver.about(session.id)) == 2)
        assert receiver.about(session.id)[0].body == receiver.about(session.id)[1].body

    def test_refuses_switches_it_does_not_have(self, standin: Standin) -> None:
        for given in ({"loud": True}, {"paused": 1}, ["paused"]):
            assert HTTP.post(f"{standin.url}/_local/switches", json=given).status_code == 400


class TestEventList:
    def test_walks_forward_from_a_cursor_by_type(self, standin: Standin) -> None:
        first = subscribe(standin)
        cursor = standin.sdk.v1.events.list({"limit": 1}).data[0].id
        second, third = subscribe(standin), subscribe(standin)
        types = ["customer.subscription.created", "invoice.paid"]
        walk = standin.sdk.v1.events.list({"types": types, "ending_before": cursor, "limit": 1}).auto_paging_iter()
        seen = [(event.type, event.data.object["id"]) for event in walk]
        assert seen == [
            ("customer.subscription.created", second.id),
            ("invoice.paid", second.latest_invoice),
            ("customer.subscription.created", third.id),
            ("invoice.paid", third.latest_invoice),
        ]
        assert first.id not in [object_id for _, object_id in seen]

    def test_filters_by_moment(self, standin: Standin) -> None:
        subscribe(standin)
        now = int(time.time())
        assert standin.sdk.v1.events.list({"created": {"gt": now + 5}}).data == []
        assert standin.sdk.v1.events.list({"created": {"gte": now - 60, "lte": now}}).data != []


class TestStop:
    def test_ends_at_once_also_while_a_receiver_hangs(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        receiver.hang = 30
        session = checkout(standin)
        standin.sdk.v1.checkout.sessions.expire(session.id)
        receiver.wait(lambda: receiver.attempts == 1)
        began = time.monotonic()
        assert standin.stop() == 0
        assert time.monotonic() - began < 1
        standin.start()
