"""The walk that holds everything to the SDK's classes: it must see what is wrong, and what we accept must be real."""

from __future__ import annotations

import copy
import importlib
import typing
from typing import Any

import pytest
from typing_extensions import is_typeddict

from deploy.local.stripe.context import Operation
from deploy.local.stripe.objects import OPERATIONS
from deploy.local.stripe.params import Hash, ListOf, Type
from tests.local_stack.stripe.sdk_shapes import complaints, namespace
from tests.local_stack.stripe.standin import Standin, subscribe

PARAMS = {
    "POST /v1/customers": "_customer_create_params.CustomerCreateParams",
    "GET /v1/customers": "_customer_list_params.CustomerListParams",
    "GET /v1/customers/<customer>": "_customer_retrieve_params.CustomerRetrieveParams",
    "POST /v1/customers/<customer>": "_customer_update_params.CustomerUpdateParams",
    "DELETE /v1/customers/<customer>": "_customer_delete_params.CustomerDeleteParams",
    "POST /v1/products": "_product_create_params.ProductCreateParams",
    "GET /v1/products": "_product_list_params.ProductListParams",
    "GET /v1/products/<product>": "_product_retrieve_params.ProductRetrieveParams",
    "POST /v1/products/<product>": "_product_update_params.ProductUpdateParams",
    "POST /v1/prices": "_price_create_params.PriceCreateParams",
    "GET /v1/prices": "_price_list_params.PriceListParams",
    "GET /v1/prices/<price>": "_price_retrieve_params.PriceRetrieveParams",
    "POST /v1/prices/<price>": "_price_update_params.PriceUpdateParams",
    "POST /v1/checkout/sessions": "checkout._session_create_params.SessionCreateParams",
    "GET /v1/checkout/sessions": "checkout._session_list_params.SessionListParams",
    "GET /v1/checkout/sessions/<session>": "checkout._session_retrieve_params.SessionRetrieveParams",
    "GET /v1/checkout/sessions/<session>/line_items": (
        "checkout._session_line_item_list_params.SessionLineItemListParams"
    ),
    "POST /v1/checkout/sessions/<session>/expire": "checkout._session_expire_params.SessionExpireParams",
    "GET /v1/subscriptions": "_subscription_list_params.SubscriptionListParams",
    "GET /v1/subscriptions/<subscription>": "_subscription_retrieve_params.SubscriptionRetrieveParams",
    "POST /v1/subscriptions": "_subscription_create_params.SubscriptionCreateParams",
    "POST /v1/invoices/create_preview": "_invoice_create_preview_params.InvoiceCreatePreviewParams",
    "POST /v1/subscriptions/<subscription>": "_subscription_update_params.SubscriptionUpdateParams",
    "DELETE /v1/subscriptions/<subscription>": "_subscription_cancel_params.SubscriptionCancelParams",
    "POST /v1/subscriptions/<subscription>/pause": "_subscription_pause_params.SubscriptionPauseParams",
    "POST /v1/subscriptions/<subscription>/resume": "_subscription_resume_params.SubscriptionResumeParams",
    "GET /v1/invoiceitems": "_invoice_item_list_params.InvoiceItemListParams",
    "GET /v1/invoiceitems/<invoiceitem>": "_invoice_item_retrieve_params.InvoiceItemRetrieveParams",
    "GET /v1/invoices": "_invoice_list_params.InvoiceListParams",
    "GET /v1/invoices/<invoice>": "_invoice_retrieve_params.InvoiceRetrieveParams",
    "POST /v1/invoices/<invoice>/finalize": "_invoice_finalize_invoice_params.InvoiceFinalizeInvoiceParams",
    "POST /v1/invoices/<invoice>/pay": "_invoice_pay_params.InvoicePayParams",
    "POST /v1/invoices/<invoice>/void": "_invoice_void_invoice_params.InvoiceVoidInvoiceParams",
    "POST /v1/invoices/<invoice>/mark_uncollectible": (
        "_invoice_mark_uncollectible_params.InvoiceMarkUncollectibleParams"
    ),
    "POST /v1/invoices": "_invoice_create_params.InvoiceCreateParams",
    "POST /v1/invoices/<invoice>": "_invoice_update_params.InvoiceUpdateParams",
    "DELETE /v1/invoices/<invoice>": "_invoice_delete_params.InvoiceDeleteParams",
    "POST /v1/invoices/<invoice>/send": "_invoice_send_invoice_params.InvoiceSendInvoiceParams",
    "POST /v1/invoiceitems": "_invoice_item_create_params.InvoiceItemCreateParams",
    "DELETE /v1/invoiceitems/<invoiceitem>": "_invoice_item_delete_params.InvoiceItemDeleteParams",
    "DELETE /v1/products/<product>": "_product_delete_params.ProductDeleteParams",
    "POST /v1/test_helpers/test_clocks": "test_helpers._test_clock_create_params.TestClockCreateParams",
    "GET /v1/test_helpers/test_clocks": "test_helpers._test_clock_list_params.TestClockListParams",
    "GET /v1/test_helpers/test_clocks/<test_clock>": (
        "test_helpers._test_clock_retrieve_params.TestClockRetrieveParams"
    ),
    "DELETE /v1/test_helpers/test_clocks/<test_clock>": "test_helpers._test_clock_delete_params.TestClockDeleteParams",
    "POST /v1/test_helpers/test_clocks/<test_clock>/advance": (
        "test_helpers._test_clock_advance_params.TestClockAdvanceParams"
    ),
    "GET /v1/invoice_payments": "_invoice_payment_list_params.InvoicePaymentListParams",
    "GET /v1/invoice_payments/<payment>": "_invoice_payment_retrieve_params.InvoicePaymentRetrieveParams",
    "GET /v1/customers/<customer>/payment_methods": (
        "_customer_payment_method_list_params.CustomerPaymentMethodListParams"
    ),
    "POST /v1/payment_methods": "_payment_method_create_params.PaymentMethodCreateParams",
    "GET /v1/payment_methods": "_payment_method_list_params.PaymentMethodListParams",
    "GET /v1/payment_methods/<payment_method>": "_payment_method_retrieve_params.PaymentMethodRetrieveParams",
    "POST /v1/payment_methods/<payment_method>/attach": "_payment_method_attach_params.PaymentMethodAttachParams",
    "POST /v1/payment_methods/<payment_method>/detach": "_payment_method_detach_params.PaymentMethodDetachParams",
    "POST /v1/payment_intents": "_payment_intent_create_params.PaymentIntentCreateParams",
    "GET /v1/payment_intents": "_payment_intent_list_params.PaymentIntentListParams",
    "GET /v1/payment_intents/<intent>": "_payment_intent_retrieve_params.PaymentIntentRetrieveParams",
    "POST /v1/payment_intents/<intent>/confirm": "_payment_intent_confirm_params.PaymentIntentConfirmParams",
    "POST /v1/payment_intents/<intent>/cancel": "_payment_intent_cancel_params.PaymentIntentCancelParams",
    "GET /v1/charges": "_charge_list_params.ChargeListParams",
    "GET /v1/charges/<charge>": "_charge_retrieve_params.ChargeRetrieveParams",
    "POST /v1/charges/<charge>": "_charge_update_params.ChargeUpdateParams",
    "POST /v1/refunds": "_refund_create_params.RefundCreateParams",
    "GET /v1/refunds": "_refund_list_params.RefundListParams",
    "GET /v1/refunds/<refund>": "_refund_retrieve_params.RefundRetrieveParams",
    "POST /v1/refunds/<refund>": "_refund_update_params.RefundUpdateParams",
    "GET /v1/disputes": "_dispute_list_params.DisputeListParams",
    "GET /v1/disputes/<dispute>": "_dispute_retrieve_params.DisputeRetrieveParams",
    "POST /v1/disputes/<dispute>": "_dispute_update_params.DisputeUpdateParams",
    "POST /v1/disputes/<dispute>/close": "_dispute_close_params.DisputeCloseParams",
    "POST /v1/billing_portal/configurations": "billing_portal._configuration_create_params.ConfigurationCreateParams",
    "GET /v1/billing_portal/configurations": "billing_portal._configuration_list_params.ConfigurationListParams",
    "GET /v1/billing_portal/configurations/<configuration>": (
        "billing_portal._configuration_retrieve_params.ConfigurationRetrieveParams"
    ),
    "POST /v1/billing_portal/configurations/<configuration>": (
        "billing_portal._configuration_update_params.ConfigurationUpdateParams"
    ),
    "POST /v1/billing_portal/sessions": "billing_portal._session_create_params.SessionCreateParams",
    "GET /v1/events": "_event_list_params.EventListParams",
    "GET /v1/events/<event>": "_event_retrieve_params.EventRetrieveParams",
}


class TestTheWalk:
    @pytest.mark.parametrize(
        ("plant", "complaint"),
        [
            ({"current_period_end": 1}, "has no such field"),
            ({"status": "happy"}, "none of Stripe's values"),
            ({"created": "yesterday"}, "is no int"),
            ({"cancel_at_period_end": 0}, "is no bool"),
            ({"metadata": {"seats": 3}}, "is no str"),
            ({"discounts": None}, "is no list"),
            ({"billing_mode": {"type": "flexible", "since": 1}}, "has no such field"),
        ],
    )
    def test_sees_what_is_planted(self, standin: Standin, plant: dict[str, Any], complaint: str) -> None:
        subscription = standin.raw("GET", f"/v1/subscriptions/{subscribe(standin).id}").json()
        assert complaints(subscription) == []
        found = complaints(subscription | plant)
        assert len(found) == 1
        assert complaint in found[0]

    def test_sees_a_missing_field_and_one_planted_deep_inside(self, standin: Standin) -> None:
        subscription = standin.raw("GET", f"/v1/subscriptions/{subscribe(standin).id}").json()
        changed = copy.deepcopy(subscription)
        del changed["start_date"]
        changed["items"]["data"][0]["price"]["unit_amount_decimal"] = 2900
        assert complaints(changed) == [
            "subscription.items.data[0].price.unit_amount_decimal: decimals travel as strings, not 2900",
            "subscription.start_date: is required and missing",
        ]


class TestParameters:
    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
    def test_accepts_none_that_the_pinned_version_does_not_have(self, operation: Operation) -> None:
        module, name = PARAMS[f"{operation.method} {operation.path}"].rsplit(".", 1)
        theirs = getattr(importlib.import_module(f"stripe.params.{module}"), name)
        assert list(_unknown(operation.params, theirs, "")) == []


def _unknown(ours: typing.Mapping[str, Type], theirs: Any, path: str) -> typing.Iterator[str]:
    hints = typing.get_type_hints(theirs, localns=namespace("stripe._request_options"))
    for name, kind in ours.items():
        if name not in hints:
            yield f"{path}{name}"
            continue
        inner = kind.item if isinstance(kind, ListOf) else kind
        if isinstance(inner, Hash):
            yield from _unknown(inner.fields, _typed_dict(hints[name]), f"{path}{name}.")


def _typed_dict(hint: Any) -> Any:
    """The TypedDict somewhere inside `Union['', List[ThatDict]]`."""
    if is_typeddict(hint):
        return hint
    found = [_typed_dict(argument) for argument in typing.get_args(hint)]
    return next((each for each in found if each is not None), None)
