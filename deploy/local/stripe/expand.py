"""Replaces ids by the objects they name where the caller asked with `expand[]`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deploy.local.stripe.errors import invalid
from deploy.local.stripe.store import Json, Transaction

MAX_DEPTH = 4
# Fields that hold the id of another object.
REFERENCES = frozenset({"customer", "invoice", "latest_invoice", "price", "product", "subscription", "default_price"})
# Fields of an object that Stripe leaves out unless they are expanded; kept beside the document.
INCLUDABLE = {("checkout.session", "line_items")}


def expand(tx: Transaction, doc: Json, paths: Iterable[str]) -> Json:
    """`doc` with every path followed; a path that leads nowhere expandable is refused, as Stripe refuses it."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_DEPTH + (parts[0] == "data"):
            raise invalid("You cannot expand more than 4 levels of a property.", param="expand")
        if not _follow(tx, doc, parts):
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    return doc


def _follow(tx: Transaction, node: Any, parts: list[str]) -> bool:
    """Whether the path leads to something that can be expanded; an empty list or a null on the way is no mistake."""
    if isinstance(node, list):
        return all(_follow(tx, item, parts) for item in node)
    if node is None:
        return True
    if not isinstance(node, dict):
        return False
    name, rest = parts[0], parts[1:]
    includable = (node.get("object"), name) in INCLUDABLE
    if name not in node and not includable:
        return False
    if includable and name not in node:
        node[name] = tx.hidden(node["id"])[name]
    elif isinstance(node[name], str) and name in REFERENCES:
        node[name] = tx.find(node[name]) or node[name]
    if rest:
        return _follow(tx, node[name], rest)
    return includable or name in REFERENCES
