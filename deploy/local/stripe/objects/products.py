"""Products: what is sold."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.params import EXPAND, PAGE, Bool, ListOf, Metadata, Text, TimeRange, Type
from deploy.local.stripe.store import Json

FIELDS: dict[str, Type] = EXPAND | {
    "active": Bool(),
    "description": Text(unset=True),
    "metadata": Metadata(),
    "name": Text(),
    "statement_descriptor": Text(22),
}


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """A new product; the caller may choose its id, once."""
    product_id = params.get("id") or new_id("prod")
    if ctx.tx.find(product_id) is not None:
        raise invalid(f"Product already exists: {product_id}", code="resource_already_exists", param="id")
    product: Json = {
        "id": product_id,
        "object": "product",
        "active": params.get("active", True),
        "created": ctx.now,
        "default_price": None,
        "description": params.get("description"),
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "name": params["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": params.get("statement_descriptor"),
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": ctx.now,
        "url": None,
    }
    return ctx.create(product, event="product.created")


def retrieve(ctx: Context, params: dict[str, Any], product: str) -> Json:
    """One product."""
    return ctx.get("product", product, in_path=True)


def update(ctx: Context, params: dict[str, Any], product: str) -> Json:
    """Change what is given, keep the rest."""
    doc = ctx.get("product", product, in_path=True)
    changes = {name: params[name] for name in params if name not in ("expand", "metadata")}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(doc["metadata"], params["metadata"])
    if any(doc[name] != value for name, value in changes.items()):
        changes["updated"] = ctx.now
    return ctx.change(doc, changes, event="product.updated")


def delete(ctx: Context, params: dict[str, Any], product: str) -> Json:
    """Delete for good what was never given a price."""
    doc = ctx.get("product", product, in_path=True)
    if ctx.tx.select("price", "json_extract(doc, '$.product') = ?", (product,)):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.")
    gone: Json = {"id": product, "object": "product", "deleted": True}
    ctx.tx.update(gone)
    ctx.emit("product.deleted", doc)
    return gone


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Products, newest first."""
    filters = Filter()
    filters.unlike("deleted", True)
    filters.equal("active", params.get("active"))
    filters.among("id", params.get("ids"))
    filters.within("created", params.get("created"))
    return page(ctx, "product", "/v1/products", params, filters)


OPERATIONS = (
    Operation("POST", "/v1/products", create, FIELDS | {"id": Text(255)}, required=("name",)),
    Operation(
        "GET", "/v1/products", list_all, PAGE | {"active": Bool(), "ids": ListOf(Text()), "created": TimeRange()}
    ),
    Operation("GET", "/v1/products/<product>", retrieve, EXPAND),
    Operation("POST", "/v1/products/<product>", update, FIELDS),
    Operation("DELETE", "/v1/products/<product>", delete),
)
