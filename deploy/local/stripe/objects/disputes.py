"""Disputes: a holder's bank takes a payment back until it is decided who was right."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.params import EXPAND, PAGE, Bool, Hash, Metadata, Text, TimeRange
from deploy.local.stripe.periods import DAY
from deploy.local.stripe.store import Json

OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
# What decides a dispute in Stripe's test mode: these very words as evidence.
EVIDENCE = {"winning_evidence": "won", "losing_evidence": "lost"}
REASONS = (
    "fraudulent",
    "duplicate",
    "general",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
)
EVIDENCE_FIELDS = (
    *("access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure"),
    *("cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name"),
    *("customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation"),
    *("duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure"),
    *("refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier"),
    *("shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file"),
    "uncategorized_text",
)


def begin(ctx: Context, charge: Json, reason: str, amount: int, *, inquiry: bool = False) -> Json:
    """The bank takes the money back, or only asks about it; there are ten days to answer."""
    dispute: Json = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": ctx.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(EVIDENCE_FIELDS) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": ctx.now + 10 * DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": "visa",
                "network_reason_code": "83",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
    ctx.change(charge, {"disputed": not inquiry})
    ctx.create(dispute, event="charge.dispute.created")
    if not inquiry:
        ctx.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def decide(ctx: Context, dispute: Json, outcome: str) -> Json:
    """It is over, `won` (the money comes back) or `lost`; what was only asked about is closed either way."""
    if dispute["status"].startswith("warning"):
        return ctx.change(dispute, {"status": "warning_closed"}, event="charge.dispute.closed")
    dispute = ctx.change(dispute, {"status": outcome}, event="charge.dispute.closed")
    if outcome == "won":
        ctx.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def update(ctx: Context, params: dict[str, Any], dispute: str) -> Json:
    """Answer with evidence; once submitted, the words that Stripe's test mode knows decide it."""
    doc = _undecided(ctx, dispute)
    evidence = {**doc["evidence"], **params.get("evidence", {})}
    details = {**doc["evidence_details"], "has_evidence": any(evidence[name] for name in EVIDENCE_FIELDS)}
    changes: Json = {"evidence": evidence, "evidence_details": details}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(doc["metadata"], params["metadata"])
    submitted = params.get("submit", True) and "evidence" in params
    if submitted:
        more = {"submission_count": details["submission_count"] + 1, "submission_method": "manual"}
        status = "warning_under_review" if doc["status"].startswith("warning") else "under_review"
        changes |= {"status": status, "evidence_details": details | more}
    doc = ctx.change(doc, changes, event="charge.dispute.updated")
    outcome = EVIDENCE.get(evidence["uncategorized_text"] or "")
    return decide(ctx, doc, outcome) if submitted and outcome else doc


def close(ctx: Context, params: dict[str, Any], dispute: str) -> Json:
    """Give in."""
    return decide(ctx, _undecided(ctx, dispute), "lost")


def _undecided(ctx: Context, dispute: str) -> Json:
    doc = ctx.get("dispute", dispute, in_path=True)
    if doc["status"] not in OPEN:
        raise invalid("This dispute is already closed", code="dispute_closed")
    return doc


def retrieve(ctx: Context, params: dict[str, Any], dispute: str) -> Json:
    """One dispute."""
    return ctx.get("dispute", dispute, in_path=True)


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Disputes, newest first."""
    filters = Filter()
    filters.equal("charge", params.get("charge"))
    filters.equal("payment_intent", params.get("payment_intent"))
    filters.within("created", params.get("created"))
    return page(ctx, "dispute", "/v1/disputes", params, filters)


OPERATIONS = (
    Operation(
        "GET", "/v1/disputes", list_all, PAGE | {"charge": Text(), "created": TimeRange(), "payment_intent": Text()}
    ),
    Operation("GET", "/v1/disputes/<dispute>", retrieve, EXPAND),
    Operation(
        "POST",
        "/v1/disputes/<dispute>",
        update,
        EXPAND
        | {
            "evidence": Hash({"product_description": Text(20_000), "uncategorized_text": Text(20_000)}),
            "metadata": Metadata(),
            "submit": Bool(),
        },
    ),
    Operation("POST", "/v1/disputes/<dispute>/close", close, EXPAND),
)
