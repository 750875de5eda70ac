"""The hosted pages of an invoice and of a bank that wants to see the holder of a card: 3-D Secure."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from deploy.local.stripe import moments
from deploy.local.stripe.context import Context
from deploy.local.stripe.objects import cards, dunning, payment_methods
from deploy.local.stripe.pages import render
from deploy.local.stripe.store import Json, Store

PAYABLE = ("open", "uncollectible")


class InvoicePage:
    """Serves `/i/<invoice>`, where what is owed can be paid, and `/3ds/<intent>`, which leads there."""

    def __init__(self, store: Store, base_url: str) -> None:
        self._store = store
        self._base_url = base_url

    def answer(self, request: Request, invoice_id: str) -> Response:
        """GET shows it. POST `action=pay` pays it in person, `decline` is a card that is refused; then 303 back."""
        with self._store.transaction() as tx:
            invoice = tx.find(invoice_id, "invoice")
            if invoice is None or invoice["status"] == "draft":
                return render("message", 404, title="Not found", message="There is no such invoice.")
            if request.method == "GET":
                return _show(invoice)
            if invoice["status"] not in PAYABLE:
                return _show(invoice, 409)
            ctx = Context(tx, moments.of_customer(tx, invoice["customer"]), self._base_url)
            action = request.form.get("action")
            if action not in ("pay", "decline"):
                return _show(invoice, 400)
            method = _card_at_hand(ctx, invoice, "good" if action == "pay" else "declined")
            dunning.try_now(ctx, invoice, method, holder_is_there=True)
            return Response(status=303, headers={"Location": f"{self._base_url}/i/{invoice_id}"})

    def authenticate(self, request: Request, intent_id: str) -> Response:
        """Where the bank asks for the holder; the intent of an invoice is paid on the invoice's page."""
        with self._store.transaction() as tx:
            payments = tx.select("invoice_payment", "json_extract(doc, '$.payment.payment_intent') = ?", (intent_id,))
        if not payments:
            return render("message", 404, title="Not found", message="There is no such payment.")
        return Response(status=303, headers={"Location": f"{self._base_url}/i/{payments[0]['invoice']}"})


def _card_at_hand(ctx: Context, invoice: Json, wanted: str) -> Json:
    """The customer's own card when it will do (a bank that asks is answered), else another one."""
    subscription = dunning.subscription_of(ctx, invoice)
    own = cards.in_use(ctx, invoice["customer"], subscription)
    will_do = (wanted, "requires_action") if wanted == "good" else (wanted,)
    if own and payment_methods.behaviour(ctx, own["id"]) in will_do:
        return own
    method = payment_methods.new(ctx, wanted)
    if wanted == "good":
        method = payment_methods.put_with(ctx, method, invoice["customer"])
        cards.make_default(ctx, invoice["customer"], method)
        if subscription:
            ctx.change(subscription, {"default_payment_method": method["id"]}, event="customer.subscription.updated")
    return method


def _show(invoice: Json, status: int = 200) -> Response:
    owed = f"${invoice['amount_remaining'] / 100:.2f} of ${invoice['total'] / 100:.2f} due"
    buttons = (
        '<form method="post"><button class="primary" name="action" value="pay">Pay</button>'
        '<button name="action" value="decline">Pay with a card that is declined</button></form>'
    )
    return render(
        "invoice",
        status,
        title=f"Invoice {invoice['number']}",
        message=f"{owed}, {invoice['status']}.",
        raw={"buttons": buttons if invoice["status"] in PAYABLE else ""},
    )
