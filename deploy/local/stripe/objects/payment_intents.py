"""Payment intents: one amount that is to be paid, over one or more attempts, each of which leaves a charge."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import card_declined, invalid
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.objects import charges, disputes, payment_methods
from deploy.local.stripe.objects.prices import CURRENCIES
from deploy.local.stripe.params import EXPAND, PAGE, Bool, Choice, Hash, Int, Metadata, Text, TimeRange, Url
from deploy.local.stripe.store import Json

AUTOMATIC = Hash({"allow_redirects": Choice(("always", "never")), "enabled": Bool()}, required=("enabled",))


def new(ctx: Context, amount: int, currency: str, customer: str | None, **about: Any) -> Json:
    """An intent that waits for a payment method."""
    intent_id = new_id("pi")
    intent: Json = {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{intent_id}_{new_id('secret')}",
        "confirmation_method": "automatic",
        "created": ctx.now,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    return ctx.create(intent | about, event="payment_intent.created")


def attempt(ctx: Context, intent: Json, method: Json | None, *, holder_is_there: bool = False) -> Json:
    """Charge a card; afterwards the intent has `succeeded`, or `requires_action` or another `requires_payment_method`.

    Whoever is there in person answers what their bank asks.
    """
    behaviour = payment_methods.behaviour(ctx, method["id"]) if method else "none"
    if method is None or behaviour in ("declined", "refused"):
        return _failed(ctx, intent, method)
    if behaviour == "requires_action" and not holder_is_there:
        action = {"redirect_to_url": {"return_url": None, "url": f"{ctx.base_url}/3ds/{intent['id']}"}}
        waiting = {"next_action": action | {"type": "redirect_to_url"}, "payment_method": method["id"]}
        return ctx.change(intent, waiting | {"status": "requires_action"}, event="payment_intent.requires_action")
    charge = charges.record(ctx, intent, method, None)
    changes = {
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "payment_method": method["id"],
        "status": "succeeded",
    }
    intent = ctx.change(intent, changes, event="payment_intent.succeeded")
    if behaviour in ("disputed", "inquired"):
        disputes.begin(ctx, charge, "fraudulent", charge["amount"], inquiry=behaviour == "inquired")
    return intent


def process(ctx: Context, intent: Json, method: Json) -> Json:
    """The money is on its way, for days."""
    changes = {"payment_method": method["id"], "processing": None, "status": "processing"}
    return ctx.change(intent, changes, event="payment_intent.processing")


def _failed(ctx: Context, intent: Json, method: Json | None) -> Json:
    error: Json = {"type": "invalid_request_error", "message": "There is no payment method to charge."}
    changes: Json = {"payment_method": None, "status": "requires_payment_method", "next_action": None}
    if method is not None:
        charge = charges.record(ctx, intent, method, "card_declined")
        error = {**card_declined(charge["id"]).body()["error"], "payment_method": method}
        changes["latest_charge"] = charge["id"]
    changes["last_payment_error"] = error
    return ctx.change(intent, changes, event="payment_intent.payment_failed")


def cancel_for(ctx: Context, intent: Json, reason: str) -> Json:
    """Nothing will be paid any more."""
    changes = {"canceled_at": ctx.now, "cancellation_reason": reason, "next_action": None, "status": "canceled"}
    return ctx.change(intent, changes, event="payment_intent.canceled")


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """An intent outside any invoice; with `confirm` it is charged at once."""
    customer = params.get("customer")
    if customer is not None:
        ctx.get("customer", customer, param="customer")
    about: Json = {name: params[name] for name in ("description", "receipt_email") if name in params}
    about["metadata"] = merge_metadata({}, params.get("metadata", {}))
    if "automatic_payment_methods" in params:
        about["automatic_payment_methods"] = {"allow_redirects": "always"} | params["automatic_payment_methods"]
    intent = new(ctx, params["amount"], params["currency"], customer, **about)
    if params.get("confirm"):
        return _confirm(ctx, params, intent)
    if "payment_method" in params:
        method = _method(ctx, params, intent)
        return ctx.change(intent, {"payment_method": method["id"], "status": "requires_confirmation"})
    return intent


def confirm(ctx: Context, params: dict[str, Any], intent: str) -> Json:
    """Charge the card given now or before."""
    doc = ctx.get("payment_intent", intent, in_path=True)
    if doc["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise _unexpected(doc, "confirm")
    return _confirm(ctx, params, doc)


def _confirm(ctx: Context, params: dict[str, Any], intent: Json) -> Json:
    if "payment_method" not in params and intent["payment_method"] is None:
        raise invalid("You cannot confirm this PaymentIntent because it's missing a payment method.")
    method = _method(ctx, {"payment_method": intent["payment_method"]} | params, intent)
    intent = attempt(ctx, intent, method)
    if intent["status"] == "requires_payment_method":
        raise card_declined(intent["latest_charge"])
    return intent


def _method(ctx: Context, params: dict[str, Any], intent: Json) -> Json:
    if intent["customer"] is None:
        return payment_methods.named(ctx, params["payment_method"])
    return payment_methods.belonging(ctx, intent["customer"], params["payment_method"])


def cancel(ctx: Context, params: dict[str, Any], intent: str) -> Json:
    """Give up an intent that has not succeeded."""
    doc = ctx.get("payment_intent", intent, in_path=True)
    if doc["status"] in ("succeeded", "canceled"):
        raise _unexpected(doc, "cancel")
    return cancel_for(ctx, doc, params.get("cancellation_reason", "requested_by_customer"))


def _unexpected(doc: Json, verb: str) -> Exception:
    return invalid(
        f"You cannot {verb} this PaymentIntent because it has a status of {doc['status']}.",
        code="payment_intent_unexpected_state",
    )


def retrieve(ctx: Context, params: dict[str, Any], intent: str) -> Json:
    """One intent."""
    return ctx.get("payment_intent", intent, in_path=True)


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Intents, newest first."""
    filters = Filter()
    filters.equal("customer", params.get("customer"))
    filters.within("created", params.get("created"))
    return page(ctx, "payment_intent", "/v1/payment_intents", params, filters)


CONFIRM = EXPAND | {"payment_method": Text(), "return_url": Url()}
OPERATIONS = (
    Operation(
        "POST",
        "/v1/payment_intents",
        create,
        CONFIRM
        | {
            "amount": Int(50, 99_999_999),
            "automatic_payment_methods": AUTOMATIC,
            "confirm": Bool(),
            "currency": Choice(CURRENCIES),
            "customer": Text(),
            "description": Text(),
            "metadata": Metadata(),
            "receipt_email": Text(),
        },
        required=("amount", "currency"),
    ),
    Operation("GET", "/v1/payment_intents", list_all, PAGE | {"created": TimeRange(), "customer": Text()}),
    Operation("GET", "/v1/payment_intents/<intent>", retrieve, EXPAND),
    Operation("POST", "/v1/payment_intents/<intent>/confirm", confirm, CONFIRM),
    Operation(
        "POST",
        "/v1/payment_intents/<intent>/cancel",
        cancel,
        EXPAND | {"cancellation_reason": Choice(("abandoned", "duplicate", "fraudulent", "requested_by_customer"))},
    ),
)
