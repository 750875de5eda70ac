"""Charges: every attempt to take money from a card, whether it was taken or refused."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.params import EXPAND, PAGE, Metadata, Text, TimeRange
from deploy.local.stripe.store import Json

# What a charge keeps of the payment method it was made with.
OF_CARD = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
OF_ACCOUNT = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
DECLINED = "Your card was declined."
PASSED: Json = {"network_status": "approved_by_network", "reason": None, "seller_message": "Payment complete."}
REFUSED: Json = {
    "network_status": "declined_by_network",
    "reason": "generic_decline",
    "seller_message": "The bank did not return any further details with this decline.",
}


def record(ctx: Context, intent: Json, method: Json, failure: str | None) -> Json:
    """What one attempt left behind; `failure` is the code with which it was refused, if it was."""
    charge_id, paid = new_id("ch"), failure is None
    outcome = PASSED | {"type": "authorized"} if paid else REFUSED | {"type": "issuer_declined"}
    charge: Json = {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "STRIPE STAND-IN",
        "captured": paid,
        "created": ctx.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": failure,
        "failure_message": None if paid else DECLINED,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": outcome | {"risk_level": "normal", "risk_score": 30},
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(method, intent["amount"]),
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded" if paid else "failed",
        "transfer_data": None,
        "transfer_group": None,
    }
    return ctx.create(charge, event="charge.succeeded" if paid else "charge.failed")


def _details(method: Json, amount: int) -> Json:
    if method["type"] == "us_bank_account":
        return {"type": "us_bank_account", "us_bank_account": _some(method["us_bank_account"], OF_ACCOUNT)}
    card = _some(method["card"], OF_CARD) | {"amount_authorized": amount, "network": "visa"}
    return {"card": card, "type": "card"}


def _some(about: Json, names: tuple[str, ...]) -> Json:
    return {name: about[name] for name in names}


def retrieve(ctx: Context, params: dict[str, Any], charge: str) -> Json:
    """One charge."""
    return ctx.get("charge", charge, in_path=True)


def update(ctx: Context, params: dict[str, Any], charge: str) -> Json:
    """Change what may be changed afterwards: its words."""
    doc = ctx.get("charge", charge, in_path=True)
    changes: Json = {name: params[name] for name in ("description",) if name in params}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(doc["metadata"], params["metadata"])
    return ctx.change(doc, changes, event="charge.updated")


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Charges, newest first, refused ones included."""
    filters = Filter()
    filters.equal("customer", params.get("customer"))
    filters.equal("payment_intent", params.get("payment_intent"))
    filters.within("created", params.get("created"))
    return page(ctx, "charge", "/v1/charges", params, filters)


OPERATIONS = (
    Operation(
        "GET",
        "/v1/charges",
        list_all,
        PAGE | {"created": TimeRange(), "customer": Text(), "payment_intent": Text()},
    ),
    Operation("GET", "/v1/charges/<charge>", retrieve, EXPAND),
    Operation("POST", "/v1/charges/<charge>", update, EXPAND | {"description": Text(), "metadata": Metadata()}),
)
