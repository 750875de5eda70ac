"""Events as endpoints of an older API version get them: basil, and before it, when much stood elsewhere."""

from __future__ import annotations

import copy

from deploy.local.stripe.context import API_VERSION
from deploy.local.stripe.store import Json, Transaction

BASIL, BEFORE_BASIL = "2025-03-31.basil", "2024-06-20"
VERSIONS = (API_VERSION, BASIL, BEFORE_BASIL)
# Fields that came after basil, by the object that has them.
LATER: dict[str, tuple[str, ...]] = {
    "subscription": ("billing_mode", "billing_schedules", "customer_account", "managed_payments", "status_details"),
    "subscription_item": ("billed_until", "current_trial"),
    "invoice": ("amount_overpaid", "status_details"),
    "customer": ("customer_account",),
    "payment_intent": ("customer_account", "payment_method_configuration_details"),
}


def spoken(tx: Transaction, event: Json, version: str) -> Json:
    """The event as an endpoint of this version gets it; the data that the API lists stays as it is."""
    if version == API_VERSION:
        return event
    event = copy.deepcopy(event)
    event["api_version"] = version
    data = event["data"]
    about = data["object"]
    _without_later_fields(about)
    if version == BEFORE_BASIL:
        previous = data.get("previous_attributes")
        if about["object"] == "subscription":
            if previous and "items" in previous:
                previous |= _period_of(previous["items"])
            _old_subscription(about)
        elif about["object"] == "invoice":
            _old_invoice(tx, about)
        elif about["object"] in ("charge", "payment_intent"):
            about["invoice"] = _invoice_of(tx, about)
    return event


def _without_later_fields(node: object) -> None:
    if isinstance(node, list):
        for each in node:
            _without_later_fields(each)
    elif isinstance(node, dict):
        for name in LATER.get(str(node.get("object")), ()):
            node.pop(name, None)
        for value in node.values():
            _without_later_fields(value)


def _period_of(items: Json) -> Json:
    names = ("current_period_end", "current_period_start")
    return {name: items["data"][0][name] for name in names} if items["data"] else {}


def _old_subscription(doc: Json) -> None:
    """The period, the plan and the quantity stood on the subscription, and no period on its items."""
    first = doc["items"]["data"][0]
    doc |= _period_of(doc["items"]) | {"discount": None, "plan": first["plan"], "quantity": first["quantity"]}
    for item in doc["items"]["data"]:
        del item["current_period_start"], item["current_period_end"]


def _old_invoice(tx: Transaction, doc: Json) -> None:
    """The subscription and the payment stood on the invoice itself, the price on its lines."""
    details = (doc.pop("parent") or {}).get("subscription_details") or {"metadata": None, "subscription": None}
    intent = _intent_of(tx, doc["id"])
    doc |= {
        "charge": intent and intent["latest_charge"],
        "discount": None,
        "paid": doc["status"] == "paid",
        "paid_out_of_band": False,
        "payment_intent": intent and intent["id"],
        "quote": None,
        "subscription": details["subscription"],
        "subscription_details": {"metadata": details["metadata"]},
        "tax": None,
    }
    for line in doc["lines"]["data"]:
        _old_line(tx, line)


def _old_line(tx: Transaction, line: Json) -> None:
    parent = line.pop("parent")
    about = parent["subscription_item_details"] or parent["invoice_item_details"]
    price = tx.find(line.pop("pricing")["price_details"]["price"])
    line |= {
        "amount_excluding_tax": line["amount"],
        "plan": None,
        "price": price,
        "proration": about["proration"],
        "proration_details": {"credited_items": None},
        "subscription": about["subscription"],
        "subscription_item": about.get("subscription_item"),
        "type": "subscription" if parent["subscription_item_details"] else "invoiceitem",
        "unit_amount_excluding_tax": price and price["unit_amount_decimal"],
    }


def _intent_of(tx: Transaction, invoice: str) -> Json | None:
    payments = tx.select("invoice_payment", "json_extract(doc, '$.invoice') = ?", (invoice,))
    return tx.find(payments[0]["payment"]["payment_intent"]) if payments else None


def _invoice_of(tx: Transaction, doc: Json) -> str | None:
    intent = doc["id"] if doc["object"] == "payment_intent" else doc["payment_intent"]
    where = "json_extract(doc, '$.payment.payment_intent') = ?"
    payments = tx.select("invoice_payment", where, (intent,))
    return payments[0]["invoice"] if payments else None
