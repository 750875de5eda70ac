"""Replaces ids by the objects they name where the caller asked with `expand[]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from deploy.local.stripe.context import Context
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.objects import invoice_payments, refunds
from deploy.local.stripe.store import Json

MAX_DEPTH = 4
# Fields that hold the id of another object.
REFERENCES = frozenset(
    {
        *(
            "charge",
            "customer",
            "default_payment_method",
            "default_price",
            "invoice",
            "latest_charge",
            "latest_invoice",
        ),
        *("payment_intent", "payment_method", "price", "product", "subscription", "test_clock"),
    }
)
# Of a charge, the payment method is an id and nothing else.
NEVER = {("charge", "payment_method")}
# Fields of an object that Stripe leaves out unless they are expanded, and how they come to be.
INCLUDABLE: dict[tuple[str, str], Callable[[Context, Json], Json | None]] = {
    ("checkout.session", "line_items"): lambda ctx, session: ctx.tx.hidden(session["id"])["line_items"],
    ("invoice", "confirmation_secret"): invoice_payments.confirmation_secret,
    ("invoice", "payments"): invoice_payments.listed,
    ("charge", "refunds"): refunds.listed,
}


def expand(ctx: Context, doc: Json, paths: Iterable[str]) -> Json:
    """`doc` with every path followed; a path that leads nowhere expandable is refused, as Stripe refuses it."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_DEPTH + (parts[0] == "data"):
            raise invalid("You cannot expand more than 4 levels of a property.", param="expand")
        if not _follow(ctx, doc, parts):
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    return doc


def _follow(ctx: Context, node: Any, parts: list[str]) -> bool:
    """Whether the path leads to something that can be expanded; an empty list or a null on the way is no mistake."""
    if isinstance(node, list):
        return all(_follow(ctx, item, parts) for item in node)
    if node is None:
        return True
    if not isinstance(node, dict):
        return False
    name, rest = parts[0], parts[1:]
    field = (node.get("object", ""), name)
    includable = field in INCLUDABLE
    if name not in node and not includable:
        return False
    if includable and name not in node:
        node[name] = INCLUDABLE[field](ctx, node)
    known = includable or (name in REFERENCES and field not in NEVER)
    if known and isinstance(node[name], str):
        node[name] = ctx.tx.find(node[name]) or node[name]
    return _follow(ctx, node[name], rest) if rest else known
