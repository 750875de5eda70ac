"""The shapes of a Checkout session, its line items and the details of its customer."""

from __future__ import annotations

import copy
from typing import Any

from deploy.local.stripe.context import Context, merge_metadata
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.store import Json

# What an open session has from the start, before it is told anything.
BLANK: Json = {
    "adaptive_pricing": {"enabled": False},
    "after_expiration": None,
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "billing_address_collection": None,
    "client_secret": None,
    "collected_information": None,
    "consent": None,
    "consent_collection": None,
    "currency_conversion": None,
    "custom_fields": [],
    "custom_text": {
        "after_submit": None,
        "shipping_address": None,
        "submit": None,
        "terms_of_service_acceptance": None,
    },
    "discounts": [],
    "invoice": None,
    "invoice_creation": None,
    "livemode": False,
    "origin_context": None,
    "payment_intent": None,
    "payment_link": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {},
    "payment_method_types": ["card"],
    "permissions": None,
    "phone_number_collection": {"enabled": False},
    "recovered_from": None,
    "saved_payment_method_options": None,
    "setup_intent": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "shipping_options": [],
    "submit_type": None,
    "subscription": None,
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    "wallet_options": None,
}


def line_item(ctx: Context, line: dict[str, Any], index: int, *, trial: bool) -> Json:
    """What one line sells; in a trial nothing is due yet."""
    price = ctx.get("price", line["price"], param=f"line_items[{index}][price]")
    if not price["active"]:
        raise invalid(f"The price specified is inactive: {price['id']}", param=f"line_items[{index}][price]")
    if price["recurring"] is None:
        raise invalid("The stand-in's subscription mode takes recurring prices only.", param="line_items")
    quantity = line.get("quantity", 1)
    amount = 0 if trial else price["unit_amount"] * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": ctx.get("product", price["product"])["name"],
        "metadata": merge_metadata({}, line.get("metadata", {})),
        "price": price,
        "quantity": quantity,
    }


def new_session(
    ctx: Context, session_id: str, params: dict[str, Any], customer: Json | None, line_items: list[Json]
) -> Json:
    """An open session as the API shows it; `expires_at` is for the caller to add."""
    total = sum(line["amount_total"] for line in line_items)
    email = customer["email"] if customer else params.get("customer_email")
    return {
        "id": session_id,
        "object": "checkout.session",
        **copy.deepcopy(BLANK),
        "allow_promotion_codes": params.get("allow_promotion_codes"),
        "amount_subtotal": total,
        "amount_total": total,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": ctx.now,
        "currency": line_items[0]["currency"],
        "customer": customer and customer["id"],
        "customer_creation": None if customer else "always",
        "customer_details": customer_details(email, customer) if email else None,
        "customer_email": params.get("customer_email"),
        "locale": params.get("locale"),
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "mode": "subscription",
        "payment_method_collection": params.get("payment_method_collection", "always"),
        "payment_status": "unpaid",
        "status": "open",
        "success_url": params["success_url"],
        "ui_mode": "hosted_page",
        "url": f"{ctx.base_url}/c/pay/{session_id}",
    }


def customer_details(email: str | None, customer: Json | None) -> Json:
    """What the page knows of whoever pays."""
    return {
        "address": customer and customer["address"],
        "email": email,
        "name": customer and customer["name"],
        "phone": customer and customer["phone"],
        "tax_exempt": customer["tax_exempt"] if customer else "none",
        "tax_ids": [],
    }
