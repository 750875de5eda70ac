"""Checkout sessions in subscription mode: opened over the API, paid or left on the hosted page, or expired."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import invalid, missing_parameter
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.objects import customers, dunning, invoice_payments, payment_methods, subscription_starts
from deploy.local.stripe.objects.checkout_shapes import customer_details, line_item, new_session
from deploy.local.stripe.params import (
    EXPAND,
    PAGE,
    Bool,
    Choice,
    Email,
    Hash,
    Int,
    ListOf,
    Metadata,
    Text,
    TimeRange,
    Type,
    Url,
)
from deploy.local.stripe.store import Json

MINUTE = 60
OPEN_SECONDS = 24 * 3600
CREATE: dict[str, Type] = EXPAND | {
    "allow_promotion_codes": Bool(),
    "cancel_url": Url(),
    "client_reference_id": Text(200),
    "customer": Text(),
    "customer_email": Email(),
    "expires_at": Int(),
    "line_items": ListOf(
        Hash({"price": Text(), "quantity": Int(1, 999_999), "metadata": Metadata()}, required=("price",)), high=20
    ),
    "locale": Choice(("auto", "en")),
    "metadata": Metadata(),
    "mode": Choice(("subscription",)),
    "payment_method_collection": Choice(("always", "if_required")),
    "subscription_data": Hash(subscription_starts.COMMON),
    "success_url": Url(),
    "ui_mode": Choice(("hosted_page",)),
}


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """Open a session; nothing is charged and no subscription exists until its page is paid."""
    if "customer" in params and "customer_email" in params:
        raise invalid("You may only specify one of these parameters: customer, customer_email.", param="customer")
    customer = ctx.get("customer", params["customer"], param="customer") if "customer" in params else None
    trial = bool(params.get("subscription_data", {}).get("trial_period_days"))
    line_items = [line_item(ctx, line, index, trial=trial) for index, line in enumerate(params["line_items"])]
    if not line_items:
        raise missing_parameter("line_items")
    session_id = new_id("cs_test")
    expires_at = params.get("expires_at", ctx.now + OPEN_SECONDS)
    if not ctx.now + 30 * MINUTE <= expires_at <= ctx.now + OPEN_SECONDS:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session "
            "creation.",
            param="expires_at",
        )
    session = new_session(ctx, session_id, params, customer, line_items) | {"expires_at": expires_at}
    listed = {
        "object": "list",
        "data": line_items,
        "has_more": False,
        "url": f"/v1/checkout/sessions/{session_id}/line_items",
    }
    data = params.get("subscription_data", {})
    data = data | {"metadata": merge_metadata({}, data.get("metadata", {}))}
    return ctx.create(session, hidden={"line_items": listed, "subscription_data": data})


def complete(ctx: Context, session: Json, email: str | None, card: str, *, later: bool = False) -> Json:
    """The page was paid: subscription, first invoice and customer come to be, and the session is complete.

    The caller has made sure that the session is open; `email` is what was typed when it has no customer, `card` how
    the card behaves after this payment. `later`: from a bank account, which takes days and may yet fail.
    """
    hidden = ctx.tx.hidden(session["id"])
    if session["customer"]:
        customer = ctx.get("customer", session["customer"])
    else:
        customer = customers.create(ctx, {"email": session["customer_email"] or email})
    wanted = [(line["price"], line["quantity"]) for line in hidden["line_items"]["data"]]
    data, method = hidden["subscription_data"], None
    if session["amount_total"] or session["payment_method_collection"] == "always":
        method = payment_methods.new_bank_account(ctx) if later else payment_methods.new(ctx)
        method = payment_methods.put_with(ctx, method, customer["id"])
    if later and method and session["amount_total"]:
        subscription, invoice = subscription_starts.paid_later(ctx, customer, wanted, data, method)
    else:
        subscription, invoice = subscription_starts.paid_in_person(ctx, customer, wanted, data, method)
    if method:
        payment_methods.behave(ctx, method["id"], card)
    changes = {
        "customer": customer["id"],
        "customer_details": customer_details(customer["email"] or email, customer),
        "invoice": invoice["id"],
        "payment_status": _payment_status(invoice),
        "status": "complete",
        "subscription": subscription["id"],
        "url": None,
    }
    return ctx.change(session, changes, event="checkout.session.completed")


def _payment_status(invoice: Json) -> str:
    if invoice["status"] != "paid":
        return "unpaid"
    return "paid" if invoice["amount_paid"] else "no_payment_required"


def is_on_its_way(ctx: Context, session: Json) -> bool:
    """Whether its payment has neither arrived nor failed yet."""
    if session["status"] != "complete" or session["payment_status"] != "unpaid":
        return False
    intent = invoice_payments.intent_of(ctx, ctx.get("invoice", session["invoice"]))
    return bool(intent["status"] == "processing")


def settle(ctx: Context, session: Json, outcome: str) -> Json:
    """A payment that was on its way has arrived, or has `failed` after all."""
    invoice = ctx.get("invoice", session["invoice"])
    method = invoice_payments.intent_of(ctx, invoice)["payment_method"]
    payment_methods.behave(ctx, method, "declined" if outcome == "failed" else "good")
    dunning.attempt(ctx, invoice)
    if outcome == "failed":
        ctx.emit("checkout.session.async_payment_failed", session)
        return session
    return ctx.change(session, {"payment_status": "paid"}, event="checkout.session.async_payment_succeeded")


def expire(ctx: Context, params: dict[str, Any], session: str) -> Json:
    """Close an open session, so that its page takes no payment any more."""
    doc = ctx.get("checkout.session", session, in_path=True)
    if doc["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"{doc['status']}."
        )
    return close(ctx, doc)


def close(ctx: Context, session: Json) -> Json:
    """Expire a session that is open."""
    return ctx.change(session, {"status": "expired", "url": None}, event="checkout.session.expired")


def retrieve(ctx: Context, params: dict[str, Any], session: str) -> Json:
    """One session; `line_items` only when expanded."""
    return ctx.get("checkout.session", session, in_path=True)


def list_line_items(ctx: Context, params: dict[str, Any], session: str) -> Json:
    """What the session sells (at most 20 lines, so one page)."""
    ctx.get("checkout.session", session, in_path=True)
    listed: Json = ctx.tx.hidden(session)["line_items"]
    return listed


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Sessions, newest first."""
    filters = Filter()
    filters.equal("customer", params.get("customer"))
    filters.equal("subscription", params.get("subscription"))
    filters.equal("status", params.get("status"))
    filters.within("created", params.get("created"))
    return page(ctx, "checkout.session", "/v1/checkout/sessions", params, filters)


OPERATIONS = (
    Operation("POST", "/v1/checkout/sessions", create, CREATE, required=("mode", "line_items", "success_url")),
    Operation(
        "GET",
        "/v1/checkout/sessions",
        list_all,
        PAGE
        | {
            "created": TimeRange(),
            "customer": Text(),
            "status": Choice(("complete", "expired", "open")),
            "subscription": Text(),
        },
    ),
    Operation("GET", "/v1/checkout/sessions/<session>", retrieve, EXPAND),
    Operation("GET", "/v1/checkout/sessions/<session>/line_items", list_line_items, EXPAND),
    Operation("POST", "/v1/checkout/sessions/<session>/expire", expire, EXPAND),
)
