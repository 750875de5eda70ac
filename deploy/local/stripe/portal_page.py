"""The billing portal page, as small as a person needs it: it shows and does what its configuration has switched on."""

from __future__ import annotations

from html import escape

from werkzeug.wrappers import Request, Response

from deploy.local.stripe import moments
from deploy.local.stripe.context import Context
from deploy.local.stripe.objects import cards
from deploy.local.stripe.objects.portal_configurations import KIND
from deploy.local.stripe.objects.subscription_states import current_period_end, end, end_at
from deploy.local.stripe.pages import render
from deploy.local.stripe.store import Json, Store

# What each button needs; whoever posts without having seen one is refused as well.
NEEDS = {"cancel": "subscription_cancel", "keep": "subscription_cancel", "card": "payment_method_update"}


class PortalPage:
    """Serves `/p/session/<session>`: the customer's subscriptions, each with a button to cancel or keep it."""

    def __init__(self, store: Store, base_url: str) -> None:
        self._store = store
        self._base_url = base_url

    def answer(self, request: Request, session_id: str) -> Response:
        """GET shows it; POST `action=cancel|keep` with `subscription`, or `action=card` with `card`, changes it."""
        with self._store.transaction() as tx:
            session = tx.find(session_id, "billing_portal.session")
            configuration = session and tx.find(session["configuration"], KIND)
            if session is None or configuration is None:
                return render("message", 404, title="Not found", message="There is no such portal session.")
            ctx = Context(tx, moments.of_customer(tx, session["customer"]), self._base_url)
            mine = "json_extract(doc, '$.customer') = ?"
            subscriptions = tx.select("subscription", mine, (session["customer"],))
            features = configuration["features"]
            if request.method != "POST":
                return _show(ctx, session, subscriptions, features)
            action = request.form.get("action", "")
            if not features.get(NEEDS.get(action, ""), {}).get("enabled"):
                return render("message", 400, title="Portal", message="This portal does not do that.")
            if action == "card":
                return _replace_card(ctx, request, session)
            return _act(ctx, request, subscriptions, session, features["subscription_cancel"]["mode"])


def _act(ctx: Context, request: Request, subscriptions: list[Json], session: Json, mode: str) -> Response:
    wanted, action = request.form.get("subscription"), request.form.get("action")
    chosen = [doc for doc in subscriptions if doc["id"] == wanted and doc["status"] != "canceled"]
    if not chosen:
        return render("message", 400, title="Portal", message="Choose a running subscription to cancel or keep.")
    subscription = chosen[0]
    if action == "cancel" and mode == "immediately":
        end(ctx, subscription, reason="cancellation_requested")
    else:
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


def _show(ctx: Context, session: Json, subscriptions: list[Json], features: Json) -> Response:
    may_cancel = features["subscription_cancel"]["enabled"]
    rows = "".join(_row(ctx, doc, may_cancel=may_cancel) for doc in subscriptions) or "<p>No subscriptions.</p>"
    back = session["return_url"]
    parts = {
        "rows": rows,
        "cards": _cards(ctx, session) if features["payment_method_update"]["enabled"] else "",
        "invoices": _invoices(ctx, session) if features["invoice_history"]["enabled"] else "",
        "back": f'<p><a href="{escape(back)}">Back</a></p>' if back else "",
    }
    return render("portal", title="Billing", raw=parts)


def _row(ctx: Context, doc: Json, *, may_cancel: bool) -> str:
    items = ", ".join(ctx.get("product", item["price"]["product"])["name"] for item in doc["items"]["data"])
    ending = doc["cancel_at"] is not None
    state = f"{doc['status']}, ends with the period" if ending else doc["status"]
    button = ""
    if may_cancel and doc["status"] != "canceled":
        action, text = ("keep", "Keep it") if ending else ("cancel", "Cancel it")
        button = (
            f'<form method="post"><input type="hidden" name="subscription" value="{doc["id"]}">'
            f'<button name="action" value="{action}">{text}</button></form>'
        )
    return f"<dl><dt>{escape(items)}</dt><dd>{escape(state)}</dd></dl>{button}"


def _cards(ctx: Context, session: Json) -> str:
    state = cards.state(ctx, session["customer"])
    options = "".join(
        f'<option value="{each}"{" selected" if each == state else ""}>{each.replace("_", " ")}</option>'
        for each in cards.STATES
    )
    return (
        '<form method="post"><label for="card">Your card, when it is charged</label>'
        f'<select id="card" name="card">{options}</select>'
        '<button name="action" value="card">Change it</button></form>'
    )


def _invoices(ctx: Context, session: Json) -> str:
    """What was billed, newest first; drafts are not shown to customers."""
    billed = "json_extract(doc, '$.customer') = ? AND json_extract(doc, '$.status') != 'draft'"
    lines = "".join(
        f'<li><a href="{escape(doc["hosted_invoice_url"])}">{escape(doc["number"])}</a> {escape(doc["status"])}</li>'
        for doc in ctx.tx.select("invoice", billed, (session["customer"],))
    )
    return f"<h2>Invoices</h2><ul>{lines}</ul>" if lines else ""
