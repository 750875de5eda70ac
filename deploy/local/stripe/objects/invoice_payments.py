"""Invoice payments: which payment intent pays which invoice, and the charging of it."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.objects import payment_intents
from deploy.local.stripe.params import EXPAND, PAGE, Choice, Hash, Text, TimeRange
from deploy.local.stripe.store import Json


def open_for(ctx: Context, invoice: Json) -> Json:
    """An invoice was finalized: an intent over what is due."""
    intent = payment_intents.new(
        ctx, invoice["amount_due"], invoice["currency"], invoice["customer"], description=f"Invoice {invoice['number']}"
    )
    payment: Json = {
        "id": new_id("inpay"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_due"],
        "created": ctx.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    return ctx.create(payment)


def of_invoice(ctx: Context, invoice: str) -> list[Json]:
    """The payments of an invoice, newest first; none when nothing was due."""
    return ctx.tx.select("invoice_payment", "json_extract(doc, '$.invoice') = ?", (invoice,))


def intent_of(ctx: Context, invoice: Json) -> Json:
    """The intent of an invoice over more than nothing."""
    return ctx.get("payment_intent", of_invoice(ctx, invoice["id"])[0]["payment"]["payment_intent"])


def charge(ctx: Context, invoice: Json, method: Json | None, *, holder_is_there: bool = False) -> Json:
    """Try to collect with this card; the intent afterwards says how it went."""
    payment, intent = of_invoice(ctx, invoice["id"])[0], intent_of(ctx, invoice)
    intent = payment_intents.attempt(ctx, intent, method, holder_is_there=holder_is_there)
    if intent["status"] == "succeeded":
        transitions = {**payment["status_transitions"], "paid_at": ctx.now}
        changes = {"amount_paid": intent["amount"], "status": "paid", "status_transitions": transitions}
        ctx.change(payment, changes, event="invoice_payment.paid")
    return intent


def give_up(ctx: Context, invoice: str, reason: str) -> None:
    """The invoice is void or was paid elsewhere: its open payments come to nothing."""
    for payment in of_invoice(ctx, invoice):
        if payment["status"] == "open":
            transitions = {**payment["status_transitions"], "canceled_at": ctx.now}
            ctx.change(payment, {"status": "canceled", "status_transitions": transitions})
            intent = ctx.get("payment_intent", payment["payment"]["payment_intent"])
            payment_intents.cancel_for(ctx, intent, reason)


def listed(ctx: Context, invoice: Json) -> Json:
    """An invoice's `payments`, as they are expanded."""
    data = of_invoice(ctx, invoice["id"])
    return {"object": "list", "data": data, "has_more": False, "url": f"/v1/invoices/{invoice['id']}/payments"}


def confirmation_secret(ctx: Context, invoice: Json) -> Json | None:
    """With what a page of the product's own would confirm the payment."""
    for payment in of_invoice(ctx, invoice["id"]):
        intent = ctx.get("payment_intent", payment["payment"]["payment_intent"])
        return {"client_secret": intent["client_secret"], "type": "payment_intent"}
    return None


def retrieve(ctx: Context, params: dict[str, Any], payment: str) -> Json:
    """One invoice payment."""
    return ctx.get("invoice_payment", payment, in_path=True)


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Invoice payments, newest first; `payment` finds the invoice that an intent pays."""
    filters = Filter()
    filters.equal("invoice", params.get("invoice"))
    filters.equal("status", params.get("status"))
    filters.equal("payment.payment_intent", params.get("payment", {}).get("payment_intent"))
    filters.within("created", params.get("created"))
    return page(ctx, "invoice_payment", "/v1/invoice_payments", params, filters)


OPERATIONS = (
    Operation(
        "GET",
        "/v1/invoice_payments",
        list_all,
        PAGE
        | {
            "created": TimeRange(),
            "invoice": Text(),
            "payment": Hash({"payment_intent": Text(), "type": Choice(("payment_intent",))}, required=("type",)),
            "status": Choice(("canceled", "open", "paid")),
        },
    ),
    Operation("GET", "/v1/invoice_payments/<payment>", retrieve, EXPAND),
)
