"""Billing portal sessions: a link to a page where a customer does what the session's configuration lets it do."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.objects.portal_configurations import KIND
from deploy.local.stripe.params import EXPAND, Text, Url
from deploy.local.stripe.store import Json

NO_DEFAULT = (
    "No configuration provided and your test mode default configuration has not been created. Provide a configuration "
    "or create your default by saving your customer portal settings in test mode at "
    "https://dashboard.stripe.com/test/settings/billing/portal."
)


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """A fresh link for one customer; an account that nobody has set up in the Dashboard has no default portal."""
    customer = ctx.get("customer", params["customer"], param="customer")
    if "configuration" not in params:
        raise invalid(NO_DEFAULT)
    configuration = ctx.get(KIND, params["configuration"], param="configuration")
    if not configuration["active"]:
        raise invalid(f"The configuration {configuration['id']} is not active.", param="configuration")
    session_id = new_id("bps")
    session: Json = {
        "id": session_id,
        "object": "billing_portal.session",
        "configuration": configuration["id"],
        "created": ctx.now,
        "customer": customer["id"],
        "flow": None,
        "livemode": False,
        "locale": None,
        "on_behalf_of": None,
        "return_url": params.get("return_url", configuration["default_return_url"]),
        "url": f"{ctx.base_url}/p/session/{session_id}",
    }
    return ctx.create(session)


OPERATIONS = (
    Operation(
        "POST",
        "/v1/billing_portal/sessions",
        create,
        EXPAND | {"configuration": Text(), "customer": Text(), "return_url": Url()},
        required=("customer",),
    ),
)
