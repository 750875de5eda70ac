"""Money: cards, intents and charges behind invoices, payment in person, refunds and disputes."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.local_stack.stripe.receiver import Receiver
from tests.local_stack.stripe.standin import HTTP, Standin, plan, subscribe


def first_invoice(standin: Standin, amount: int = 9900) -> stripe.Invoice:
    """The paid invoice with which a subscription began, its payments expanded."""
    subscription = subscribe(standin, plan(standin, amount))
    return standin.sdk.v1.invoices.retrieve(
        str(subscription.latest_invoice), {"expand": ["payments.data.payment.payment_intent"]}
    )


def overdue(standin: Standin, card: str = "declined") -> stripe.Invoice:
    """An open invoice whose first attempt has failed."""
    subscription = subscribe(standin)
    standin.control(f"customers/{subscription.customer}/card", card=card)
    standin.control("clock", advance={"months": 1, "hours": 2})
    return standin.sdk.v1.invoices.list({"subscription": subscription.id, "status": "open"}).data[0]


def intent_of(invoice: stripe.Invoice) -> stripe.PaymentIntent:
    assert invoice.payments is not None
    intent = invoice.payments.data[0].payment.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    return intent


def subscription_of(standin: Standin, invoice: stripe.Invoice) -> stripe.Subscription:
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    return standin.sdk.v1.subscriptions.retrieve(str(invoice.parent.subscription_details.subscription))


class TestInvoicePayment:
    def test_leads_from_the_invoice_to_the_charge_and_back(self, standin: Standin) -> None:
        invoice = first_invoice(standin)
        intent = intent_of(invoice)
        charge = standin.sdk.v1.charges.retrieve(str(intent.latest_charge), {"expand": ["payment_intent", "refunds"]})
        assert (intent.status, intent.amount_received, charge.amount, charge.paid) == ("succeeded", 9900, 9900, True)
        assert charge.refunds is not None
        assert charge.refunds.data == []
        query: Any = {"payment": {"type": "payment_intent", "payment_intent": intent.id}}
        assert [each.invoice for each in standin.sdk.v1.invoice_payments.list(query).data] == [invoice.id]

    def test_keeps_every_refused_attempt_as_a_charge(self, standin: Standin) -> None:
        invoice = overdue(standin)
        charges = standin.sdk.v1.charges.list({"customer": str(invoice.customer)}).data
        assert [(each.status, each.failure_code) for each in charges] == [
            ("failed", "card_declined"),
            ("succeeded", None),
        ]

    def test_does_not_exist_for_an_invoice_over_nothing(self, standin: Standin) -> None:
        trial = subscribe(standin, subscription_data={"trial_period_days": 14})
        invoice = standin.sdk.v1.invoices.retrieve(str(trial.latest_invoice), {"expand": ["payments"]})
        assert invoice.payments is not None
        assert invoice.payments.data == []


class TestPay:
    def test_is_refused_with_402_while_the_card_is_and_leaves_its_trace(self, standin: Standin) -> None:
        invoice = overdue(standin)
        with pytest.raises(stripe.CardError) as declined:
            standin.sdk.v1.invoices.pay(invoice.id)
        assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
        after = standin.sdk.v1.invoices.retrieve(invoice.id)
        # By hand is not by schedule: the count and the next attempt stay.
        assert (after.attempt_count, after.next_payment_attempt) == (1, invoice.next_payment_attempt)
        failed = [
            each for each in standin.sdk.v1.charges.list({"customer": str(invoice.customer)}).data if not each.paid
        ]
        assert len(failed) == 2
        standin.control(f"customers/{invoice.customer}/card", card="good")
        assert standin.sdk.v1.invoices.pay(invoice.id).status == "paid"
        assert subscription_of(standin, invoice).status == "active"
        with pytest.raises(stripe.InvalidRequestError, match="already paid"):
            standin.sdk.v1.invoices.pay(invoice.id)

    def test_answers_the_same_refusal_to_the_same_key(self, standin: Standin) -> None:
        invoice = overdue(standin)
        answers = [
            standin.raw("POST", f"/v1/invoices/{invoice.id}/pay", {"Idempotency-Key": f"pay-{invoice.id}"})
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [402, 402]
        assert answers[0].json() == answers[1].json()
        failed = [
            each for each in standin.sdk.v1.charges.list({"customer": str(invoice.customer)}).data if not each.paid
        ]
        assert len(failed) == 2

    def test_takes_another_card_of_the_customer_and_nobody_elses(self, standin: Standin) -> None:
        invoice, other = overdue(standin), overdue(standin)
        card = standin.sdk.v1.payment_methods.attach("pm_card_visa", {"customer": str(invoice.customer)})
        with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
            standin.sdk.v1.invoices.pay(other.id, {"payment_method": card.id})
        assert standin.sdk.v1.invoices.pay(invoice.id, {"payment_method": card.id}).amount_paid == 2900

    def test_says_when_the_holder_is_needed_who_then_pays_on_the_page(self, standin: Standin) -> None:
        invoice = overdue(standin, "requires_action")
        with pytest.raises(stripe.CardError) as wanted:
            standin.sdk.v1.invoices.pay(invoice.id)
        assert wanted.value.code == "invoice_payment_intent_requires_action"
        expanded = standin.sdk.v1.invoices.retrieve(
            invoice.id, {"expand": ["payments.data.payment.payment_intent", "confirmation_secret"]}
        )
        assert expanded.confirmation_secret is not None
        action = intent_of(expanded).next_action
        assert action is not None
        assert action.redirect_to_url is not None
        led = HTTP.get(str(action.redirect_to_url.url), follow_redirects=True)
        assert str(led.url) == invoice.hosted_invoice_url
        assert HTTP.post(str(led.url), data={"action": "pay"}).status_code == 303
        assert standin.sdk.v1.invoices.retrieve(invoice.id).status == "paid"

    def test_can_be_done_on_the_hosted_page_with_a_better_card(self, standin: Standin) -> None:
        invoice = overdue(standin)
        url = str(invoice.hosted_invoice_url)
        assert "$29.00 of $29.00 due, open." in HTTP.get(url).text
        assert HTTP.post(url, data={"action": "decline"}).status_code == 303
        assert standin.sdk.v1.invoices.retrieve(invoice.id).status == "open"
        assert HTTP.post(url, data={"action": "pay"}).status_code == 303
        assert HTTP.post(url, data={"action": "pay"}).status_code == 409
        assert subscription_of(standin, invoice).status == "active"
        # The better card pays the next period as well.
        standin.control("clock", advance={"months": 1, "hours": 2})
        renewal = standin.sdk.v1.invoices.list({"customer": str(invoice.customer), "limit": 1}).data[0]
        assert (renewal.id != invoice.id, renewal.status) == (True, "paid")

    def test_can_happen_elsewhere(self, standin: Standin) -> None:
        invoice = overdue(standin)
        paid = standin.sdk.v1.invoices.pay(invoice.id, {"paid_out_of_band": True, "expand": ["payments"]})
        assert (paid.status, paid.attempt_count) == ("paid", 1)
        assert paid.payments is not None
        assert paid.payments.data[0].status == "canceled"


class TestVoid:
    def test_takes_back_what_is_owed_and_lets_the_subscription_go_on(self, standin: Standin) -> None:
        invoice = overdue(standin)
        assert standin.sdk.v1.invoices.void_invoice(invoice.id).status == "void"
        assert subscription_of(standin, invoice).status == "active"
        for refused in (standin.sdk.v1.invoices.pay, standin.sdk.v1.invoices.void_invoice):
            with pytest.raises(stripe.InvalidRequestError, match="is void"):
                refused(invoice.id)

    def test_writes_off_without_giving_up_the_claim(self, standin: Standin) -> None:
        invoice = overdue(standin)
        assert standin.sdk.v1.invoices.mark_uncollectible(invoice.id).status == "uncollectible"
        assert subscription_of(standin, invoice).status == "past_due"
        standin.control(f"customers/{invoice.customer}/card", card="good")
        assert standin.sdk.v1.invoices.pay(invoice.id).status == "paid"


class TestRefund:
    def test_gives_back_in_parts_until_nothing_is_left(self, standin: Standin, receiver: Receiver) -> None:
        intent = intent_of(first_invoice(standin))
        part = standin.sdk.v1.refunds.create({"payment_intent": intent.id, "amount": 900, "metadata": {"a": "1"}})
        charge = standin.sdk.v1.charges.retrieve(str(intent.latest_charge))
        assert (part.status, charge.amount_refunded, charge.refunded) == ("succeeded", 900, False)
        with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
            standin.sdk.v1.refunds.create({"charge": charge.id, "amount": 9001})
        rest = standin.sdk.v1.refunds.create({"charge": charge.id, "reason": "requested_by_customer"})
        whole = standin.sdk.v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
        assert (rest.amount, whole.amount_refunded, whole.refunded) == (9000, 9900, True)
        assert whole.refunds is not None
        assert [each.id for each in whole.refunds.data] == [rest.id, part.id]
        with pytest.raises(stripe.InvalidRequestError) as spent:
            standin.sdk.v1.refunds.create({"charge": charge.id})
        assert spent.value.code == "charge_already_refunded"
        receiver.wait(lambda: receiver.types(charge.id).count("charge.refunded") == 2)

    def test_needs_a_payment_that_succeeded(self, standin: Standin) -> None:
        invoice = overdue(standin)
        failed = standin.sdk.v1.charges.list({"customer": str(invoice.customer)}).data[0].id
        for params in ({}, {"charge": failed}, {"charge": "ch_none"}, {"charge": failed, "payment_intent": "pi_1"}):
            with pytest.raises(stripe.InvalidRequestError):
                standin.sdk.raw_request("post", "/v1/refunds", **params)


class TestDispute:
    @pytest.mark.parametrize("outcome", ["won", "lost"])
    def test_begins_at_the_bank_and_is_decided(self, standin: Standin, receiver: Receiver, outcome: str) -> None:
        invoice = first_invoice(standin)
        dispute = standin.control(f"payments/{invoice.id}/dispute", reason="fraudulent")
        charge = intent_of(invoice).latest_charge
        found = standin.sdk.v1.disputes.list({"charge": str(charge)}).data[0]
        assert (found.id, found.amount, found.status) == (dispute["id"], 9900, "needs_response")
        assert standin.sdk.v1.charges.retrieve(str(charge)).disputed is True
        with pytest.raises(stripe.InvalidRequestError, match="charged back"):
            standin.sdk.v1.refunds.create({"charge": str(charge)})
        assert standin.control(f"disputes/{found.id}", outcome=outcome)["status"] == outcome
        wanted = {"charge.dispute.created", "charge.dispute.closed"}
        receiver.wait(lambda: wanted <= set(receiver.types(found.id)))
        # A lost one may be overturned, once.
        codes = [
            HTTP.post(f"{standin.url}/_local/disputes/{found.id}", json={"outcome": "won"}).status_code for _ in "12"
        ]
        assert codes == ([200, 404] if outcome == "lost" else [404, 404])

    def test_is_decided_by_the_evidence_that_test_mode_knows(self, standin: Standin) -> None:
        intent = standin.sdk.v1.payment_intents.create(
            {"amount": 2000, "currency": "usd", "confirm": True, "payment_method": "pm_card_createDispute"}
        )
        dispute = standin.sdk.v1.disputes.list({"payment_intent": intent.id}).data[0]
        standin.sdk.v1.disputes.update(dispute.id, {"evidence": {"product_description": "Seats"}, "submit": False})
        assert standin.sdk.v1.disputes.retrieve(dispute.id).status == "needs_response"
        won = standin.sdk.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
        assert won.status == "won"
        with pytest.raises(stripe.InvalidRequestError, match="closed"):
            standin.sdk.v1.disputes.close(dispute.id)

    def test_needs_a_payment(self, standin: Standin) -> None:
        for payment, body in (("in_none", {}), (first_invoice(standin).id, {"reason": "mood"})):
            answer = HTTP.post(f"{standin.url}/_local/payments/{payment}/dispute", json=body)
            assert answer.status_code in (400, 404)


class TestCards:
    def test_are_attached_made_default_and_taken_away(self, standin: Standin) -> None:
        customer = standin.sdk.v1.customers.create({"email": "c@example.com", "payment_method": "pm_card_visa"})
        first = standin.sdk.v1.customers.payment_methods.list(customer.id).data[0]
        second = standin.sdk.v1.payment_methods.create({"type": "card", "card": {"token": "tok_chargeCustomerFail"}})
        with pytest.raises(stripe.InvalidRequestError):
            standin.sdk.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": second.id}})
        standin.sdk.v1.payment_methods.attach(second.id, {"customer": customer.id})
        changed = standin.sdk.v1.customers.update(
            customer.id, {"invoice_settings": {"default_payment_method": second.id}}
        )
        assert changed.invoice_settings is not None
        assert changed.invoice_settings.default_payment_method == second.id
        standin.sdk.v1.payment_methods.detach(second.id)
        left = standin.sdk.v1.payment_methods.list({"customer": customer.id}).data
        assert [each.id for each in left] == [first.id]
        settings = standin.sdk.v1.customers.retrieve(customer.id).invoice_settings
        assert settings is not None
        assert settings.default_payment_method is None
        with pytest.raises(stripe.InvalidRequestError, match="previously used"):
            standin.sdk.v1.payment_methods.attach(second.id, {"customer": customer.id})

    def test_that_are_refused_cannot_be_kept_or_charged(self, standin: Standin) -> None:
        with pytest.raises(stripe.CardError):
            standin.sdk.v1.payment_methods.attach(
                "pm_card_chargeDeclined", {"customer": standin.sdk.v1.customers.create().id}
            )
        charge: Any = {"amount": 2000, "currency": "usd", "confirm": True}
        with pytest.raises(stripe.CardError) as declined:
            standin.sdk.v1.payment_intents.create(charge | {"payment_method": "pm_card_chargeDeclined"})
        failed = standin.sdk.v1.payment_intents.list({"limit": 1}).data[0]
        assert (failed.status, failed.latest_charge) == ("requires_payment_method", declined.value.error.charge)  # type: ignore[union-attr]
        paid = standin.sdk.v1.payment_intents.confirm(failed.id, {"payment_method": "pm_card_visa"})
        assert paid.status == "succeeded"
        with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
            standin.sdk.v1.payment_intents.cancel(paid.id)

    def test_numbers_are_refused(self, standin: Standin) -> None:
        with pytest.raises(stripe.InvalidRequestError):
            standin.sdk.raw_request(
                "post", "/v1/payment_methods", type="card", card={"number": "4242424242424242", "exp_month": 1}
            )
