"""Invoices: what a subscription charges, line by line; drafted, finalized, paid."""

from __future__ import annotations

import copy
from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.objects import invoice_payments
from deploy.local.stripe.objects.invoice_shapes import BLANK
from deploy.local.stripe.params import EXPAND, PAGE, Choice, Text, TimeRange
from deploy.local.stripe.store import Json

SUBSCRIPTION = "parent.subscription_details.subscription"


def draft(
    ctx: Context, subscription: Json, customer: Json, lines: list[Json], *, reason: str, more: Json | None = None
) -> Json:
    """A new draft of these lines; `reason` is Stripe's billing_reason, `more` what differs from a plain draft."""
    invoice = shape(ctx, subscription, customer, lines, {"billing_reason": reason, **(more or {})})
    return ctx.create(invoice, event="invoice.created")


def shape(ctx: Context, subscription: Json, customer: Json, lines: list[Json], more: Json) -> Json:
    """A draft that is not stored; what the customer has to its credit is taken off when it is finalized."""
    invoice_id = more.get("id") or new_id("in")
    total = sum(line["amount"] for line in lines)
    due = max(total + customer["balance"], 0)
    return {
        "id": invoice_id,
        "object": "invoice",
        **copy.deepcopy(BLANK),
        "amount_due": due,
        "amount_remaining": due,
        "created": ctx.now,
        "currency": subscription["currency"],
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_tax_exempt": customer["tax_exempt"],
        "lines": {
            "object": "list",
            "data": [{**line, "invoice": invoice_id, "metadata": subscription["metadata"]} for line in lines],
            "has_more": False,
            "url": f"/v1/invoices/{invoice_id}/lines",
        },
        "parent": {
            "quote_details": None,
            "subscription_details": {"metadata": subscription["metadata"], "subscription": subscription["id"]},
            "type": "subscription_details",
        },
        "period_end": ctx.now,
        "period_start": ctx.now,
        "status": "draft",
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
        "starting_balance": customer["balance"],
        "test_clock": customer["test_clock"],
        **more,
    }


def finalize(ctx: Context, invoice: Json) -> Json:
    """Give a draft its number and open it for payment; less than nothing becomes the customer's credit."""
    customer = ctx.get("customer", invoice["customer"])
    sequence = customer["next_invoice_sequence"]
    customer = ctx.change(customer, {"next_invoice_sequence": sequence + 1})
    available = invoice["total"] + customer["balance"]
    due, credit = max(available, 0), min(available, 0)
    ctx.change(customer, {"balance": credit}, event="customer.updated")
    changes = {
        "status": "open",
        "automatically_finalizes_at": None,
        "number": f"{customer['invoice_prefix']}-{sequence:04d}",
        "amount_due": due,
        "amount_remaining": due,
        "effective_at": ctx.now,
        "starting_balance": customer["balance"],
        "ending_balance": credit,
        "hosted_invoice_url": f"{ctx.base_url}/i/{invoice['id']}",
        "status_transitions": {**invoice["status_transitions"], "finalized_at": ctx.now},
    }
    invoice = ctx.change(invoice, changes, event="invoice.finalized")
    if invoice["amount_due"]:
        invoice_payments.open_for(ctx, invoice)
    return invoice


def refuse_to_finalize(ctx: Context, invoice: Json) -> Json:
    """What happens when the tax of a customer cannot be told: it stays a draft until somebody finalizes it."""
    error: Json = {
        "code": "customer_tax_location_invalid",
        "message": "The tax location of the customer could not be determined.",
        "type": "invalid_request_error",
    }
    changes = {"last_finalization_error": error, "automatically_finalizes_at": None}
    return ctx.change(invoice, changes, event="invoice.finalization_failed")


def mark_paid(ctx: Context, invoice: Json, *, charged: bool = True) -> Json:
    """The money came in (`charged`: by an attempt that counts), or none was due, which takes no attempt."""
    changes = {
        "status": "paid",
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "attempt_count": invoice["attempt_count"] + (1 if charged and invoice["amount_due"] else 0),
        "next_payment_attempt": None,
        "auto_advance": False,
        "status_transitions": {**invoice["status_transitions"], "paid_at": ctx.now},
    }
    paid = ctx.change(invoice, changes, event="invoice.paid")
    ctx.emit("invoice.payment_succeeded", paid)
    return paid


def of_subscription(ctx: Context, subscription: str, status: str) -> list[Json]:
    """The invoices of a subscription in one state, newest first."""
    mine = f"json_extract(doc, '$.status') = ? AND json_extract(doc, '$.{SUBSCRIPTION}') = ?"
    return ctx.tx.select("invoice", mine, (status, subscription))


def open_of(ctx: Context, customer: str) -> list[Json]:
    """What a customer owes, oldest first."""
    mine = "json_extract(doc, '$.status') = 'open' AND json_extract(doc, '$.customer') = ?"
    return ctx.tx.select("invoice", mine, (customer,), "ORDER BY seq")


def stop_collecting(ctx: Context, subscription: str) -> None:
    """What an ended subscription still owes is not charged automatically any more."""
    _leave(ctx, of_subscription(ctx, subscription, "open") + of_subscription(ctx, subscription, "draft"))


def stop_collecting_from(ctx: Context, customer: str) -> None:
    """Nothing is charged automatically to a customer that is gone."""
    owed = "json_extract(doc, '$.status') IN ('open', 'draft') AND json_extract(doc, '$.customer') = ?"
    _leave(ctx, ctx.tx.select("invoice", owed, (customer,)))


def _leave(ctx: Context, owed: list[Json]) -> None:
    for invoice in owed:
        ctx.change(invoice, {"auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None})


def retrieve(ctx: Context, params: dict[str, Any], invoice: str) -> Json:
    """One invoice."""
    return ctx.get("invoice", invoice, in_path=True)


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Invoices, newest first."""
    filters = Filter()
    filters.unlike("deleted", True)
    filters.equal("customer", params.get("customer"))
    filters.equal(SUBSCRIPTION, params.get("subscription"))
    filters.equal("status", params.get("status"))
    filters.within("created", params.get("created"))
    return page(ctx, "invoice", "/v1/invoices", params, filters)


OPERATIONS = (
    Operation(
        "GET",
        "/v1/invoices",
        list_all,
        PAGE
        | {
            "created": TimeRange(),
            "customer": Text(),
            "status": Choice(("draft", "open", "paid", "uncollectible", "void")),
            "subscription": Text(),
        },
    ),
    Operation("GET", "/v1/invoices/<invoice>", retrieve, EXPAND),
)
