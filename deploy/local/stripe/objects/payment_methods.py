"""Payment methods: Stripe's test cards, kept with a customer, each with a way of behaving when it is charged."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import card_declined, invalid
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.params import EXPAND, PAGE, Choice, Hash, Metadata, Text
from deploy.local.stripe.store import Json

ATTACHED = "json_extract(doc, '$.customer') = ?"
# Stripe's names for test cards, as `pm_card_…` and `tok_…`: how they behave and how their number ends.
TEST_CARDS = {
    "visa": ("good", "4242"),
    "chargeCustomerFail": ("declined", "0341"),
    "authenticationRequired": ("requires_action", "3184"),
    "threeDSecure2Required": ("requires_action", "3220"),
    "createDispute": ("disputed", "0259"),
    "createDisputeInquiry": ("inquired", "1976"),
    "chargeDeclined": ("refused", "0002"),
    "visa_chargeDeclined": ("refused", "0002"),
}
ADDRESS: Json = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def new(ctx: Context, behaviour: str = "good", last4: str = "4242", *, metadata: Json | None = None) -> Json:
    """A card that nobody has yet."""
    card: Json = {
        "brand": "visa",
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": "visa",
        "exp_month": 12,
        "exp_year": 2040,
        "fingerprint": f"fingerprint{last4}",
        "funding": "credit",
        "generated_from": None,
        "last4": last4,
        "networks": {"available": ["visa"], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    method = _blank(ctx) | {"card": card, "metadata": metadata or {}, "type": "card"}
    return ctx.create(method, hidden={"behaviour": behaviour})


def _blank(ctx: Context) -> Json:
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None},
        "created": ctx.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
    }


def new_bank_account(ctx: Context) -> Json:
    """An account whose payments take days to settle."""
    method = _blank(ctx) | {
        "type": "us_bank_account",
        "us_bank_account": {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "fingerprint": "fingerprint6789",
            "last4": "6789",
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": "110000000",
            "status_details": {},
        },
    }
    return ctx.create(method, hidden={"behaviour": "good"})


def behave(ctx: Context, method: str, how: str) -> None:
    """From now on a charge of this card meets that."""
    ctx.tx.set_hidden(method, {**ctx.tx.hidden(method), "behaviour": how})


def behaviour(ctx: Context, method: str) -> str:
    """What a charge of this card meets."""
    found: str = ctx.tx.hidden(method)["behaviour"]
    return found


def named(ctx: Context, name: str, *, param: str = "payment_method") -> Json:
    """The payment method with this id; a `pm_card_…` of Stripe's is a fresh card each time it is named."""
    if name.startswith("pm_card_"):
        return _test_card(ctx, name.removeprefix("pm_card_"), name, param)
    return ctx.get("payment_method", name, param=param)


def _test_card(ctx: Context, kind: str, name: str, param: str, metadata: Json | None = None) -> Json:
    if kind not in TEST_CARDS:
        raise invalid(f"No such PaymentMethod: '{name}'", code="resource_missing", param=param)
    return new(ctx, *TEST_CARDS[kind], metadata=metadata)


def belonging(ctx: Context, customer: str, name: str, *, param: str = "payment_method") -> Json:
    """The payment method named, which is now the customer's (that of another one is refused)."""
    method = named(ctx, name, param=param)
    if method["customer"] is None and name.startswith("pm_card_"):
        return put_with(ctx, method, customer)
    if method["customer"] != customer:
        raise invalid(
            f"The customer does not have a payment method with the ID {name}. The payment method must be attached to "
            "the customer.",
            code="resource_missing",
            param=param,
        )
    return method


def put_with(ctx: Context, method: Json, customer: str) -> Json:
    """Keep a card with a customer."""
    if behaviour(ctx, method["id"]) == "refused":
        raise card_declined()
    return ctx.change(method, {"customer": customer}, event="payment_method.attached")


def of_customer(ctx: Context, customer: str) -> list[Json]:
    """The cards of a customer, newest first."""
    return ctx.tx.select("payment_method", ATTACHED, (customer,))


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """A card from one of Stripe's test tokens; numbers are refused, as Stripe refuses them over the API."""
    token = params["card"]["token"]
    metadata = merge_metadata({}, params.get("metadata", {}))
    if not token.startswith("tok_"):
        raise invalid(f"No such token: '{token}'", code="resource_missing", param="card[token]")
    return _test_card(ctx, token.removeprefix("tok_"), token, "card[token]", metadata)


def attach(ctx: Context, params: dict[str, Any], payment_method: str) -> Json:
    """Keep it with a customer; a detached one can never be used again."""
    method = named(ctx, payment_method)
    customer = ctx.get("customer", params["customer"], param="customer")
    if method["customer"] not in (None, customer["id"]) or ctx.tx.hidden(method["id"]).get("detached"):
        raise invalid(
            "This PaymentMethod was previously used and cannot be attached.", code="payment_method_unexpected_state"
        )
    return put_with(ctx, method, customer["id"])


def detach(ctx: Context, params: dict[str, Any], payment_method: str) -> Json:
    """Take it from its customer, and from wherever it is the default."""
    method = ctx.get("payment_method", payment_method, in_path=True)
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    return remove(ctx, method)


def remove(ctx: Context, method: Json) -> Json:
    """Take a card from its customer."""
    customer = ctx.get("customer", method["customer"])
    settings = customer["invoice_settings"]
    if settings["default_payment_method"] == method["id"]:
        changed = {"invoice_settings": {**settings, "default_payment_method": None}}
        ctx.change(customer, changed, event="customer.updated")
    used = "json_extract(doc, '$.default_payment_method') = ?"
    for subscription in ctx.tx.select("subscription", used, (method["id"],)):
        ctx.change(subscription, {"default_payment_method": None}, event="customer.subscription.updated")
    ctx.tx.set_hidden(method["id"], {**ctx.tx.hidden(method["id"]), "detached": True})
    return ctx.change(method, {"customer": None}, event="payment_method.detached")


def retrieve(ctx: Context, params: dict[str, Any], payment_method: str) -> Json:
    """One payment method."""
    return ctx.get("payment_method", payment_method, in_path=True)


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """The cards of a customer, newest first; without `customer` there is nothing to list."""
    filters = Filter()
    filters.equal("customer", params.get("customer", ""))
    return page(ctx, "payment_method", "/v1/payment_methods", params, filters)


CARD = Choice(("card",))
OPERATIONS = (
    Operation(
        "POST",
        "/v1/payment_methods",
        create,
        EXPAND | {"card": Hash({"token": Text()}, required=("token",)), "metadata": Metadata(), "type": CARD},
        required=("type", "card"),
    ),
    Operation("GET", "/v1/payment_methods", list_all, PAGE | {"customer": Text(), "type": CARD}),
    Operation("GET", "/v1/payment_methods/<payment_method>", retrieve, EXPAND),
    Operation(
        "POST",
        "/v1/payment_methods/<payment_method>/attach",
        attach,
        EXPAND | {"customer": Text()},
        required=("customer",),
    ),
    Operation("POST", "/v1/payment_methods/<payment_method>/detach", detach, EXPAND),
)
