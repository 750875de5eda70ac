"""Time: trials end, periods roll over, payments fail and are retried, whether the clock walks or is moved."""

from __future__ import annotations

import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.local_stack.stripe.receiver import Receiver
from tests.local_stack.stripe.standin import HTTP, Standin, plan, subscribe
from tests.local_stack.stripe.timeline import DAY, HOUR, advance, card, latest_invoice, period, read

TRIAL = {"trial_period_days": 14}


def renewed(receiver: Receiver) -> set[str]:
    """The ids of the invoices whose payment was told of."""
    return {each.event["data"]["object"]["id"] for each in receiver.received if each.event["type"] == "invoice.paid"}


class TestClock:
    def test_follows_real_time_until_it_is_moved_and_again_when_told(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, _ = fresh
        real = datetime.now(UTC).timestamp()
        shown = HTTP.get(f"{standin.url}/_local/clock").json()
        assert (shown["offset"], shown["stopped"]) == (0, False)
        assert shown["now"] == pytest.approx(real, abs=5)
        moved = standin.control("clock", advance={"days": 40})
        assert moved["now"] == pytest.approx(real + 40 * DAY, abs=10)
        assert standin.sdk.v1.products.create({"name": "Later"}).created >= moved["now"]
        assert standin.control("clock", follow=True)["now"] == pytest.approx(real, abs=20)

    def test_stands_still_where_it_is_stopped_and_keeps_that_across_a_restart(
        self, fresh: tuple[Standin, Receiver]
    ) -> None:
        standin, _ = fresh
        stopped = standin.control("clock", advance={"months": 1}, stop=True)
        standin.stop(signal.SIGKILL)
        standin.start()
        shown = HTTP.get(f"{standin.url}/_local/clock").json()
        assert (shown["now"], shown["stopped"]) == (stopped["now"], True)
        assert standin.control("clock", stop=False)["stopped"] is False

    @pytest.mark.parametrize(
        "body",
        [{}, {"to": 1}, {"to": "tomorrow"}, {"advance": -1}, {"advance": {"fortnights": 1}}, {"advance": 1, "to": 2},
         {"advance": {"months": 10**9}}, {"stop": 1}, {"follow": False}, ["advance"]],
    )  # fmt: skip
    def test_refuses_what_makes_no_sense_and_the_past(self, standin: Standin, body: Any) -> None:
        before = HTTP.get(f"{standin.url}/_local/clock").json()["offset"]
        assert HTTP.post(f"{standin.url}/_local/clock", json=body).status_code == 400
        assert HTTP.get(f"{standin.url}/_local/clock").json()["offset"] == before


class TestRenewal:
    def test_bills_each_period_when_it_begins_and_is_paid_an_hour_later(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        subscription = subscribe(standin, plan(standin, 9900), subscription_data={"metadata": {"o": "1"}})
        begun, ends = period(subscription)
        assert advance(standin, subscription, months=1, hours=2) == [
            ("invoice.created", ends),
            ("customer.subscription.updated", ends),
            ("invoice.finalized", ends + HOUR),
            ("invoice.paid", ends + HOUR),
            ("invoice.payment_succeeded", ends + HOUR),
        ]
        renewed, invoice = read(standin, subscription), latest_invoice(standin, subscription)
        assert (renewed.status, period(renewed)[0]) == ("active", ends)
        assert (invoice.billing_reason, invoice.status, invoice.amount_paid) == ("subscription_cycle", "paid", 9900)
        assert (invoice.period_start, invoice.period_end, invoice.attempt_count) == (begun, ends, 1)
        assert invoice.lines.data[0].period.to_dict() == {"start": ends, "end": period(renewed)[1]}
        assert invoice.parent is not None
        assert invoice.parent.subscription_details is not None
        assert invoice.parent.subscription_details.metadata == subscription.metadata
        receiver.wait(lambda: "invoice.paid" in receiver.types(invoice.id))

    def test_renews_month_by_month_in_one_move_with_the_right_times(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        subscription = subscribe(standin)
        happened = advance(standin, subscription, months=6, hours=2)
        moments = [created for _, created in happened]
        assert moments == sorted(moments)
        assert Counter(kind for kind, _ in happened) == dict.fromkeys(
            ["invoice.created", "customer.subscription.updated", "invoice.finalized", "invoice.paid",
             "invoice.payment_succeeded"], 6
        )  # fmt: skip
        invoices = standin.sdk.v1.invoices.list({"subscription": subscription.id}).data
        spans = sorted((line.period.start, line.period.end) for invoice in invoices for line in invoice.lines.data)
        assert len(spans) == 7
        assert all(left[1] == right[0] for left, right in pairwise(spans))
        assert {datetime.fromtimestamp(start, UTC).day for start, _ in spans} == {
            datetime.fromtimestamp(spans[0][0], UTC).day
        }
        receiver.wait(lambda: [each.event["type"] for each in receiver.received].count("invoice.paid") == 7)

    def test_puts_what_waited_on_the_next_invoice_once(self, standin: Standin) -> None:
        subscription = subscribe(standin, plan(standin, 2900))
        item, bigger = subscription["items"].data[0].id, plan(standin, 9900).id
        standin.sdk.v1.subscriptions.update(subscription.id, {"items": [{"id": item, "price": bigger}]})
        advance(standin, subscription, months=1, hours=2)
        invoice = latest_invoice(standin, subscription)
        assert [line.amount for line in invoice.lines.data] == pytest.approx([-2900, 9900, 9900], abs=1)
        assert invoice.amount_paid == invoice.total == sum(line.amount for line in invoice.lines.data)
        waiting = standin.sdk.v1.invoice_items.list({"customer": str(subscription.customer)}).data
        assert {each.invoice for each in waiting} == {invoice.id}
        advance(standin, subscription, months=1, hours=2)
        assert latest_invoice(standin, subscription).total == 9900


class TestTrial:
    def test_is_announced_three_days_before_and_becomes_a_paid_period(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        subscription = subscribe(standin, plan(standin, 9900), subscription_data=TRIAL)
        ends = subscription.trial_end
        assert ends is not None
        assert advance(standin, subscription, days=12) == [("customer.subscription.trial_will_end", ends - 3 * DAY)]
        assert advance(standin, subscription, days=3) == [
            ("invoice.created", ends),
            ("customer.subscription.updated", ends),
            ("invoice.finalized", ends + HOUR),
            ("invoice.paid", ends + HOUR),
            ("invoice.payment_succeeded", ends + HOUR),
        ]
        paid, invoice = read(standin, subscription), latest_invoice(standin, subscription)
        assert (paid.status, period(paid)[0], paid.trial_end) == ("active", ends, ends)
        assert (invoice.billing_reason, invoice.amount_paid) == ("subscription_cycle", 9900)
        receiver.wait(lambda: "customer.subscription.trial_will_end" in receiver.types(subscription.id))

    @pytest.mark.parametrize(
        ("missing", "status", "event"),
        [
            ("cancel", "canceled", "customer.subscription.deleted"),
            ("pause", "paused", "customer.subscription.paused"),
            ("create_invoice", "past_due", "invoice.payment_failed"),
        ],
    )
    def test_ends_without_a_card_as_was_agreed(self, standin: Standin, missing: str, status: str, event: str) -> None:
        agreed = TRIAL | {"trial_settings": {"end_behavior": {"missing_payment_method": missing}}}
        subscription = subscribe(standin, subscription_data=agreed, payment_method_collection="if_required")
        happened = advance(standin, subscription, days=15)
        assert event in [kind for kind, _ in happened]
        assert read(standin, subscription).status == status
        if missing == "create_invoice":
            # Without a card there is nothing to retry, and no further news will come.
            assert latest_invoice(standin, subscription).next_payment_attempt is None
            card(standin, subscription, "good", retry=True)
            assert read(standin, subscription).status == "active"


class TestDunning:
    def test_retries_on_schedule_and_cancels_after_the_last(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        subscription = subscribe(standin)
        ends = period(subscription)[1]
        card(standin, subscription, "declined")
        first = ends + HOUR
        assert advance(standin, subscription, months=1, hours=2)[3:] == [
            ("invoice.payment_failed", first),
            ("customer.subscription.updated", first),
        ]
        owed = latest_invoice(standin, subscription)
        assert read(standin, subscription).status == "past_due"
        assert (owed.status, owed.attempt_count, owed.next_payment_attempt) == ("open", 1, first + 3 * DAY)
        assert advance(standin, subscription, days=20) == [
            ("invoice.payment_failed", first + 3 * DAY),
            ("invoice.payment_failed", first + 8 * DAY),
            ("invoice.payment_failed", first + 15 * DAY),
            ("customer.subscription.deleted", first + 15 * DAY),
        ]
        gone, owed = read(standin, subscription), latest_invoice(standin, subscription)
        assert (gone.status, gone.ended_at) == ("canceled", first + 15 * DAY)
        assert gone.cancellation_details is not None
        assert gone.cancellation_details.reason == "payment_failed"
        assert (owed.status, owed.attempt_count, owed.next_payment_attempt) == ("open", 4, None)
        assert advance(standin, subscription, months=2) == []
        receiver.wait(lambda: receiver.types(owed.id).count("invoice.payment_failed") == 4)
        counts = [each.event["data"]["object"]["attempt_count"] for each in receiver.about(owed.id)
                  if each.event["type"] == "invoice.payment_failed"]  # fmt: skip
        assert sorted(counts) == [1, 2, 3, 4]

    def test_recovers_at_the_next_attempt_when_the_card_is_good_again(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        card(standin, subscription, "declined")
        advance(standin, subscription, months=1, hours=2)
        card(standin, subscription, "good")
        assert [kind for kind, _ in advance(standin, subscription, days=4)] == [
            "invoice.paid",
            "invoice.payment_succeeded",
            "customer.subscription.updated",
        ]
        paid = latest_invoice(standin, subscription)
        assert (paid.status, paid.attempt_count, paid.amount_remaining) == ("paid", 2, 0)
        assert read(standin, subscription).status == "active"

    def test_asks_for_the_holder_of_a_card_that_wants_them(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        card(standin, subscription, "requires_action")
        kinds = [kind for kind, _ in advance(standin, subscription, months=1, hours=2)]
        assert kinds[3:] == [
            "invoice.payment_action_required",
            "invoice.payment_failed",
            "customer.subscription.updated",
        ]
        standin.sdk.v1.subscriptions.cancel(subscription.id)

    @pytest.mark.parametrize("outcome", ["unpaid", "past_due"])
    def test_ends_as_the_account_decided(self, standin: Standin, outcome: str) -> None:
        standin.control("billing", retry_days=[1], after_last_retry=outcome)
        subscription = subscribe(standin)
        card(standin, subscription, "declined")
        advance(standin, subscription, months=1, days=3)
        assert (read(standin, subscription).status, latest_invoice(standin, subscription).attempt_count) == (outcome, 2)
        advance(standin, subscription, months=1, hours=2)
        # An unpaid subscription is billed by drafts that nobody collects; a past due one is charged as ever.
        later = latest_invoice(standin, subscription)
        assert (later.status, later.auto_advance) == (("draft", False) if outcome == "unpaid" else ("open", True))
        standin.sdk.v1.subscriptions.cancel(subscription.id)
        standin.control("billing", retry_days=[3, 5, 7], after_last_retry="canceled")

    def test_refuses_settings_and_cards_that_make_no_sense(self, standin: Standin) -> None:
        for body in (
            {"retry_days": [0]},
            {"retry_days": 3},
            {"after_last_retry": "gone"},
            {"draft_seconds": -1},
            {"x": 1},
        ):
            assert HTTP.post(f"{standin.url}/_local/billing", json=body).status_code == 400
        customer = standin.sdk.v1.customers.create().id
        assert HTTP.get(f"{standin.url}/_local/customers/{customer}/card").json() == {"card": "none"}
        assert HTTP.post(f"{standin.url}/_local/customers/{customer}/card", json={"card": "gold"}).status_code == 400
        assert HTTP.post(f"{standin.url}/_local/customers/cus_no/card", json={"card": "good"}).status_code == 404


class TestScheduledEnd:
    def test_comes_with_the_period_and_is_not_renewed(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        ends = period(subscription)[1]
        standin.sdk.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
        assert ("customer.subscription.deleted", ends) in advance(standin, subscription, months=2)
        gone = read(standin, subscription)
        assert (gone.status, gone.ended_at) == ("canceled", ends)
        assert len(standin.sdk.v1.invoices.list({"subscription": subscription.id}).data) == 1


class TestCrash:
    def test_in_the_middle_of_a_move_loses_and_doubles_nothing(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, receiver = fresh
        price = plan(standin)
        subscriptions = [subscribe(standin, price) for _ in range(4)]
        standin.control("switches", step_delay_ms=20)
        target = HTTP.get(f"{standin.url}/_local/clock").json()["now"] + 366 * DAY

        with ThreadPoolExecutor(1) as pool:
            moving = pool.submit(
                httpx.post, f"{standin.url}/_local/clock", json={"to": target, "stop": True}, timeout=60
            )
            receiver.wait(lambda: len(renewed(receiver)) > 8)
            standin.stop(signal.SIGKILL)
            with pytest.raises(httpx.HTTPError):
                moving.result()
        standin.start()
        assert HTTP.get(f"{standin.url}/_local/clock").json()["now"] == target
        for subscription in subscriptions:
            invoices = standin.sdk.v1.invoices.list({"subscription": subscription.id, "limit": 100}).data
            assert len(invoices) == 13
            assert {invoice.status for invoice in invoices} == {"paid"}
            starts = sorted(invoice.lines.data[0].period.start for invoice in invoices)
            ends = sorted(invoice.lines.data[0].period.end for invoice in invoices)
            assert starts[1:] == ends[:-1]
            assert len(set(starts)) == 13
        receiver.wait(lambda: len(renewed(receiver)) == 13 * len(subscriptions), seconds=30)
