"""Invoices written by hand, and the customers and products that are deleted."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.local_stack.stripe.standin import Standin, plan, subscribe


def draft(standin: Standin, **more: Any) -> stripe.Invoice:
    customer = standin.sdk.v1.customers.create({"payment_method": "pm_card_visa"}).id
    standin.sdk.v1.invoice_items.create({"customer": customer, "amount": 2000, "currency": "usd"})
    params: Any = {"customer": customer, "pending_invoice_items_behavior": "include", **more}
    return standin.sdk.v1.invoices.create(params)


class TestManualInvoice:
    def test_is_a_draft_until_it_is_finalized_and_paid(self, standin: Standin) -> None:
        invoice = draft(standin, metadata={"order": "1"})
        assert (invoice.status, invoice.amount_due, invoice.billing_reason, invoice.parent) == (
            "draft",
            2000,
            "manual",
            None,
        )
        standin.control("clock", advance={"days": 3})
        assert standin.sdk.v1.invoices.retrieve(invoice.id).status == "draft"
        changed = standin.sdk.v1.invoices.update(invoice.id, {"metadata": {"order": "2"}})
        assert changed.metadata is not None
        assert changed.metadata["order"] == "2"
        assert standin.sdk.v1.invoices.finalize_invoice(invoice.id).status == "open"
        card = standin.sdk.v1.customers.payment_methods.list(str(invoice.customer)).data[0].id
        assert standin.sdk.v1.invoices.pay(invoice.id, {"payment_method": card}).status == "paid"
        with pytest.raises(stripe.InvalidRequestError):
            standin.sdk.v1.invoices.delete(invoice.id)

    def test_gives_its_items_back_when_it_is_deleted(self, standin: Standin) -> None:
        invoice = draft(standin)
        standin.sdk.v1.invoices.delete(invoice.id)
        waiting = standin.sdk.v1.invoice_items.list({"customer": str(invoice.customer), "pending": True}).data
        assert [item.amount for item in waiting] == [2000]
        standin.sdk.v1.invoice_items.delete(waiting[0].id)
        assert standin.sdk.v1.invoice_items.list({"customer": str(invoice.customer)}).data == []
        assert standin.sdk.v1.invoices.list({"customer": str(invoice.customer)}).data == []

    def test_is_sent_only_when_that_is_how_it_is_collected(self, standin: Standin) -> None:
        with pytest.raises(stripe.InvalidRequestError):
            standin.sdk.v1.invoices.send_invoice(draft(standin).id)
        with pytest.raises(stripe.InvalidRequestError, match="days_until_due"):
            draft(standin, collection_method="send_invoice")
        sent = standin.sdk.v1.invoices.send_invoice(
            draft(standin, collection_method="send_invoice", days_until_due=7).id
        )
        assert (sent.status, sent.due_date) == ("open", sent.created + 7 * 24 * 3600)

    def test_leaves_a_subscriptions_items_alone(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        item, bigger = subscription["items"].data[0].id, plan(standin, 9900).id
        standin.sdk.v1.subscriptions.update(subscription.id, {"items": [{"id": item, "price": bigger}]})
        by_hand = standin.sdk.v1.invoices.create(
            {"customer": str(subscription.customer), "pending_invoice_items_behavior": "include"}
        )
        assert by_hand.lines.data == []


class TestDeletion:
    def test_of_a_product_needs_that_it_has_no_price(self, standin: Standin) -> None:
        priced = plan(standin)
        with pytest.raises(stripe.InvalidRequestError, match="user-created prices"):
            standin.sdk.v1.products.delete(str(priced.product))
        bare = standin.sdk.v1.products.create({"name": "Bare"})
        standin.sdk.v1.products.delete(bare.id)
        assert bare.id not in [each.id for each in standin.sdk.v1.products.list({"limit": 100}).data]

    def test_of_a_customer_who_owes_stops_all_collecting(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        customer = str(subscription.customer)
        standin.control(f"customers/{customer}/card", card="declined")
        standin.control("clock", advance={"months": 1, "hours": 2})
        standin.sdk.v1.customers.delete(customer)
        standin.control("clock", advance={"months": 1})
        owed = standin.sdk.v1.invoices.list({"customer": customer, "status": "open"}).data
        assert [(invoice.attempt_count, invoice.next_payment_attempt) for invoice in owed] == [(1, None)]
