"""The shapes of a subscription and of its items."""

from __future__ import annotations

import copy
from typing import Any

from deploy.local.stripe.context import Context
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.objects.prices import as_plan
from deploy.local.stripe.store import Json

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


def new_item(ctx: Context, subscription_id: str, price: Json, quantity: int, ends: int) -> Json:
    """A price subscribed to, for a first period that ends at `ends`."""
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


def new_subscription(
    ctx: Context, subscription_id: str, customer: Json, items: list[Json], data: dict[str, Any], status: str
) -> Json:
    """A subscription that begins now; `data` is Checkout's `subscription_data` with `trial_end` worked out."""
    trial_end = data.get("trial_end")
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
        "status": status,
        "test_clock": customer["test_clock"],
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"billing_cycle_anchor": None, **end_behavior}},
        "trial_start": ctx.now if trial_end else None,
    }
