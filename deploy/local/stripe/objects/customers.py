"""Customers: who pays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.objects import invoices, payment_methods, subscription_states
from deploy.local.stripe.params import EXPAND, PAGE, Choice, Email, Hash, Metadata, Text, TimeRange, Type
from deploy.local.stripe.store import Json

ADDRESS_FIELDS = ("city", "country", "line1", "line2", "postal_code", "state")
FIELDS: dict[str, Type] = EXPAND | {
    "address": Hash({name: Text(unset=True) for name in ADDRESS_FIELDS}),
    "description": Text(unset=True),
    "email": Email(unset=True),
    "invoice_settings": Hash({"default_payment_method": Text(unset=True)}),
    "metadata": Metadata(),
    "name": Text(256, unset=True),
    "phone": Text(20, unset=True),
    "tax_exempt": Choice(("exempt", "none", "reverse")),
}


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """A new customer; Stripe does not mind two with one e-mail address, so neither do we."""
    customer_id, test_clock = new_id("cus"), params.get("test_clock")
    if test_clock is not None:
        ctx = replace(ctx, now=ctx.get("test_helpers.test_clock", test_clock, param="test_clock")["frozen_time"])
    customer: Json = {
        "id": customer_id,
        "object": "customer",
        "address": _address(params.get("address")),
        "balance": 0,
        "created": ctx.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": params.get("description"),
        "discount": None,
        "email": params.get("email"),
        "invoice_prefix": customer_id[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "name": params.get("name"),
        "next_invoice_sequence": 1,
        "phone": params.get("phone"),
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": params.get("tax_exempt", "none"),
        "test_clock": test_clock,
    }
    ctx.create(customer, event="customer.created")
    if "payment_method" in params:
        payment_methods.put_with(ctx, payment_methods.named(ctx, params["payment_method"]), customer_id)
    if "invoice_settings" in params:
        return _with_default(ctx, customer, params["invoice_settings"])
    return customer


def retrieve(ctx: Context, params: dict[str, Any], customer: str) -> Json:
    """One customer; of a deleted one only its id is left."""
    return ctx.tx.find(customer, "customer") or ctx.get("customer", customer, in_path=True)


def update(ctx: Context, params: dict[str, Any], customer: str) -> Json:
    """Change what is given, keep the rest."""
    doc = ctx.get("customer", customer, in_path=True)
    changes = {
        name: params[name] for name in params if name not in ("expand", "metadata", "address", "invoice_settings")
    }
    if "address" in params:
        changes["address"] = _address({**(doc["address"] or {}), **params["address"]})
    if "metadata" in params:
        changes["metadata"] = merge_metadata(doc["metadata"], params["metadata"])
    doc = ctx.change(doc, changes, event="customer.updated")
    return _with_default(ctx, doc, params["invoice_settings"]) if "invoice_settings" in params else doc


def delete(ctx: Context, params: dict[str, Any], customer: str) -> Json:
    """Delete for good: its running subscriptions end at once, what was billed stays."""
    doc = ctx.get("customer", customer, in_path=True)
    subscription_states.end_all_of(ctx, customer)
    invoices.stop_collecting_from(ctx, customer)
    gone: Json = {"id": customer, "object": "customer", "deleted": True}
    ctx.tx.update(gone)
    ctx.emit("customer.deleted", doc)
    return gone


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Customers, newest first; `email` is compared exactly, case included, as Stripe does."""
    filters = Filter()
    filters.unlike("deleted", True)
    filters.equal("email", params.get("email"))
    filters.within("created", params.get("created"))
    return page(ctx, "customer", "/v1/customers", params, filters)


def _with_default(ctx: Context, customer: Json, given: dict[str, Any]) -> Json:
    """With this card charged wherever a subscription names no other."""
    name = given.get("default_payment_method")
    if name is not None:
        param = "invoice_settings[default_payment_method]"
        name = payment_methods.belonging(ctx, customer["id"], name, param=param)["id"]
    settings = {**customer["invoice_settings"], "default_payment_method": name}
    return ctx.change(customer, {"invoice_settings": settings}, event="customer.updated")


def list_payment_methods(ctx: Context, params: dict[str, Any], customer: str) -> Json:
    """The cards of one customer."""
    ctx.get("customer", customer, in_path=True)
    return payment_methods.list_all(ctx, {**params, "customer": customer})


def _address(given: dict[str, Any] | None) -> Json | None:
    if given is None:
        return None
    return {name: given.get(name) for name in ADDRESS_FIELDS}


OPERATIONS = (
    Operation("POST", "/v1/customers", create, FIELDS | {"payment_method": Text(), "test_clock": Text()}),
    Operation("GET", "/v1/customers", list_all, PAGE | {"email": Email(), "created": TimeRange()}),
    Operation("GET", "/v1/customers/<customer>", retrieve, EXPAND),
    Operation("POST", "/v1/customers/<customer>", update, FIELDS),
    Operation("DELETE", "/v1/customers/<customer>", delete),
    Operation(
        "GET", "/v1/customers/<customer>/payment_methods", list_payment_methods, PAGE | {"type": Choice(("card",))}
    ),
)
