"""Previews: the invoice that would come next, or that a change of plan would make now; nothing is stored."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.errors import invalid, missing_parameter
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.objects import invoice_items, invoices, plan_changes, renewals
from deploy.local.stripe.objects.invoice_lines import period_line, waiting_line
from deploy.local.stripe.objects.subscription_items import ITEM
from deploy.local.stripe.objects.subscription_states import current_period_end, refuse_ended
from deploy.local.stripe.params import EXPAND, Bool, Choice, Hash, Int, ListOf, Text
from deploy.local.stripe.store import Json


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """The invoice at the end of the period, or with `always_invoice` the one over the difference, now."""
    doc = _subscription(ctx, params)
    refuse_ended(doc)
    details = params.get("subscription_details", {})
    changes, made = plan_changes.prorated(ctx, doc, details)
    doc = {**doc, **changes}
    customer = ctx.get("customer", doc["customer"])
    lines = [waiting_line(item) for item in [*invoice_items.pending(ctx, doc["id"]), *made]]
    now = details.get("proration_behavior") == "always_invoice" and bool(made)
    ends = current_period_end(doc)
    begins = ctx.now if now else ends
    if not now:
        lines += _next_period(ctx, doc, cancels=details.get("cancel_at_period_end", doc["cancel_at"] == ends))
    if not lines:
        raise invalid(f"No upcoming invoices for customer: {customer['id']}", code="invoice_upcoming_none", status=404)
    more = {
        "id": new_id("upcoming_in"),
        "billing_reason": "upcoming",
        "created": begins,
        "next_payment_attempt": None if now else ends + 3600,
        "period_start": begins if now else doc["items"]["data"][0]["current_period_start"],
        "period_end": begins,
    }
    return invoices.shape(ctx, doc, customer, lines, more)


def _subscription(ctx: Context, params: dict[str, Any]) -> Json:
    if "subscription" in params:
        doc = ctx.get("subscription", params["subscription"], param="subscription")
        if params.get("customer", doc["customer"]) != doc["customer"]:
            raise invalid("The subscription does not belong to the customer.", param="subscription")
        return doc
    if "customer" not in params:
        raise missing_parameter("customer")
    ctx.get("customer", params["customer"], param="customer")
    running = "json_extract(doc, '$.customer') = ? AND json_extract(doc, '$.ended_at') IS NULL"
    found = ctx.tx.select("subscription", running, (params["customer"],))
    if len(found) != 1:
        raise invalid("Name the subscription whose next invoice is to be shown.", param="subscription")
    return found[0]


def _next_period(ctx: Context, doc: Json, *, cancels: bool) -> list[Json]:
    """What the period after this one will cost; nothing when there will be none."""
    if cancels or doc["status"] == "paused":
        return []
    return [period_line(ctx, item) for item in renewals.next_period(doc)["data"]]


DETAILS = Hash(
    {
        "cancel_at_period_end": Bool(),
        "items": ListOf(ITEM, high=20),
        "proration_behavior": Choice(("always_invoice", "create_prorations", "none")),
        "proration_date": Int(),
    }
)
OPERATIONS = (
    Operation(
        "POST",
        "/v1/invoices/create_preview",
        create,
        EXPAND
        | {
            "customer": Text(),
            "preview_mode": Choice(("next",)),
            "subscription": Text(),
            "subscription_details": DETAILS,
        },
    ),
)
