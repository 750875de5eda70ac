"""Test clocks: time of its own for some customers, which stands still until it is advanced."""

from __future__ import annotations

from typing import Any

from deploy.local.stripe.context import Context, Operation
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.listing import Filter, page
from deploy.local.stripe.objects import customers
from deploy.local.stripe.params import EXPAND, PAGE, Int, Text
from deploy.local.stripe.periods import DAY, period_end
from deploy.local.stripe.store import Json

KIND = "test_helpers.test_clock"
ON_CLOCK = "json_extract(doc, '$.test_clock') = ?"
LIVES = 30 * DAY


def create(ctx: Context, params: dict[str, Any]) -> Json:
    """A clock that stands at a moment."""
    return ctx.create(new(ctx, params["frozen_time"], params.get("name")), event=f"{KIND}.created")


def new(ctx: Context, frozen_time: int, name: str | None) -> Json:
    """The shape of a clock."""
    return {
        "id": new_id("clock"),
        "object": KIND,
        "created": ctx.now,
        "deletes_after": ctx.now + LIVES,
        "frozen_time": frozen_time,
        "livemode": False,
        "name": name,
        "status": "ready",
        "status_details": {},
    }


def advance(ctx: Context, params: dict[str, Any], test_clock: str) -> Json:
    """Let its time pass; it is `advancing` until all that falls due on the way has happened.

    As at Stripe by two of the shortest intervals billed on it at most.
    """
    doc, target = ctx.get(KIND, test_clock, in_path=True), params["frozen_time"]
    if doc["status"] != "ready":
        raise invalid("The test clock is already advancing.", code="test_clock_not_ready", status=429)
    if target <= doc["frozen_time"]:
        raise invalid("Test clocks can only be advanced to a moment after their own.", param="frozen_time")
    billed = ctx.tx.select("subscription", ON_CLOCK, (test_clock,))
    if any(target > _two_intervals(doc, subscription) for subscription in billed):
        raise invalid(
            "You cannot advance a test clock by more than two intervals of its shortest subscription.",
            param="frozen_time",
        )
    return begin(ctx, doc, target)


def _two_intervals(doc: Json, subscription: Json) -> int:
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    return period_end(doc["frozen_time"], recurring["interval"], 2 * recurring["interval_count"])


def begin(ctx: Context, doc: Json, target: int) -> Json:
    """The timekeeper takes it from here; the target is kept, so that it survives the process."""
    ctx.tx.set_hidden(doc["id"], {"reached": doc["frozen_time"]})
    details = {"advancing": {"target_frozen_time": target}}
    return ctx.change(doc, {"status": "advancing", "status_details": details}, event=f"{KIND}.advancing")


def arrive(ctx: Context, doc: Json) -> Json:
    """Nothing more is due: it stands at its target."""
    target = doc["status_details"]["advancing"]["target_frozen_time"]
    changes = {"frozen_time": target, "status": "ready", "status_details": {}}
    return ctx.change(doc, changes, event=f"{KIND}.ready")


def delete(ctx: Context, params: dict[str, Any], test_clock: str) -> Json:
    """It goes, and its customers with it."""
    doc = ctx.get(KIND, test_clock, in_path=True)
    for customer in ctx.tx.select("customer", ON_CLOCK, (test_clock,)):
        customers.delete(ctx, {}, customer["id"])
    gone: Json = {"id": test_clock, "object": KIND, "deleted": True}
    ctx.tx.update(gone)
    ctx.emit(f"{KIND}.deleted", doc)
    return gone


def retrieve(ctx: Context, params: dict[str, Any], test_clock: str) -> Json:
    """One clock."""
    return ctx.get(KIND, test_clock, in_path=True)


def list_all(ctx: Context, params: dict[str, Any]) -> Json:
    """Clocks, newest first."""
    filters = Filter()
    filters.unlike("deleted", True)
    return page(ctx, KIND, "/v1/test_helpers/test_clocks", params, filters)


PATH = "/v1/test_helpers/test_clocks"
OPERATIONS = (
    Operation("POST", PATH, create, EXPAND | {"frozen_time": Int(1), "name": Text(300)}, required=("frozen_time",)),
    Operation("GET", PATH, list_all, PAGE),
    Operation("GET", f"{PATH}/<test_clock>", retrieve, EXPAND),
    Operation("DELETE", f"{PATH}/<test_clock>", delete),
    Operation(
        "POST", f"{PATH}/<test_clock>/advance", advance, EXPAND | {"frozen_time": Int(1)}, required=("frozen_time",)
    ),
)
