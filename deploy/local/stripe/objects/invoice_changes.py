"""What can be done to an invoice over the API: finalize, pay, void, write off."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.errors import card_declined, invalid
from deploy.local.stripe.objects import dunning, invoice_payments, invoices, payment_methods
from deploy.local.stripe.params import EXPAND, Bool, Text
from deploy.local.stripe.store import Json


def finalize(ctx: Context, params: dict[str, Any], invoice: str) -> Json:
    """Open a draft for payment; with `auto_advance` it is also charged by itself."""
    doc = _in(ctx, invoice, ("draft",), "finalized")
    doc = invoices.finalize(ctx, ctx.change(doc, {"auto_advance": params.get("auto_advance", doc["auto_advance"])}))
    return doc if doc["amount_due"] else dunning.paid(ctx, doc)


def pay(ctx: Context, params: dict[str, Any], invoice: str) -> Json:
    """Collect an open invoice now, outside the schedule; 402 `card_declined` when the card is refused."""
    doc = ctx.get("invoice", invoice, in_path=True)
    if doc["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    if doc["status"] == "draft":
        doc = invoices.finalize(ctx, doc)
    doc = _in(ctx, invoice, ("open", "uncollectible"), "paid")
    if not doc["amount_due"]:
        return dunning.paid(ctx, doc)
    if params.get("paid_out_of_band"):
        invoice_payments.give_up(ctx, invoice, "automatic")
        return dunning.paid(ctx, doc, charged=False)
    method = None
    if "payment_method" in params:
        method = payment_methods.belonging(ctx, doc["customer"], params["payment_method"])
    doc, intent = dunning.try_now(ctx, doc, method)
    if doc["status"] != "paid":
        raise _refusal(intent)
    return doc


def _refusal(intent: Json) -> Exception:
    if intent["status"] == "requires_action":
        return card_declined(
            code="invoice_payment_intent_requires_action",
            message="This invoice's payment intent requires additional user action before it can be completed.",
        )
    return card_declined(intent["latest_charge"])


def void(ctx: Context, params: dict[str, Any], invoice: str) -> Json:
    """Take it back for good; nothing is owed any more."""
    return dunning.void(ctx, _in(ctx, invoice, ("open", "uncollectible"), "voided"))


def mark_uncollectible(ctx: Context, params: dict[str, Any], invoice: str) -> Json:
    """Write it off; it can still be paid or voided."""
    doc = _in(ctx, invoice, ("open",), "marked uncollectible")
    transitions = {**doc["status_transitions"], "marked_uncollectible_at": ctx.now}
    changes = {"status": "uncollectible", "next_payment_attempt": None, "status_transitions": transitions}
    return ctx.change(doc, changes | {"auto_advance": False}, event="invoice.marked_uncollectible")


def _in(ctx: Context, invoice: str, states: tuple[str, ...], verb: str) -> Json:
    doc = ctx.get("invoice", invoice, in_path=True)
    if doc["status"] not in states:
        raise invalid(f"This invoice is {doc['status']} and cannot be {verb}.", code="invoice_not_editable")
    return doc


OPERATIONS = (
    Operation("POST", "/v1/invoices/<invoice>/finalize", finalize, EXPAND | {"auto_advance": Bool()}),
    Operation(
        "POST",
        "/v1/invoices/<invoice>/pay",
        pay,
        EXPAND | {"off_session": Bool(), "paid_out_of_band": Bool(), "payment_method": Text()},
    ),
    Operation("POST", "/v1/invoices/<invoice>/void", void, EXPAND),
    Operation("POST", "/v1/invoices/<invoice>/mark_uncollectible", mark_uncollectible, EXPAND),
)
