"""Billing portal configurations: what customers may do in the portal whose sessions name one."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation, merge_metadata
from deploy.local.stripe.errors import invalid, missing_parameter
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.params import EXPAND, PAGE, Bool, Choice, Hash, ListOf, Metadata, Text, Type, Url
from deploy.local.stripe.store import Json

KIND = "billing_portal.configuration"
ON = {"enabled": Bool()}
REASONS = (
    *("too_expensive", "missing_features", "switched_service", "unused"),
    *("customer_service", "too_complex", "low_quality", "other"),
)
PRORATIONS = ("always_invoice", "create_prorations", "none")


class Chosen(ListOf):
    """A list that the empty string empties."""

    def read(self, raw: Any, name: str) -> list[Any]:
        """The list."""
        return [] if raw == "" else super().read(raw, name)


class UrlOrNone(Url):
    """An address; the empty string clears it."""

    def read(self, raw: Any, name: str) -> Any:
        """The address, or None."""
        return None if raw == "" else super().read(raw, name)


FEATURES: dict[str, Hash] = {
    "customer_update": Hash(
        ON | {"allowed_updates": Chosen(Choice(("address", "email", "name", "phone", "shipping", "tax_id")))},
        ("enabled",),
    ),
    "invoice_history": Hash(ON, ("enabled",)),
    "payment_method_update": Hash(ON, ("enabled",)),
    "subscription_cancel": Hash(
        ON
        | {
            "cancellation_reason": Hash(ON | {"options": Chosen(Choice(REASONS))}, ("enabled", "options")),
            "mode": Choice(("at_period_end", "immediately")),
            "proration_behavior": Choice(PRORATIONS),
        },
        ("enabled",),
    ),
    # Switched off only: the stand-in's page pauses nothing and changes no plan.
    "subscription_pause": Hash(ON),
    "subscription_update": Hash(
        ON
        | {
            "default_allowed_updates": Chosen(Choice(("price", "promotion_code", "quantity"))),
            "products": Chosen(Hash({"product": Text(), "prices": ListOf(Text())}, ("product", "prices")), high=10),
            "proration_behavior": Choice(PRORATIONS),
        },
        ("enabled",),
    ),
}  # fmt: skip
# An update may name a part of a feature that has several, without saying again whether it is on.
PARTS = {
    name: Hash(feature.fields) if feature.fields.keys() > ON.keys() else feature for name, feature in FEATURES.items()
}
OFF: Json = {
    "customer_update": {"allowed_updates": [], "enabled": False},
    "invoice_history": {"enabled": False},
    "payment_method_update": {"enabled": False, "payment_method_configuration": None},
    "subscription_cancel": {
        "cancellation_reason": {"enabled": False, "feedback_options": None, "options": []},
        "enabled": False,
        "mode": "at_period_end",
        "proration_behavior": "none",
    },
    "subscription_pause": {
        "duration": {"interval_options": [{"interval": "month", "interval_count": 1}], "type": "interval_options"},
        "enabled": False,
    },
    "subscription_update": {
        "billing_cycle_anchor": None,
        "default_allowed_updates": [],
        "enabled": False,
        "products": [],
        "proration_behavior": "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}
FIELDS: dict[str, Type] = EXPAND | {
    "business_profile": Hash(
        {"headline": Text(60, unset=True), "privacy_policy_url": Url(), "terms_of_service_url": Url()}
    ),
    "default_return_url": UrlOrNone(),
    "features": Hash(FEATURES),
    "login_page": Hash(ON, ("enabled",)),
    "metadata": Metadata(),
    "name": Text(unset=True),
}


UPDATE: dict[str, Type] = FIELDS | {"active": Bool(), "features": Hash(PARTS)}


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """A configuration beside the account's default one, which an API never makes."""
    if not params["features"]:
        raise missing_parameter("features")
    doc: Json = {
        "id": new_id("bpc"),
        "object": KIND,
        "active": True,
        "application": None,
        "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        "created": ctx.now,
        "default_return_url": None,
        "features": OFF,
        "is_default": False,
        "livemode": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": ctx.now,
    }
    return ctx.create({**doc, **_changes(ctx, doc, params)}, event="billing_portal.configuration.created")


def retrieve(ctx: Context, params: dict[str, Any], configuration: str) -> Json:
    """One configuration."""
    return ctx.get(KIND, configuration, in_path=True)


def update(ctx: Context, params: dict[str, Any], configuration: str) -> Json:
    """Change what is given, keep the rest; one that is not active opens no more sessions."""
    doc = ctx.get(KIND, configuration, in_path=True)
    changes = _changes(ctx, doc, params)
    if "active" in params:
        changes["active"] = params["active"]
    return ctx.change(doc, {**changes, "updated": ctx.now}, event="billing_portal.configuration.updated")


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Configurations, newest first."""
    filters = Filter()
    filters.equal("active", params.get("active"))
    filters.equal("is_default", params.get("is_default"))
    return page(ctx, KIND, "/v1/billing_portal/configurations", params, filters)


def _changes(ctx: Context, doc: Json, params: dict[str, Any]) -> Json:
    changes: Json = {name: params[name] for name in ("default_return_url", "name") if name in params}
    changes["business_profile"] = {**doc["business_profile"], **params.get("business_profile", {})}
    features = {name: {**doc["features"][name], **params.get("features", {}).get(name, {})} for name in OFF}
    reason = params.get("features", {}).get("subscription_cancel", {}).get("cancellation_reason")
    if reason is not None:
        features["subscription_cancel"]["cancellation_reason"] = {"feedback_options": None, **reason}
    _refuse_nonsense(features)
    changes["features"] = features
    if "login_page" in params:
        enabled = params["login_page"]["enabled"]
        url = f"{ctx.base_url}/p/login/{doc['id']}" if enabled else None
        changes["login_page"] = {"enabled": enabled, "url": url}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(doc["metadata"], params["metadata"])
    return changes


def _refuse_nonsense(features: Json) -> None:
    """400 for features that contradict themselves, and for what the stand-in's page cannot do."""
    customer, plan, cancel = (
        features[name] for name in ("customer_update", "subscription_update", "subscription_cancel")
    )
    if customer["enabled"] and not customer["allowed_updates"]:
        raise missing_parameter("features[customer_update][allowed_updates]")
    if plan["enabled"] and not (plan["default_allowed_updates"] and plan["products"]):
        raise missing_parameter("features[subscription_update][products]")
    if features["subscription_pause"]["enabled"]:
        raise invalid("The stand-in's portal pauses nothing.", param="features[subscription_pause][enabled]")
    prorates = cancel["proration_behavior"]
    if prorates == "always_invoice" or (prorates != "none" and cancel["mode"] == "at_period_end"):
        raise invalid(
            "Prorations are only made when subscriptions are canceled immediately.",
            param="features[subscription_cancel][proration_behavior]",
        )


OPERATIONS = (
    Operation("POST", "/v1/billing_portal/configurations", create, FIELDS, required=("features",)),
    Operation(
        "GET",
        "/v1/billing_portal/configurations",
        list_all,
        PAGE | {"active": Bool(), "is_default": Bool()},
    ),
    Operation("GET", "/v1/billing_portal/configurations/<configuration>", retrieve, EXPAND),
    Operation("POST", "/v1/billing_portal/configurations/<configuration>", update, UPDATE),
)
