"""The billing portal page, as small as a person needs it."""

from __future__ import annotations

from html import escape

from werkzeug.wrappers import Request, Response

from deploy.local.stripe import moments
from deploy.local.stripe.context import Context
from deploy.local.stripe.objects import cards
from deploy.local.stripe.objects.subscription_states import current_period_end, end_at
from deploy.local.stripe.pages import render
from deploy.local.stripe.store import Json, Store


class PortalPage:
    """Serves `/p/session/<session>`: the customer's subscriptions, each with a button to cancel or keep it."""

    def __init__(self, store: Store, base_url: str) -> None:
        self._store = store
        self._base_url = base_url

    def answer(self, request: Request, session_id: str) -> Response:
        """GET shows it; POST `action=cancel|keep` with `subscription`, or `action=card` with `card`, changes it."""
        with self._store.transaction() as tx:
            session = tx.find(session_id, "billing_portal.session")
            if session is None:
                return render("message", 404, title="Not found", message="There is no such portal session.")
            ctx = Context(tx, moments.of_customer(tx, session["customer"]), self._base_url)
            mine = "json_extract(doc, '$.customer') = ?"
            subscriptions = tx.select("subscription", mine, (session["customer"],))
            if request.method == "POST" and request.form.get("action") == "card":
                return _replace_card(ctx, request, session)
            if request.method == "POST":
                return _act(ctx, request, subscriptions, session)
            return _show(ctx, session, subscriptions)


def _act(ctx: Context, request: Request, subscriptions: list[Json], session: Json) -> Response:
    wanted, action = request.form.get("subscription"), request.form.get("action")
    chosen = [doc for doc in subscriptions if doc["id"] == wanted and doc["status"] != "canceled"]
    if not chosen or action not in ("cancel", "keep"):
        return render("message", 400, title="Portal", message="Choose a running subscription to cancel or keep.")
    subscription = chosen[0]
    # In flexible billing mode the portal sets only `cancel_at`, never the boolean: integrations must read both.
    moment = current_period_end(subscription) if action == "cancel" else None
    changes = end_at(ctx, subscription, moment, with_period=False)
    ctx.change(subscription, changes, event="customer.subscription.updated")
    return Response(status=303, headers={"Location": session["url"]})


def _replace_card(ctx: Context, request: Request, session: Json) -> Response:
    """Another card, as every portal lets its customers give; here they say how it will behave."""
    if request.form.get("card") not in cards.STATES:
        return render("message", 400, title="Portal", message=f"Choose a card that is one of {cards.STATES}.")
    cards.put(ctx, session["customer"], request.form["card"])
    return Response(status=303, headers={"Location": session["url"]})


def _show(ctx: Context, session: Json, subscriptions: list[Json]) -> Response:
    rows = "".join(_row(ctx, doc) for doc in subscriptions) or "<p>No subscriptions.</p>"
    back = session["return_url"]
    link = f'<p><a href="{escape(back)}">Back</a></p>' if back else ""
    state = cards.state(ctx, session["customer"])
    options = "".join(
        f'<option value="{each}"{" selected" if each == state else ""}>{each.replace("_", " ")}</option>'
        for each in cards.STATES
    )
    return render("portal", title="Billing", raw={"rows": rows, "back": link, "cards": options})


def _row(ctx: Context, doc: Json) -> str:
    items = ", ".join(ctx.get("product", item["price"]["product"])["name"] for item in doc["items"]["data"])
    ending = doc["cancel_at"] is not None
    state = f"{doc['status']}, ends with the period" if ending else doc["status"]
    button = ""
    if doc["status"] != "canceled":
        action, text = ("keep", "Keep it") if ending else ("cancel", "Cancel at period end")
        button = (
            f'<form method="post"><input type="hidden" name="subscription" value="{doc["id"]}">'
            f'<button name="action" value="{action}">{text}</button></form>'
        )
    return f"<dl><dt>{escape(items)}</dt><dd>{escape(state)}</dd></dl>{button}"
