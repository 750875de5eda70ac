"""Invoices: what a subscription charged, line by line; drafted, finalized and paid in one step for now."""

from __future__ import annotations

import copy
from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.params import EXPAND, PAGE, Choice, Text, TimeRange
from deploy.local.stripe.store import Json

SUBSCRIPTION = "parent.subscription_details.subscription"


# What a draft has from the start, before it is told anything.
BLANK: Json = {
    "account_country": "US",
    "account_name": "Stripe stand-in",
    "account_tax_ids": None,
    "amount_overpaid": 0,
    "amount_paid": 0,
    "amount_shipping": 0,
    "application": None,
    "attempt_count": 0,
    "attempted": False,
    "auto_advance": True,
    "automatic_tax": {
        "disabled_reason": None,
        "enabled": False,
        "liability": None,
        "provider": None,
        "status": None,
    },
    "automatically_finalizes_at": None,
    "collection_method": "charge_automatically",
    "custom_fields": None,
    "customer_shipping": None,
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "due_date": None,
    "effective_at": None,
    "ending_balance": None,
    "footer": None,
    "from_invoice": None,
    "hosted_invoice_url": None,
    "invoice_pdf": None,
    "issuer": {"type": "self"},
    "last_finalization_error": None,
    "latest_revision": None,
    "livemode": False,
    "metadata": {},
    "next_payment_attempt": None,
    "number": None,
    "on_behalf_of": None,
    "payment_settings": {
        "default_mandate": None,
        "payment_method_options": None,
        "payment_method_types": None,
    },
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "status_transitions": {
        "finalized_at": None,
        "marked_uncollectible_at": None,
        "paid_at": None,
        "voided_at": None,
    },
    "test_clock": None,
    "total_discount_amounts": [],
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
    "webhooks_delivered_at": None,
}


def line_for_item(item: Json, *, amount: int, description: str, period: tuple[int, int]) -> Json:
    """One line that charges (or, in a trial, mentions) a subscription item for a period in seconds."""
    price = item["price"]
    return {
        "id": new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": item["subscription"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"end": period[1], "start": period[0]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"] if amount else "0",
        },
        "quantity": item["quantity"],
        "subtotal": amount,
        "taxes": [],
    }


def draft(ctx: Context, subscription: Json, customer: Json, lines: list[Json], *, reason: str) -> Json:
    """A new draft of these lines; `reason` is Stripe's billing_reason."""
    invoice_id = new_id("in")
    total = sum(line["amount"] for line in lines)
    due = max(total, 0)
    invoice: Json = {
        "id": invoice_id,
        "object": "invoice",
        **copy.deepcopy(BLANK),
        "amount_due": due,
        "amount_remaining": due,
        "billing_reason": reason,
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
    }
    return ctx.create(invoice, event="invoice.created")


def finalize(ctx: Context, invoice: Json) -> Json:
    """Give a draft its number and open it for payment."""
    customer = ctx.get("customer", invoice["customer"])
    sequence = customer["next_invoice_sequence"]
    ctx.change(customer, {"next_invoice_sequence": sequence + 1})
    changes = {
        "status": "open",
        "number": f"{customer['invoice_prefix']}-{sequence:04d}",
        "effective_at": ctx.now,
        "ending_balance": 0,
        "hosted_invoice_url": f"{ctx.base_url}/i/{invoice['id']}",
        "status_transitions": {**invoice["status_transitions"], "finalized_at": ctx.now},
    }
    return ctx.change(invoice, changes, event="invoice.finalized")


def mark_paid(ctx: Context, invoice: Json) -> Json:
    """The money came in, or none was due. An invoice over nothing is paid without an attempt, as at Stripe."""
    changes = {
        "status": "paid",
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "attempt_count": 1 if invoice["amount_due"] else 0,
        "auto_advance": False,
        "status_transitions": {**invoice["status_transitions"], "paid_at": ctx.now},
    }
    paid = ctx.change(invoice, changes, event="invoice.paid")
    ctx.emit("invoice.payment_succeeded", paid)
    return paid


def retrieve(ctx: Context, params: dict[str, Any], invoice: str) -> Json:
    """One invoice."""
    return ctx.get("invoice", invoice, in_path=True)


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Invoices, newest first."""
    filters = Filter()
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
