"""Invoices that somebody writes by hand: items added, put on a draft, changed, deleted, sent."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import invalid, missing_parameter
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.objects import invoice_items, invoices
from deploy.local.stripe.objects.invoice_lines import waiting_line
from deploy.local.stripe.objects.prices import CURRENCIES
from deploy.local.stripe.params import EXPAND, Bool, Choice, Int, Metadata, Text
from deploy.local.stripe.periods import DAY
from deploy.local.stripe.store import Json

MINE = "json_extract(doc, '$.customer') = ? AND json_extract(doc, '$.parent') IS NULL"
WAITING = f"{MINE} AND json_extract(doc, '$.invoice') IS NULL"


def create_item(ctx: Context, params: dict[str, Any]) -> Json:
    """Something to be paid, waiting for the customer's next invoice by hand."""
    customer = ctx.get("customer", params["customer"], param="customer")
    item: Json = {
        "id": new_id("ii"),
        "object": "invoiceitem",
        "amount": params["amount"],
        "currency": params["currency"],
        "customer": customer["id"],
        "customer_account": None,
        "date": ctx.now,
        "description": params.get("description"),
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "net_amount": params["amount"],
        "parent": None,
        "period": {"end": ctx.now, "start": ctx.now},
        "pricing": None,
        "proration": False,
        "proration_details": None,
        "quantity": 1,
        "quantity_decimal": "1",
        "tax_rates": [],
        "test_clock": customer["test_clock"],
    }
    return ctx.create(item, event="invoiceitem.created")


def delete_item(ctx: Context, params: dict[str, Any], invoiceitem: str) -> Json:
    """Take back what no invoice has yet."""
    doc = ctx.get("invoiceitem", invoiceitem, in_path=True)
    if doc["invoice"] is not None:
        raise invalid("Invoice items on a finalized invoice cannot be deleted.")
    return _remove(ctx, doc, "invoiceitem.deleted")


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """A draft of what waits (`include`) or of nothing; nobody finalizes it but the caller."""
    customer = ctx.get("customer", params["customer"], param="customer")
    sent = params.get("collection_method") == "send_invoice"
    if sent and "days_until_due" not in params:
        raise missing_parameter("days_until_due")
    taken = params.get("pending_invoice_items_behavior") == "include"
    waiting = ctx.tx.select("invoiceitem", WAITING, (customer["id"],), "ORDER BY seq") if taken else []
    more: Json = {
        "auto_advance": params.get("auto_advance", False),
        "billing_reason": "manual",
        "collection_method": params.get("collection_method", "charge_automatically"),
        "description": params.get("description"),
        "due_date": ctx.now + params["days_until_due"] * DAY if sent else None,
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "parent": None,
    }
    nothing: Json = {"id": None, "currency": waiting[0]["currency"] if waiting else "usd", "metadata": {}}
    draft = invoices.shape(ctx, nothing, customer, [waiting_line(item) for item in waiting], more)
    ctx.create(draft, event="invoice.created")
    invoice_items.bill(ctx, waiting, draft["id"])
    return draft


def update(ctx: Context, params: dict[str, Any], invoice: str) -> Json:
    """Change its words; of a finalized one only the metadata."""
    doc = ctx.get("invoice", invoice, in_path=True)
    if doc["status"] != "draft" and "description" in params:
        raise invalid("Finalized invoices can't be updated in this way", code="invoice_not_editable")
    changes: Json = {name: params[name] for name in ("description",) if name in params}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(doc["metadata"], params["metadata"])
    return ctx.change(doc, changes, event="invoice.updated")


def delete(ctx: Context, params: dict[str, Any], invoice: str) -> Json:
    """Delete a draft by hand; its items wait again."""
    doc = ctx.get("invoice", invoice, in_path=True)
    if doc["status"] != "draft" or doc["parent"] is not None:
        raise invalid("You can only delete draft invoices that are not of a subscription.", code="invoice_not_editable")
    for item in ctx.tx.select("invoiceitem", "json_extract(doc, '$.invoice') = ?", (invoice,)):
        ctx.change(item, {"invoice": None})
    return _remove(ctx, doc, "invoice.deleted")


def send(ctx: Context, params: dict[str, Any], invoice: str) -> Json:
    """Finalize it if it is a draft, and mail it (which is only told)."""
    doc = ctx.get("invoice", invoice, in_path=True)
    if doc["collection_method"] != "send_invoice":
        raise invalid("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if doc["status"] == "draft":
        doc = invoices.finalize(ctx, doc)
    ctx.emit("invoice.sent", doc)
    return doc


def _remove(ctx: Context, doc: Json, event: str) -> Json:
    gone: Json = {"id": doc["id"], "object": doc["object"], "deleted": True}
    ctx.tx.update(gone)
    ctx.emit(event, doc)
    return gone


OPERATIONS = (
    Operation(
        "POST",
        "/v1/invoiceitems",
        create_item,
        EXPAND
        | {
            "amount": Int(),
            "currency": Choice(CURRENCIES),
            "customer": Text(),
            "description": Text(),
            "metadata": Metadata(),
        },
        required=("customer", "amount", "currency"),
    ),
    Operation("DELETE", "/v1/invoiceitems/<invoiceitem>", delete_item),
    Operation(
        "POST",
        "/v1/invoices",
        create,
        EXPAND
        | {
            "auto_advance": Bool(),
            "collection_method": Choice(("charge_automatically", "send_invoice")),
            "customer": Text(),
            "days_until_due": Int(0, 730),
            "description": Text(),
            "metadata": Metadata(),
            "pending_invoice_items_behavior": Choice(("exclude", "include")),
        },
        required=("customer",),
    ),
    Operation(
        "POST", "/v1/invoices/<invoice>", update, EXPAND | {"description": Text(unset=True), "metadata": Metadata()}
    ),
    Operation("DELETE", "/v1/invoices/<invoice>", delete),
    Operation("POST", "/v1/invoices/<invoice>/send", send, EXPAND),
)
