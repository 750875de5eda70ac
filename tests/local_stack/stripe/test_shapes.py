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
    "POST /v1/subscriptions/<subscription>": "_subscription_update_params.SubscriptionUpdateParams",
    "DELETE /v1/subscriptions/<subscription>": "_subscription_cancel_params.SubscriptionCancelParams",
    "POST /v1/subscriptions/<subscription>/pause": "_subscription_pause_params.SubscriptionPauseParams",
    "POST /v1/subscriptions/<subscription>/resume": "_subscription_resume_params.SubscriptionResumeParams",
    "GET /v1/invoiceitems": "_invoice_item_list_params.InvoiceItemListParams",
    "GET /v1/invoiceitems/<invoiceitem>": "_invoice_item_retrieve_params.InvoiceItemRetrieveParams",
    "GET /v1/invoices": "_invoice_list_params.InvoiceListParams",
    "GET /v1/invoices/<invoice>": "_invoice_retrieve_params.InvoiceRetrieveParams",
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
