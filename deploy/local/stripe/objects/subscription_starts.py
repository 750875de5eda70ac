"""How a subscription begins: paid on a Checkout page, or created over the API and charged right away."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import ApiError, invalid, missing_parameter
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.objects import dunning, invoice_payments, invoices, payment_intents, payment_methods
from deploy.local.stripe.objects.invoice_lines import period_line, trial_line
from deploy.local.stripe.objects.subscription_shapes import new_item, new_subscription
from deploy.local.stripe.params import EXPAND, Bool, Choice, Hash, Int, ListOf, Metadata, Text, Type
from deploy.local.stripe.periods import DAY, period_end
from deploy.local.stripe.store import Json

TRIAL_SETTINGS = Hash(
    {
        "end_behavior": Hash(
            {"missing_payment_method": Choice(("cancel", "create_invoice", "pause"))},
            required=("missing_payment_method",),
        )
    },
    required=("end_behavior",),
)
# What Checkout's `subscription_data` and a subscription created over the API have in common.
COMMON: dict[str, Type] = {
    "billing_mode": Hash({"type": Choice(("flexible",))}, required=("type",)),
    "description": Text(500),
    "metadata": Metadata(),
    "trial_period_days": Int(1, 730),
    "trial_settings": TRIAL_SETTINGS,
}
Wanted = list[tuple[Json, int]]


def paid_in_person(ctx: Context, customer: Json, wanted: Wanted, data: Json, method: Json | None) -> tuple[Json, Json]:
    """Begin a subscription on a Checkout page: it, active or in its trial, and its first invoice, paid.

    `wanted` pairs each price with a quantity, `method` is the card that was given, which the subscription keeps.
    """
    subscription, invoice = _begin(ctx, customer, wanted, data, method, "active")
    invoice = invoices.finalize(ctx, invoice)
    if invoice["amount_due"]:
        invoice_payments.charge(ctx, invoice, method, holder_is_there=True)
    return subscription, invoices.mark_paid(ctx, invoice)


def paid_later(ctx: Context, customer: Json, wanted: Wanted, data: Json, method: Json) -> tuple[Json, Json]:
    """Begin a subscription whose first payment is on its way: it is active already, the invoice open."""
    subscription, invoice = _begin(ctx, customer, wanted, data, method, "active")
    invoice = invoices.finalize(ctx, invoice)
    payment_intents.process(ctx, invoice_payments.intent_of(ctx, invoice), method)
    return subscription, invoice


def _begin(
    ctx: Context, customer: Json, wanted: Wanted, data: Json, method: Json | None, status: str
) -> tuple[Json, Json]:
    """A subscription, with `status` unless it begins with a trial, and the draft of its first invoice."""
    trial_days = data.get("trial_period_days")
    trial_end = ctx.now + trial_days * DAY if trial_days else None
    subscription_id = new_id("sub")
    recurring = wanted[0][0]["recurring"]
    ends = trial_end or period_end(ctx.now, recurring["interval"], recurring["interval_count"])
    items = [new_item(ctx, subscription_id, price, quantity, ends) for price, quantity in wanted]
    status = "trialing" if trial_end else status
    subscription = new_subscription(ctx, subscription_id, customer, items, {**data, "trial_end": trial_end}, status)
    subscription["default_payment_method"] = method and method["id"]
    if customer["currency"] is None:
        customer = ctx.change(customer, {"currency": subscription["currency"]})
    # The first event must already name its invoice, so the document is completed before it is announced.
    ctx.create(subscription)
    lines = [period_line(ctx, item) if trial_end is None else trial_line(ctx, item) for item in items]
    invoice = invoices.draft(ctx, subscription, customer, lines, reason="subscription_create")
    subscription = ctx.change(subscription, {"latest_invoice": invoice["id"]})
    ctx.emit("customer.subscription.created", subscription)
    return subscription, invoice


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """Begin a subscription over the API and charge the customer's card; `incomplete` until the first payment.

    `default_incomplete` leaves that payment to somebody else; `error_if_incomplete` makes nothing unless it succeeds.
    """
    customer = ctx.get("customer", params["customer"], param="customer")
    method = None
    if "default_payment_method" in params:
        method = payment_methods.belonging(ctx, customer["id"], params["default_payment_method"])
    if not params["items"]:
        raise missing_parameter("items")
    wanted = [(_price(ctx, item, index), item.get("quantity", 1)) for index, item in enumerate(params["items"])]
    data = params | {"metadata": merge_metadata({}, params.get("metadata", {}))}
    subscription, invoice = _begin(ctx, customer, wanted, data, method, "incomplete")
    behaviour = params.get("payment_behavior", "allow_incomplete")
    if behaviour == "default_incomplete" and invoice["amount_due"]:
        invoices.finalize(ctx, invoice)
    elif dunning.collect(ctx, invoice)["status"] != "paid" and behaviour == "error_if_incomplete":
        # A plain refusal: everything is undone, the attempt included.
        raise ApiError(402, "Your card was declined.", kind="card_error", code="card_declined")
    return ctx.get("subscription", subscription["id"])


def _price(ctx: Context, item: dict[str, Any], index: int) -> Json:
    price = ctx.get("price", item["price"], param=f"items[{index}][price]")
    if not price["active"]:
        raise invalid(f"The price specified is inactive: {price['id']}", param=f"items[{index}][price]")
    if price["recurring"] is None:
        raise invalid("This field only accepts prices with `type=recurring`.", param=f"items[{index}][price]")
    return price


CREATE: dict[str, Type] = {
    **EXPAND,
    **COMMON,
    "customer": Text(),
    "default_payment_method": Text(),
    "items": ListOf(Hash({"price": Text(), "quantity": Int(1, 999_999)}, required=("price",)), high=20),
    "off_session": Bool(),
    "payment_behavior": Choice(("allow_incomplete", "default_incomplete", "error_if_incomplete")),
}
OPERATIONS = (Operation("POST", "/v1/subscriptions", create, CREATE, required=("customer", "items")),)
