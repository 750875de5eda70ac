"""What can be done to a running subscription over the API: update it, cancel it now or at period end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.objects import payment_methods, plan_changes
from deploy.local.stripe.objects.subscription_states import current_period_end, end, end_at, refuse_ended
from deploy.local.stripe.params import EXPAND, Bool, Choice, Hash, Int, Metadata, Text, Type
from deploy.local.stripe.store import Json

FEEDBACK = (
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
)
CANCELLATION_DETAILS = Hash({"comment": Text(unset=True), "feedback": Choice(FEEDBACK)})
ALWAYS_ALLOWED = {"cancellation_details", "expand", "metadata"}


@dataclass(frozen=True)
class CancelAt:
    """A moment in seconds; the empty string takes the cancellation back."""

    def read(self, raw: Any, name: str) -> int | None:
        """The moment, or None."""
        return None if raw == "" else Int().read(raw, name)


UPDATE: dict[str, Type] = (
    EXPAND
    | {
        "cancel_at": CancelAt(),
        "cancel_at_period_end": Bool(),
        "cancellation_details": CANCELLATION_DETAILS,
        "description": Text(500, unset=True),
        "default_payment_method": Text(),
        "metadata": Metadata(),
    }
    | plan_changes.PARAMS
)


def update(ctx: Context, params: dict[str, Any], subscription: str) -> Json:
    """Change metadata, the scheduled cancellation, or what is subscribed to; anything else is refused."""
    doc = ctx.get("subscription", subscription, in_path=True)
    if not params.keys() <= ALWAYS_ALLOWED:
        refuse_ended(doc)
    if params.get("payment_behavior") == "pending_if_incomplete" and params.keys() - plan_changes.PENDING:
        name = sorted(params.keys() - plan_changes.PENDING)[0]
        raise invalid(
            f"The parameter {name} is not supported while payment_behavior is pending_if_incomplete.", param=name
        )
    changes: Json = {}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(doc["metadata"], params["metadata"])
    if "description" in params:
        changes["description"] = params["description"]
    changes |= _scheduled_end(ctx, doc, params)
    if "cancellation_details" in params:
        details = {**doc["cancellation_details"], **changes.get("cancellation_details", {})}
        changes["cancellation_details"] = details | params["cancellation_details"]
    if "default_payment_method" in params:
        method = payment_methods.belonging(ctx, doc["customer"], params["default_payment_method"])
        changes["default_payment_method"] = method["id"]
    return plan_changes.apply(ctx, doc, params, changes)


def _scheduled_end(ctx: Context, doc: Json, params: dict[str, Any]) -> Json:
    """When it shall end, at a moment or with the period; setting one of the two unsets the other."""
    if "cancel_at" in params and "cancel_at_period_end" in params:
        raise invalid("You may only specify one of these parameters: cancel_at, cancel_at_period_end.")
    if "cancel_at_period_end" in params:
        with_period = params["cancel_at_period_end"]
        if with_period == doc["cancel_at_period_end"]:
            return {}
        return end_at(ctx, doc, current_period_end(doc) if with_period else None, with_period=with_period)
    if "cancel_at" not in params:
        return {}
    moment = params["cancel_at"]
    if moment is not None and moment <= ctx.now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future", param="cancel_at")
    return end_at(ctx, doc, moment, with_period=False)


def cancel(ctx: Context, params: dict[str, Any], subscription: str) -> Json:
    """End it now, without refund."""
    doc = ctx.get("subscription", subscription, in_path=True)
    if doc["status"] == "canceled":
        raise invalid(
            f"No such subscription: '{subscription}'", code="resource_missing", param="subscription", status=404
        )
    details = {**doc["cancellation_details"], "reason": "cancellation_requested"}
    return end(ctx, {**doc, "cancellation_details": details | params.get("cancellation_details", {})})


OPERATIONS = (
    Operation("POST", "/v1/subscriptions/<subscription>", update, UPDATE),
    Operation(
        "DELETE",
        "/v1/subscriptions/<subscription>",
        cancel,
        EXPAND | {"cancellation_details": CANCELLATION_DETAILS},
    ),
)
