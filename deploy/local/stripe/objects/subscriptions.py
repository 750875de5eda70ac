"""Subscriptions: how one begins (after its Checkout is paid), is found, and is changed over the API."""

from __future__ import annotations

import copy
from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.objects import invoice_payments, invoices, subscription_changes
from deploy.local.stripe.objects.invoice_lines import period_line, trial_line
from deploy.local.stripe.objects.prices import as_plan
from deploy.local.stripe.params import EXPAND, PAGE, Choice, Text, TimeRange
from deploy.local.stripe.periods import DAY, period_end
from deploy.local.stripe.store import Json

STATUSES = ("active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid")
ENDED = ("canceled", "incomplete_expired")


# What a subscription has from the start, before it is told anything.
BLANK: Json = {
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor_config": None,
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": None},
    "billing_schedules": [],
    "billing_thresholds": None,
    "cancel_at": None,
    "cancel_at_period_end": False,
    "canceled_at": None,
    "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
    "collection_method": "charge_automatically",
    "customer_account": None,
    "days_until_due": None,
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "discounts": [],
    "ended_at": None,
    "invoice_settings": {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": {"type": "self"},
    },
    "latest_invoice": None,
    "livemode": False,
    "managed_payments": None,
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pause_collection": None,
    "payment_settings": {
        "payment_method_options": None,
        "payment_method_types": None,
        "save_default_payment_method": "off",
    },
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "status_details": None,
    "test_clock": None,
    "transfer_data": None,
}


def start(
    ctx: Context, customer: Json, wanted: list[tuple[Json, int]], data: dict[str, Any], method: Json | None
) -> tuple[Json, Json]:
    """Begin a subscription that has just been paid for (or begins with a trial): it and its first invoice.

    `wanted` pairs each price with a quantity; `data` is Checkout's `subscription_data`, `method` the
    card that was given, which the subscription keeps.
    """
    trial_days = data.get("trial_period_days")
    trial_end = ctx.now + trial_days * DAY if trial_days else None
    subscription_id = new_id("sub")
    recurring = wanted[0][0]["recurring"]
    ends = trial_end or period_end(ctx.now, recurring["interval"], recurring["interval_count"])
    items = [_item(ctx, subscription_id, price, quantity, ends) for price, quantity in wanted]
    subscription = _subscription(ctx, subscription_id, customer, items, data, trial_end)
    if customer["currency"] is None:
        ctx.change(customer, {"currency": subscription["currency"]})
    subscription["default_payment_method"] = method and method["id"]
    # The first event must already name its invoice, so the document is completed before it is announced.
    ctx.create(subscription)
    lines = [period_line(ctx, item) if trial_end is None else trial_line(ctx, item) for item in items]
    invoice = invoices.draft(ctx, subscription, customer, lines, reason="subscription_create")
    subscription = ctx.change(subscription, {"latest_invoice": invoice["id"]})
    ctx.emit("customer.subscription.created", subscription)
    invoice = invoices.finalize(ctx, invoice)
    if invoice["amount_due"]:
        invoice_payments.charge(ctx, invoice, method, holder_is_there=True)
    return subscription, invoices.mark_paid(ctx, invoice)


def _item(ctx: Context, subscription_id: str, price: Json, quantity: int, ends: int) -> Json:
    return {
        "id": new_id("si"),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": ctx.now,
        "current_period_end": ends,
        "current_period_start": ctx.now,
        "current_trial": None,
        "discounts": [],
        "metadata": {},
        "plan": as_plan(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription_id,
        "tax_rates": [],
    }


def _subscription(
    ctx: Context, subscription_id: str, customer: Json, items: list[Json], data: dict[str, Any], trial_end: int | None
) -> Json:
    end_behavior = data.get("trial_settings", {}).get("end_behavior", {"missing_payment_method": "create_invoice"})
    return {
        "id": subscription_id,
        "object": "subscription",
        **copy.deepcopy(BLANK),
        "billing_cycle_anchor": trial_end or ctx.now,
        "created": ctx.now,
        "currency": items[0]["price"]["currency"],
        "customer": customer["id"],
        "description": data.get("description"),
        "items": {
            "object": "list",
            "data": items,
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={subscription_id}",
        },
        "metadata": data.get("metadata", {}),
        "start_date": ctx.now,
        "status": "trialing" if trial_end else "active",
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"billing_cycle_anchor": None, **end_behavior}},
        "trial_start": ctx.now if trial_end else None,
    }


def retrieve(ctx: Context, params: dict[str, Any], subscription: str) -> Json:
    """One subscription, canceled ones included."""
    return ctx.get("subscription", subscription, in_path=True)


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Subscriptions, newest first: without `status` those not canceled, `all` for every one, `ended` for the past."""
    filters = Filter()
    filters.equal("customer", params.get("customer"))
    filters.equal("items.data[0].price.id", params.get("price"))
    filters.within("created", params.get("created"))
    status = params.get("status")
    if status is None:
        filters.unlike("status", "canceled")
    elif status == "ended":
        filters.among("status", list(ENDED))
    elif status != "all":
        filters.equal("status", status)
    return page(ctx, "subscription", "/v1/subscriptions", params, filters)


OPERATIONS = (
    Operation(
        "GET",
        "/v1/subscriptions",
        list_all,
        PAGE
        | {
            "created": TimeRange(),
            "customer": Text(),
            "price": Text(),
            "status": Choice((*STATUSES, "all", "ended")),
        },
    ),
    Operation("GET", "/v1/subscriptions/<subscription>", retrieve, EXPAND),
    *subscription_changes.OPERATIONS,
)
