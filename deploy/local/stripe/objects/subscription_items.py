"""Subscription items: changing the price or the quantity of what a subscription bills."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, merge_metadata
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.objects.prices import as_plan
from deploy.local.stripe.params import Hash, Int, Metadata, Text
from deploy.local.stripe.store import Json

ITEM = Hash({"id": Text(), "price": Text(), "quantity": Int(1, 999_999), "metadata": Metadata()}, required=("id",))


def changed_items(ctx: Context, doc: Json, given: list[dict[str, Any]]) -> tuple[Json, list[tuple[Json, Json]]]:
    """The item list after the change, and each changed item as it was and will be.

    The price must keep currency and interval, so the period stays.
    """
    pairs: list[tuple[Json, Json]] = []
    items = {item["id"]: item for item in doc["items"]["data"]}
    for index, change in enumerate(given):
        name = f"items[{index}]"
        item = items.get(change["id"])
        if item is None:
            raise invalid(f"No such subscription item: '{change['id']}'", code="resource_missing", param=f"{name}[id]")
        price = item["price"]
        if "price" in change:
            price = ctx.get("price", change["price"], param=f"{name}[price]")
            _check_replacement(item["price"], price, f"{name}[price]")
        changed = {
            **item,
            "price": price,
            "plan": as_plan(price),
            "quantity": change.get("quantity", item["quantity"]),
            "metadata": merge_metadata(item["metadata"], change.get("metadata", {})),
        }
        pairs.append((item, changed))
        items[item["id"]] = changed
    return {**doc["items"], "data": list(items.values())}, pairs


def _check_replacement(old: Json, new: Json, param: str) -> None:
    if not new["active"]:
        raise invalid(f"The price specified is inactive: {new['id']}", param=param)
    same = old["currency"] == new["currency"] and new["recurring"] is not None
    if not same or any(old["recurring"][key] != new["recurring"][key] for key in ("interval", "interval_count")):
        raise invalid("The stand-in changes prices only within one currency and interval.", param=param)
