"""A running subscription: found, changed, scheduled to end, ended, paused, resumed; over the API and in the portal."""

from __future__ import annotations

import time

import pytest
import stripe

from tests.local_stack.stripe.receiver import Receiver
from tests.local_stack.stripe.standin import Standin, checkout, plan, subscribe


def last_update(standin: Standin, subscription: str) -> stripe.Event:
    events = standin.sdk.v1.events.list({"type": "customer.subscription.updated", "limit": 20}).data
    return next(event for event in events if event.data.object["id"] == subscription)


class TestUpdate:
    def test_merges_metadata_and_tells_what_it_was(self, standin: Standin) -> None:
        subscription = subscribe(standin, subscription_data={"metadata": {"a": "1", "b": "2"}})
        changed = standin.sdk.v1.subscriptions.update(subscription.id, {"metadata": {"b": "", "c": "3"}})
        assert changed.metadata.to_dict() == {"a": "1", "c": "3"}
        previous = last_update(standin, subscription.id).data.previous_attributes
        assert previous is not None
        assert previous.to_dict() == {"metadata": {"b": "2", "c": None}}

    def test_schedules_the_end_with_the_period_and_takes_it_back(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        ends = subscription["items"].data[0].current_period_end
        ending = standin.sdk.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
        assert (ending.status, ending.cancel_at_period_end, ending.cancel_at) == ("active", True, ends)
        previous = last_update(standin, subscription.id).data.previous_attributes
        assert previous is not None
        assert previous.to_dict() == {
            "cancel_at": None,
            "cancel_at_period_end": False,
            "canceled_at": None,
            "cancellation_details": {"reason": None},
        }
        kept = standin.sdk.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
        assert (kept.cancel_at_period_end, kept.cancel_at, kept.canceled_at) == (False, None, None)

    def test_ends_when_the_moment_comes(self, standin: Standin, receiver: Receiver) -> None:
        subscription = subscribe(standin)
        standin.sdk.v1.subscriptions.update(subscription.id, {"cancel_at": int(time.time()) + 1})
        receiver.wait(lambda: "customer.subscription.deleted" in receiver.types(subscription.id))
        assert standin.sdk.v1.subscriptions.retrieve(subscription.id).status == "canceled"

    def test_changes_the_price_without_proration_and_keeps_the_period(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        item, bigger = subscription["items"].data[0], plan(standin, 9900)
        changed = standin.sdk.v1.subscriptions.update(
            subscription.id, {"items": [{"id": item.id, "price": bigger.id}], "proration_behavior": "none"}
        )
        new = changed["items"].data[0]
        assert (new.id, new.price.id, new.current_period_end) == (item.id, bigger.id, item.current_period_end)
        assert "items" in (last_update(standin, subscription.id).data.previous_attributes or {})

    def test_lets_the_difference_for_the_rest_of_the_period_wait_for_the_next_invoice(self, standin: Standin) -> None:
        subscription = subscribe(standin, plan(standin, 2900))
        item, bigger = subscription["items"].data[0], plan(standin, 9900)
        standin.sdk.v1.subscriptions.update(subscription.id, {"items": [{"id": item.id, "price": bigger.id}]})
        waiting = standin.sdk.v1.invoice_items.list({"customer": str(subscription.customer), "pending": True}).data
        # Just after the start nearly the whole period is left.
        assert [each.amount for each in waiting] == pytest.approx([9900, -2900], abs=1)
        assert all(each.proration and each.invoice is None for each in waiting)
        assert waiting[0].description is not None
        assert waiting[0].description.startswith("Remaining time on Starter after ")
        assert standin.sdk.v1.invoice_items.list({"pending": False}).data == []

    def test_prorates_nothing_in_a_trial(self, standin: Standin) -> None:
        subscription = subscribe(standin, subscription_data={"trial_period_days": 14})
        item, bigger = subscription["items"].data[0].id, plan(standin, 9900).id
        standin.sdk.v1.subscriptions.update(subscription.id, {"items": [{"id": item, "price": bigger}]})
        assert standin.sdk.v1.invoice_items.list({"customer": str(subscription.customer)}).data == []

    def test_refuses_what_it_cannot_do_honestly(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        item = subscription["items"].data[0].id
        yearly = plan(standin, recurring={"interval": "year"})
        for params in (
            {"items": [{"id": item, "price": plan(standin).id}], "payment_behavior": "default_incomplete"},
            {"items": [{"id": item, "price": plan(standin).id}], "proration_date": 1},
            {"trial_end": "now"},
            {"items": [{"id": item, "price": yearly.id}], "proration_behavior": "none"},
            {"items": [{"id": "si_none", "quantity": 2}], "proration_behavior": "none"},
            {"cancel_at": 1},
            {"current_period_end": 1},
            {"billing_cycle_anchor": "now"},
        ):
            with pytest.raises(stripe.InvalidRequestError):
                standin.sdk.raw_request("post", f"/v1/subscriptions/{subscription.id}", **params)

    def test_sends_no_event_when_nothing_changed(self, standin: Standin, receiver: Receiver) -> None:
        subscription = subscribe(standin, subscription_data={"metadata": {"a": "1"}})
        standin.sdk.v1.subscriptions.update(subscription.id, {"metadata": {"a": "1"}})
        events = standin.sdk.v1.events.list({"type": "customer.subscription.updated", "limit": 100}).data
        assert subscription.id not in [event.data.object["id"] for event in events]


class TestEnd:
    def test_cancels_now_and_only_once(self, standin: Standin, receiver: Receiver) -> None:
        subscription = subscribe(standin)
        gone = standin.sdk.v1.subscriptions.cancel(
            subscription.id, {"cancellation_details": {"feedback": "unused", "comment": "bye"}}
        )
        assert gone.status == "canceled"
        assert gone.ended_at is not None
        assert gone.cancellation_details is not None
        assert gone.cancellation_details.to_dict() == {
            "comment": "bye",
            "feedback": "unused",
            "feedback_option": None,
            "reason": "cancellation_requested",
        }
        with pytest.raises(stripe.InvalidRequestError) as again:
            standin.sdk.v1.subscriptions.cancel(subscription.id)
        assert again.value.http_status == 404
        with pytest.raises(stripe.InvalidRequestError):
            standin.sdk.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
        standin.sdk.v1.subscriptions.update(subscription.id, {"metadata": {"note": "after the end"}})
        receiver.wait(lambda: "customer.subscription.deleted" in receiver.types(subscription.id))

    def test_pauses_and_resumes(self, standin: Standin, receiver: Receiver) -> None:
        subscription = subscribe(standin)
        with pytest.raises(stripe.InvalidRequestError):
            standin.sdk.v1.subscriptions.resume(subscription.id)
        paused = standin.sdk.v1.subscriptions.pause(subscription.id)
        assert paused.status == "paused"
        assert paused.status_details is not None
        assert paused.status_details.paused.subscription.type == "pause_requested"
        assert standin.sdk.v1.subscriptions.resume(subscription.id).status == "active"
        wanted = {"customer.subscription.paused", "customer.subscription.resumed"}
        receiver.wait(lambda: wanted <= set(receiver.types(subscription.id)))


class TestDeletedCustomer:
    def test_takes_its_subscriptions_along_and_leaves_its_invoices(self, standin: Standin, receiver: Receiver) -> None:
        subscription = subscribe(standin)
        customer = str(subscription.customer)
        standin.sdk.v1.customers.delete(customer)
        assert standin.raw("GET", f"/v1/customers/{customer}").json() == {
            "id": customer,
            "object": "customer",
            "deleted": True,
        }
        assert standin.sdk.v1.subscriptions.retrieve(subscription.id).status == "canceled"
        assert len(standin.sdk.v1.invoices.list({"customer": customer}).data) == 1
        assert customer not in [each.id for each in standin.sdk.v1.customers.list({"limit": 100}).data]
        for refused in (
            lambda: standin.sdk.v1.customers.update(customer, {"name": "Ghost"}),
            lambda: standin.sdk.v1.customers.delete(customer),
            lambda: checkout(standin, customer=customer),
        ):
            with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
                refused()
        receiver.wait(lambda: {"customer.deleted", "customer.subscription.deleted"} <= set(receiver.types(customer)))


class TestLists:
    def test_filters_by_customer_and_status(self, standin: Standin) -> None:
        customer = standin.sdk.v1.customers.create({"email": "lists@example.com"}).id
        first, second = (subscribe(standin, customer=customer).id for _ in range(2))
        standin.sdk.v1.subscriptions.cancel(first)

        def ids(**params: str) -> list[str]:
            found = standin.raw("GET", "/v1/subscriptions", params={"customer": customer, **params}).json()
            return [each["id"] for each in found["data"]]

        assert ids() == [second]
        assert ids(status="all") == [second, first]
        assert ids(status="canceled") == ids(status="ended") == [first]
        assert ids(status="trialing") == []
        invoices = standin.sdk.v1.invoices.list({"subscription": first}).data
        assert [invoice.customer for invoice in invoices] == [customer]
        assert invoices[0].parent is not None
        assert invoices[0].parent.subscription_details is not None
        assert invoices[0].parent.subscription_details.subscription == first
