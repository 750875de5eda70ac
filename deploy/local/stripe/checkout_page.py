"""The hosted Checkout page: a form for a person, and `action=pay|decline|leave` for a program at the same address."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from werkzeug.wrappers import Request, Response

from deploy.local.stripe import clock, moments
from deploy.local.stripe.context import Context
from deploy.local.stripe.errors import ApiError
from deploy.local.stripe.objects import checkout_sessions
from deploy.local.stripe.pages import render
from deploy.local.stripe.params import Email
from deploy.local.stripe.store import Json, Store

DECLINED = "Your card was declined. Nothing was charged; try again or leave."
PAYING = ("pay", "pay_later", "3ds_complete")
# How the card behaves when it is charged again, for the next period.
CARDS = ("good", "declined", "requires_action")
GONE = {"complete": "This payment is already complete.", "expired": "This Checkout session has expired."}


class CheckoutPage:
    """Serves `/c/pay/<session>`. It may create a subscription, so each POST is one transaction."""

    def __init__(self, store: Store, base_url: str) -> None:
        self._store = store
        self._base_url = base_url

    def answer(self, request: Request, session_id: str) -> Response:
        """GET shows the form. POST pays, now or later (303 to success), leaves or declines (303 to cancel).

        Someone who prefers HTML and is declined sees the form again with 402 instead, as on the real page; a session
        that is complete or expired answers GET with 410 and POST with 409, and nothing happens.
        """
        with self._store.transaction() as tx:
            ctx = Context(tx, clock.now(tx), self._base_url)
            session = tx.find(session_id, "checkout.session")
            if session is None:
                return render("message", 404, title="Not found", message="There is no such Checkout session.")
            if session["status"] == "open" and session["expires_at"] <= ctx.now:
                session = checkout_sessions.close(ctx, session)
            if session["status"] != "open":
                status = 409 if request.method == "POST" else 410
                return render("message", status, title="Checkout", message=GONE[session["status"]])
            if request.method == "POST":
                return self._act(ctx, request, session)
            return _form(ctx, session)

    def _act(self, ctx: Context, request: Request, session: Json) -> Response:
        action = request.form.get("action")
        cancel_url = session["cancel_url"] or f"{self._base_url}/c/pay/{session['id']}"
        if action == "leave":
            return _see(cancel_url)
        if action in ("decline", "3ds_fail"):
            return _form(ctx, session, DECLINED, 402) if _prefers_html(request) else _see(cancel_url)
        if action == "3ds":
            return _bank(ctx, session, request.form.get("email", ""))
        card = request.form.get("card", "good")
        if action not in PAYING or card not in CARDS:
            return _form(ctx, session, f"Choose one of: {', '.join(PAYING)}, 3ds, 3ds_fail, decline, leave.", 400)
        email = request.form.get("email", "")
        if session["customer"] is None and session["customer_email"] is None:
            try:
                Email().read(email, "email")
            except ApiError as refusal:
                return _form(ctx, session, refusal.message, 400)
        # The session goes by the stand-in's time, what is begun with it by the customer's.
        ctx = replace(ctx, now=moments.of_customer(ctx.tx, session["customer"]))
        checkout_sessions.complete(ctx, session, email, card, later=action == "pay_later")
        return _see(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]))


def _see(url: str) -> Response:
    return Response(status=303, headers={"Location": url})


def _prefers_html(request: Request) -> bool:
    """Whether HTML is named explicitly: a program's `*/*` is no preference."""
    return "text/html" in request.headers.get("Accept", "")


def _bank(ctx: Context, session: Json, email: str) -> Response:
    """The page of a bank that wants to see the holder of the card."""
    known = (session["customer_details"] or {}).get("email")
    return render("bank", title="Your bank", due=f"${session['amount_total'] / 100:.2f}", email=known or email)


def _form(ctx: Context, session: Json, error: str = "", status: int = 200) -> Response:
    hidden = ctx.tx.hidden(session["id"])
    lines = "".join(_line(line) for line in hidden["line_items"]["data"])
    days = hidden["subscription_data"].get("trial_period_days")
    email = (session["customer_details"] or {}).get("email") or ""
    trial = f'<p class="trial">{days} days free, then the price above. Cancel any time before.</p>' if days else ""
    return render(
        "checkout",
        status,
        title="Subscribe",
        raw={
            "lines": lines,
            "trial": trial,
            "error": f'<p class="error" role="alert">{escape(error)}</p>' if error else "",
            "readonly": "readonly" if email else "",
        },
        due=f"${session['amount_total'] / 100:.2f}",
        email=email,
        pay="Start trial" if days else "Pay and subscribe",
    )


def _line(line: Json) -> str:
    price = line["price"]
    cost = f"${price['unit_amount'] / 100:.2f} per {price['recurring']['interval']}"
    times = f" × {line['quantity']}" if line["quantity"] != 1 else ""
    return f"<dt>{escape(line['description'])}{times}</dt><dd>{escape(cost)}</dd>"
