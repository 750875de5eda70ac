"""Refunds: money given back, in full or in parts, never more than was taken."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import invalid, missing_parameter
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.params import EXPAND, PAGE, Choice, Int, Metadata, Text, TimeRange
from deploy.local.stripe.store import Json

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """Give back what is left of a charge, or `amount` of it."""
    charge = _charge(ctx, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    if not left:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount > left:
        raise invalid(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount")
    if charge["disputed"]:
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    refund: Json = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": ctx.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
            "type": "card",
        },
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    ctx.create(refund, event="refund.created")
    given = charge["amount_refunded"] + amount
    # `refunded` is true only when nothing is left; a part given back is to be read from `amount_refunded`.
    changes = {"amount_refunded": given, "refunded": given == charge["amount_captured"]}
    ctx.change(charge, changes, event="charge.refunded")
    return refund


def _charge(ctx: Context, params: dict[str, Any]) -> Json:
    if ("charge" in params) == ("payment_intent" in params):
        if "charge" in params:
            raise invalid("You may only specify one of these parameters: charge, payment_intent.")
        raise missing_parameter("payment_intent")
    if "charge" in params:
        return _paid(ctx.get("charge", params["charge"], param="charge"))
    intent = ctx.get("payment_intent", params["payment_intent"], param="payment_intent")
    if intent["latest_charge"] is None:
        raise invalid(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.", param="payment_intent"
        )
    return _paid(ctx.get("charge", intent["latest_charge"]))


def _paid(charge: Json) -> Json:
    if not charge["paid"]:
        raise invalid(f"Charge {charge['id']} was not successful and cannot be refunded.", param="charge")
    return charge


def listed(ctx: Context, charge: Json) -> Json:
    """A charge's `refunds`, as they are expanded."""
    data = ctx.tx.select("refund", "json_extract(doc, '$.charge') = ?", (charge["id"],))
    return {"object": "list", "data": data, "has_more": False, "url": f"/v1/charges/{charge['id']}/refunds"}


def retrieve(ctx: Context, params: dict[str, Any], refund: str) -> Json:
    """One refund."""
    return ctx.get("refund", refund, in_path=True)


def update(ctx: Context, params: dict[str, Any], refund: str) -> Json:
    """Change its metadata."""
    doc = ctx.get("refund", refund, in_path=True)
    changes = {"metadata": merge_metadata(doc["metadata"], params["metadata"])} if "metadata" in params else {}
    updated = ctx.change(doc, changes, event="refund.updated")
    if updated is not doc:
        # Stripe tells it under its older name as well.
        ctx.emit("charge.refund.updated", updated)
    return updated


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Refunds, newest first."""
    filters = Filter()
    filters.equal("charge", params.get("charge"))
    filters.equal("payment_intent", params.get("payment_intent"))
    filters.within("created", params.get("created"))
    return page(ctx, "refund", "/v1/refunds", params, filters)


OPERATIONS = (
    Operation(
        "POST",
        "/v1/refunds",
        create,
        EXPAND
        | {
            "amount": Int(1),
            "charge": Text(),
            "metadata": Metadata(),
            "payment_intent": Text(),
            "reason": Choice(REASONS),
        },
    ),
    Operation(
        "GET", "/v1/refunds", list_all, PAGE | {"charge": Text(), "created": TimeRange(), "payment_intent": Text()}
    ),
    Operation("GET", "/v1/refunds/<refund>", retrieve, EXPAND),
    Operation("POST", "/v1/refunds/<refund>", update, EXPAND | {"metadata": Metadata()}),
)
