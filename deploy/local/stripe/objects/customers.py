"""Customers: who pays."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.objects import subscription_changes
from deploy.local.stripe.params import EXPAND, PAGE, Choice, Email, Hash, Metadata, Text, TimeRange, Type
from deploy.local.stripe.store import Json

ADDRESS_FIELDS = ("city", "country", "line1", "line2", "postal_code", "state")
FIELDS: dict[str, Type] = EXPAND | {
    "address": Hash({name: Text(unset=True) for name in ADDRESS_FIELDS}),
    "description": Text(unset=True),
    "email": Email(unset=True),
    "metadata": Metadata(),
    "name": Text(256, unset=True),
    "phone": Text(20, unset=True),
    "tax_exempt": Choice(("exempt", "none", "reverse")),
}


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """A new customer; Stripe does not mind two with one e-mail address, so neither do we."""
    customer_id = new_id("cus")
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
        "test_clock": None,
    }
    return ctx.create(customer, event="customer.created")


def retrieve(ctx: Context, params: dict[str, Any], customer: str) -> Json:
    """One customer; of a deleted one only its id is left."""
    return ctx.tx.find(customer, "customer") or ctx.get("customer", customer, in_path=True)


def update(ctx: Context, params: dict[str, Any], customer: str) -> Json:
    """Change what is given, keep the rest."""
    doc = ctx.get("customer", customer, in_path=True)
    changes = {name: params[name] for name in params if name not in ("expand", "metadata", "address")}
    if "address" in params:
        changes["address"] = _address({**(doc["address"] or {}), **params["address"]})
    if "metadata" in params:
        changes["metadata"] = merge_metadata(doc["metadata"], params["metadata"])
    return ctx.change(doc, changes, event="customer.updated")


def delete(ctx: Context, params: dict[str, Any], customer: str) -> Json:
    """Delete for good: its running subscriptions end at once, what was billed stays."""
    doc = ctx.get("customer", customer, in_path=True)
    subscription_changes.end_all_of(ctx, customer)
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


def _address(given: dict[str, Any] | None) -> Json | None:
    if given is None:
        return None
    return {name: given.get(name) for name in ADDRESS_FIELDS}


OPERATIONS = (
    Operation("POST", "/v1/customers", create, FIELDS),
    Operation("GET", "/v1/customers", list_all, PAGE | {"email": Email(), "created": TimeRange()}),
    Operation("GET", "/v1/customers/<customer>", retrieve, EXPAND),
    Operation("POST", "/v1/customers/<customer>", update, FIELDS),
    Operation("DELETE", "/v1/customers/<customer>", delete),
)
