"""The hosted page: paying, declining, leaving, twice at once and too late; for a person and for a program."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import stripe

from tests.local_stack.stripe.receiver import Receiver
from tests.local_stack.stripe.standin import CANCEL, HTTP, SUCCESS, Standin, checkout, plan

EVERYTHING = ["customer", "invoice", "subscription"]
DAY = 24 * 3600
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def post(
    session: stripe.checkout.Session, action: str, headers: dict[str, str] | None = None, **form: str
) -> httpx.Response:
    assert session.url is not None
    return HTTP.post(session.url, data={"action": action, **form}, headers=headers)


class TestPay:
    def test_starts_a_paid_subscription_and_sends_the_customer_on(self, standin: Standin) -> None:
        session = checkout(standin, plan(standin, 9900), subscription_data={"metadata": {"organization_id": "o1"}})
        assert session.subscription is None
        answer = post(session, "pay")
        assert answer.status_code == 303
        assert answer.headers["Location"] == SUCCESS.replace("{CHECKOUT_SESSION_ID}", session.id)
        paid = standin.sdk.v1.checkout.sessions.retrieve(
            session.id, {"expand": ["subscription", "invoice", "customer"]}
        )
        assert (paid.status, paid.payment_status, paid.amount_total, paid.url) == ("complete", "paid", 9900, None)
        subscription, invoice, customer = paid.subscription, paid.invoice, paid.customer
        assert isinstance(subscription, stripe.Subscription)
        assert isinstance(invoice, stripe.Invoice)
        assert isinstance(customer, stripe.Customer)
        assert (subscription.status, subscription.metadata["organization_id"]) == ("active", "o1")
        assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 9900, "subscription_create")
        assert subscription.latest_invoice == invoice.id
        assert invoice.parent is not None
        assert invoice.parent.subscription_details is not None
        assert invoice.parent.subscription_details.metadata == subscription.metadata
        assert invoice.lines.data[0].metadata == subscription.metadata
        assert customer.email == "ada@example.com"
        item = subscription["items"].data[0]
        assert 28 * DAY <= item.current_period_end - item.current_period_start <= 31 * DAY

    def test_starts_a_trial_with_an_invoice_over_nothing(self, standin: Standin) -> None:
        customer = standin.sdk.v1.customers.create({"email": "trial@example.com"})
        trial = {"trial_period_days": 14, "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}}
        session = checkout(
            standin, customer=customer.id, subscription_data=trial, payment_method_collection="if_required"
        )
        assert post(session, "pay").status_code == 303
        paid = standin.sdk.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription.latest_invoice"]})
        subscription = paid.subscription
        assert isinstance(subscription, stripe.Subscription)
        invoice = subscription.latest_invoice
        assert isinstance(invoice, stripe.Invoice)
        assert (paid.payment_status, paid.customer, paid.amount_total) == ("no_payment_required", customer.id, 0)
        assert (subscription.status, subscription.trial_end) == ("trialing", subscription.created + 14 * DAY)
        assert subscription["items"].data[0].current_period_end == subscription.trial_end
        assert (invoice.status, invoice.total, invoice.billing_reason) == ("paid", 0, "subscription_create")

    def test_needs_an_address_where_none_is_known(self, standin: Standin) -> None:
        session = standin.sdk.v1.checkout.sessions.create(
            {"mode": "subscription", "line_items": [{"price": plan(standin).id}], "success_url": SUCCESS}
        )
        assert post(session, "pay").status_code == 400
        assert post(session, "pay", email="eve@example.com").status_code == 303
        paid = standin.sdk.v1.checkout.sessions.retrieve(session.id)
        assert paid.customer_details is not None
        assert paid.customer_details.email == "eve@example.com"

    def test_makes_one_subscription_however_often_it_is_pressed_at_once(self, standin: Standin) -> None:
        customer = standin.sdk.v1.customers.create({"email": "twice@example.com"})
        session = checkout(standin, customer=customer.id)
        with ThreadPoolExecutor(10) as pool:
            statuses = sorted(pool.map(lambda _: post(session, "pay").status_code, range(10)))
        assert statuses == [303, *[409] * 9]
        assert len(standin.sdk.v1.subscriptions.list({"customer": customer.id, "status": "all"}).data) == 1
        assert len(standin.sdk.v1.invoices.list({"customer": customer.id}).data) == 1


class TestDeclineAndLeave:
    def test_sends_a_program_to_the_cancel_url_and_keeps_the_session_open(self, standin: Standin) -> None:
        session = checkout(standin)
        for action in ("decline", "leave"):
            answer = post(session, action)
            assert (answer.status_code, answer.headers["Location"]) == (303, CANCEL)
        kept = standin.sdk.v1.checkout.sessions.retrieve(session.id)
        assert (kept.status, kept.payment_status, kept.subscription) == ("open", "unpaid", None)

    def test_shows_a_person_the_form_again_when_the_card_is_declined(self, standin: Standin) -> None:
        session = checkout(standin)
        answer = post(session, "decline", BROWSER)
        assert answer.status_code == 402
        assert "declined" in answer.text
        assert post(session, "pay", BROWSER).status_code == 303

    def test_refuses_any_other_action(self, standin: Standin) -> None:
        session = checkout(standin)
        assert post(session, "steal").status_code == 400
        assert standin.sdk.v1.checkout.sessions.retrieve(session.id).status == "open"


class TestBank:
    def test_asks_for_the_holder_who_completes_or_fails(self, standin: Standin) -> None:
        session = checkout(standin, plan(standin, 9900))
        asked = post(session, "3ds", BROWSER)
        assert (asked.status_code, "$99.00" in asked.text) == (200, True)
        assert post(session, "3ds_fail", BROWSER).status_code == 402
        assert post(session, "3ds_fail").headers["Location"] == CANCEL
        assert standin.sdk.v1.checkout.sessions.retrieve(session.id).status == "open"
        assert post(session, "3ds_complete").status_code == 303
        assert standin.sdk.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"

    @pytest.mark.parametrize(
        ("outcome", "payment", "status"), [("succeeded", "paid", "active"), ("failed", "unpaid", "past_due")]
    )
    def test_takes_days_for_an_account_and_then_tells(
        self, standin: Standin, receiver: Receiver, outcome: str, payment: str, status: str
    ) -> None:
        session = checkout(standin)
        assert post(session, "pay_later").status_code == 303
        waiting = standin.sdk.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "invoice"]})
        assert isinstance(waiting.subscription, stripe.Subscription)
        assert isinstance(waiting.invoice, stripe.Invoice)
        assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
        assert (waiting.subscription.status, waiting.invoice.status) == ("active", "open")
        standin.control(f"checkout/{session.id}/settle", outcome=outcome)
        settled = standin.sdk.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
        assert isinstance(settled.subscription, stripe.Subscription)
        assert (settled.payment_status, settled.subscription.status) == (payment, status)
        receiver.wait(lambda: f"checkout.session.async_payment_{outcome}" in receiver.types(session.id))
        again = HTTP.post(f"{standin.url}/_local/checkout/{session.id}/settle", json={"outcome": outcome})
        assert again.status_code == 404

    def test_lets_the_card_fail_only_when_it_is_charged_again(self, standin: Standin) -> None:
        session = checkout(standin)
        assert post(session, "pay", card="gold").status_code == 400
        assert post(session, "pay", card="declined").status_code == 303
        paid = standin.sdk.v1.checkout.sessions.retrieve(session.id)
        card = HTTP.get(f"{standin.url}/_local/customers/{paid.customer}/card").json()
        assert (paid.payment_status, card) == ("paid", {"card": "declined"})


class TestPage:
    def test_shows_what_is_bought_and_escapes_it(self, standin: Standin) -> None:
        product = standin.sdk.v1.products.create({"name": "<b>Pro</b> & more"})
        price = standin.sdk.v1.prices.create(
            {"product": product.id, "currency": "usd", "unit_amount": 9900, "recurring": {"interval": "month"}}
        )
        session = checkout(standin, price, subscription_data={"trial_period_days": 14})
        assert session.url is not None
        page = HTTP.get(session.url)
        assert page.status_code == 200
        for text in ("&lt;b&gt;Pro&lt;/b&gt; &amp; more", "$99.00 per month", "14 days free", "ada@example.com"):
            assert text in page.text
        assert "<b>Pro" not in page.text

    @pytest.mark.parametrize("how", ["expired", "complete"])
    def test_says_so_when_it_is_over(self, standin: Standin, how: str) -> None:
        session = checkout(standin)
        assert session.url is not None
        if how == "expired":
            standin.sdk.v1.checkout.sessions.expire(session.id)
        else:
            post(session, "pay")
        assert HTTP.get(session.url).status_code == 410
        assert post(session, "pay").status_code == 409
        found = standin.sdk.v1.checkout.sessions.retrieve(session.id)
        assert (found.status, found.url) == (how, None)
        with pytest.raises(stripe.InvalidRequestError, match="status of"):
            standin.sdk.v1.checkout.sessions.expire(session.id)

    def test_is_404_for_a_session_that_never_was(self, standin: Standin) -> None:
        assert HTTP.get(f"{standin.url}/c/pay/cs_test_none").status_code == 404


class TestMove:
    def test_moves_with_the_stand_in_to_another_port(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, _ = fresh
        session = checkout(standin)
        before = standin.url
        standin.stop()
        standin.start()
        assert standin.url != before
        moved = standin.sdk.v1.checkout.sessions.retrieve(session.id)
        assert moved.url == f"{standin.url}/c/pay/{session.id}"
        assert post(moved, "pay").status_code == 303
