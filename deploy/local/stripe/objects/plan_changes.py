"""Changing what is subscribed to: when it applies, what it costs, and whether it waits until that is paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy.local.stripe.context import Context
from deploy.local.stripe.errors import ApiError, invalid
from deploy.local.stripe.objects import (
    cards,
    dunning,
    invoice_items,
    invoice_payments,
    invoices,
    pending_updates,
    renewals,
)
from deploy.local.stripe.objects.invoice_lines import period_line, waiting_line
from deploy.local.stripe.objects.prorations import between
from deploy.local.stripe.objects.subscription_items import ITEM, changed_items
from deploy.local.stripe.params import Choice, Int, ListOf, Type
from deploy.local.stripe.periods import period_end
from deploy.local.stripe.store import Json


@dataclass(frozen=True)
class TrialEnd:
    """A moment in seconds, or `now`."""

    def read(self, raw: Any, name: str) -> int | str:
        """The moment, or the word."""
        return "now" if raw == "now" else Int().read(raw, name)


PARAMS: dict[str, Type] = {
    "items": ListOf(ITEM, high=20),
    "payment_behavior": Choice(("allow_incomplete", "error_if_incomplete", "pending_if_incomplete")),
    "proration_behavior": Choice(("always_invoice", "create_prorations", "none")),
    "proration_date": Int(),
    "trial_end": TrialEnd(),
}
# What may stand beside `pending_if_incomplete` (Stripe supports a little more).
PENDING = {"expand", "items", "payment_behavior", "proration_behavior", "proration_date"}


def apply(ctx: Context, doc: Json, params: dict[str, Any], changes: Json) -> Json:
    """The subscription with `changes` and what `params` say of items and trial; billed as they say."""
    if "trial_end" in params:
        return _change_trial(ctx, doc, params, changes)
    items, made = prorated(ctx, doc, params)
    changes = changes | items
    if params.get("proration_behavior") == "always_invoice" and made:
        return _bill_now(ctx, doc, changes, made, params.get("payment_behavior", "allow_incomplete"))
    invoice_items.save(ctx, made)
    return ctx.change(doc, changes, event="customer.subscription.updated")


def prorated(ctx: Context, doc: Json, params: dict[str, Any]) -> tuple[Json, list[Json]]:
    """How the items change, and the (unsaved) invoice items for the difference; a trial has none."""
    if "items" not in params:
        return {}, []
    items, pairs = changed_items(ctx, doc, params["items"])
    if params.get("proration_behavior") == "none" or doc["status"] in ("trialing", "paused"):
        return {"items": items}, []
    at, running = params.get("proration_date", ctx.now), doc["items"]["data"][0]
    if not running["current_period_start"] <= at <= running["current_period_end"]:
        raise invalid("Cannot specify `proration_date` outside of current subscription period.", param="proration_date")
    return {"items": items}, between(ctx, doc["customer"], pairs, at)


def _bill_now(ctx: Context, doc: Json, changes: Json, made: list[Json], behaviour: str) -> Json:
    """An invoice over the difference, at once; the change waits for its payment only if it shall.

    What waited before is given up, and its invoice with it: this takes its place.
    """
    if doc["pending_update"] is not None:
        dunning.end_pending_update(ctx, doc)
        doc = ctx.get("subscription", doc["id"])
    invoice_items.save(ctx, made)
    waiting = invoice_items.pending(ctx, doc["id"])
    customer = ctx.get("customer", doc["customer"])
    lines = [waiting_line(item) for item in waiting]
    invoice = invoices.draft(ctx, doc, customer, lines, reason="subscription_update")
    invoice_items.bill(ctx, waiting, invoice["id"])
    invoice = invoices.finalize(ctx, invoice)
    latest = {"latest_invoice": invoice["id"]}
    if not invoice["amount_due"]:
        dunning.paid(ctx, invoice)
    elif behaviour == "allow_incomplete":
        doc = ctx.change(doc, changes | latest, event="customer.subscription.updated")
        dunning.attempt(ctx, invoice)
        return ctx.get("subscription", doc["id"])
    elif invoice_payments.charge(ctx, invoice, cards.in_use(ctx, doc["customer"], doc))["status"] == "succeeded":
        dunning.paid(ctx, invoice)
    elif behaviour == "error_if_incomplete":
        # A plain refusal: everything is undone, the attempt included.
        raise ApiError(402, "Your card was declined.", kind="card_error", code="card_declined")
    else:
        dunning.count_failure(ctx, invoice)
        return pending_updates.begin(ctx, doc, changes["items"], invoice["id"])
    return ctx.change(doc, changes | latest, event="customer.subscription.updated")


def bill_new_period(ctx: Context, doc: Json, changes: Json) -> Json:
    """A period begins now, whatever was before, and is billed at once."""
    moved = {**doc["items"], "data": [_from_now(ctx, item) for item in doc["items"]["data"]]}
    customer = ctx.get("customer", doc["customer"])
    waiting = invoice_items.pending(ctx, doc["id"])
    lines = [waiting_line(item) for item in waiting] + [period_line(ctx, item) for item in moved["data"]]
    invoice = invoices.draft(ctx, doc, customer, lines, reason="subscription_update")
    invoice_items.bill(ctx, waiting, invoice["id"])
    changes = changes | {"items": moved, "billing_cycle_anchor": ctx.now, "latest_invoice": invoice["id"]}
    ctx.change(doc, changes, event="customer.subscription.updated")
    dunning.collect(ctx, invoice)
    return ctx.get("subscription", doc["id"])


def _from_now(ctx: Context, item: Json) -> Json:
    recurring = item["price"]["recurring"]
    ends = period_end(ctx.now, recurring["interval"], recurring["interval_count"])
    return {**item, "current_period_start": ctx.now, "current_period_end": ends}


def _change_trial(ctx: Context, doc: Json, params: dict[str, Any], changes: Json) -> Json:
    """End a trial now or at another moment."""
    ends = params["trial_end"]
    if doc["status"] != "trialing" or "items" in params:
        raise invalid("The stand-in moves the end of a running trial, and nothing else with it.", param="trial_end")
    if ends == "now":
        doc = ctx.change(doc, {"trial_end": ctx.now})
        return renewals.end_without_card(ctx, doc) or bill_new_period(ctx, doc, changes | {"status": "active"})
    if ends <= ctx.now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future", param="trial_end")
    items = [{**item, "current_period_end": ends} for item in doc["items"]["data"]]
    moved = {"billing_cycle_anchor": ends, "items": {**doc["items"], "data": items}, "trial_end": ends}
    return ctx.change(doc, changes | moved, event="customer.subscription.updated")
