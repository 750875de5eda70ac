"""Billing portal sessions: a link to a page where a customer sees and cancels what it pays for."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.params import EXPAND, Text, Url
from deploy.local.stripe.store import Json


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """A fresh link for one customer."""
    customer = ctx.get("customer", params["customer"], param="customer")
    session_id = new_id("bps")
    session: Json = {
        "id": session_id,
        "object": "billing_portal.session",
        "configuration": "bpc_standin",
        "created": ctx.now,
        "customer": customer["id"],
        "flow": None,
        "livemode": False,
        "locale": None,
        "on_behalf_of": None,
        "return_url": params.get("return_url"),
        "url": f"{ctx.base_url}/p/session/{session_id}",
    }
    return ctx.create(session)


OPERATIONS = (
    Operation(
        "POST",
        "/v1/billing_portal/sessions",
        create,
        EXPAND | {"customer": Text(), "return_url": Url()},
        required=("customer",),
    ),
)
