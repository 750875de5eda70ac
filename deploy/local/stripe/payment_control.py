"""Routes under /_local for what banks and card holders do: a card that fails, a payment that is disputed."""

from __future__ import annotations

import json

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from deploy.local.stripe import moments
from deploy.local.stripe.context import Context
from deploy.local.stripe.objects import cards, checkout_sessions, disputes, dunning, invoice_payments, invoices
from deploy.local.stripe.store import Json, Store, Transaction


class PaymentControl:
    """Like `Control`, reachable from this machine only and without a key."""

    def __init__(self, store: Store, base_url: str) -> None:
        self._store = store
        self._base_url = base_url

    def rules(self) -> list[Rule]:
        """The routes, ready for the application's map."""
        return [
            Rule("/_local/customers/<customer>/card", endpoint=self.show_card, methods=["GET"]),
            Rule("/_local/customers/<customer>/card", endpoint=self.set_card, methods=["POST"]),
            Rule("/_local/payments/<payment>/dispute", endpoint=self.dispute, methods=["POST"]),
            Rule("/_local/checkout/<session>/settle", endpoint=self.settle, methods=["POST"]),
            Rule("/_local/disputes/<dispute>", endpoint=self.decide, methods=["POST"]),
        ]

    def _context(self, tx: Transaction, about: str) -> Context:
        """At the moment it is for the customer of this object."""
        doc = tx.find(about) or {}
        return Context(tx, moments.of_customer(tx, doc.get("customer")), self._base_url)

    def show_card(self, request: Request, customer: str) -> Response:
        """What a charge of this customer meets."""
        with self._store.transaction() as tx:
            if tx.find(customer, "customer") is None:
                return _missing("customer", customer)
            ctx = Context(tx, moments.of_customer(tx, customer), self._base_url)
            return _json({"card": cards.state(ctx, customer)})

    def set_card(self, request: Request, customer: str) -> Response:
        """From now on the card is `{"card": "good|declined|requires_action|none"}`.

        With `"retry": true` what is open is charged at once instead of at its next attempt.
        """
        given = request.get_json(silent=True)
        if not isinstance(given, dict) or given.get("card") not in cards.STATES or given.keys() - {"card", "retry"}:
            return _json({"error": f'Send {{"card": one of {cards.STATES}}} as JSON.'}, 400)
        with self._store.transaction() as tx:
            ctx = Context(tx, moments.of_customer(tx, customer), self._base_url)
            if tx.find(customer, "customer") is None:
                return _missing("customer", customer)
            cards.put(ctx, customer, given["card"])
            if given.get("retry") is True:
                for invoice in invoices.open_of(ctx, customer):
                    dunning.try_now(ctx, invoice)
            return _json({"card": given["card"]})

    def dispute(self, request: Request, payment: str) -> Response:
        """Let the bank dispute a payment: a charge, a payment intent or a paid invoice, given by its id.

        `{"reason": "fraudulent", "amount": 500}`, both optional.
        """
        given = request.get_json(silent=True) or {}
        with self._store.transaction() as tx:
            ctx = self._context(tx, payment)
            charge = _charge_of(ctx, payment)
            if charge is None or not charge["paid"] or charge["disputed"]:
                return _json({"error": f"No payment that can be disputed: {payment}"}, 404)
            reason, amount = given.get("reason", "fraudulent"), given.get("amount", charge["amount"])
            if reason not in disputes.REASONS or type(amount) is not int or not 0 < amount <= charge["amount"]:
                return _json({"error": f"reason: one of {disputes.REASONS}; amount: at most the charge's"}, 400)
            return _json(disputes.begin(ctx, charge, reason, amount))

    def settle(self, request: Request, session: str) -> Response:
        """Let the payment of a Checkout that was on its way arrive or not: `{"outcome": "succeeded|failed"}`."""
        outcome = (request.get_json(silent=True) or {}).get("outcome")
        if outcome not in ("succeeded", "failed"):
            return _json({"error": 'Send {"outcome": "succeeded"} or {"outcome": "failed"} as JSON.'}, 400)
        with self._store.transaction() as tx:
            ctx = self._context(tx, session)
            doc = tx.find(session, "checkout.session")
            if doc is None or not checkout_sessions.is_on_its_way(ctx, doc):
                return _missing("session whose payment is on its way", session)
            return _json(checkout_sessions.settle(ctx, doc, outcome))

    def decide(self, request: Request, dispute: str) -> Response:
        """End a dispute as `{"outcome": "won|lost"}`; one that is lost can be won after all."""
        outcome = (request.get_json(silent=True) or {}).get("outcome")
        if outcome not in ("won", "lost"):
            return _json({"error": 'Send {"outcome": "won"} or {"outcome": "lost"} as JSON.'}, 400)
        with self._store.transaction() as tx:
            ctx = self._context(tx, dispute)
            doc = tx.find(dispute, "dispute")
            overturned = doc is not None and (doc["status"], outcome) == ("lost", "won")
            if doc is None or (doc["status"] not in disputes.OPEN and not overturned):
                return _missing("open dispute", dispute)
            return _json(disputes.decide(ctx, doc, outcome))


def _charge_of(ctx: Context, payment: str) -> Json | None:
    """The charge behind an id of it, of its intent or of its invoice."""
    doc = ctx.tx.find(payment)
    if doc and doc["object"] == "invoice":
        paid = [each for each in invoice_payments.of_invoice(ctx, payment) if each["status"] == "paid"]
        doc = ctx.tx.find(paid[0]["payment"]["payment_intent"]) if paid else None
    if doc and doc["object"] == "payment_intent":
        doc = ctx.tx.find(doc["latest_charge"]) if doc["latest_charge"] else None
    return doc if doc and doc["object"] == "charge" else None


def _missing(kind: str, object_id: str) -> Response:
    return _json({"error": f"No such {kind}: {object_id}"}, 404)


def _json(doc: Json, status: int = 200) -> Response:
    return Response(json.dumps(doc), status, content_type="application/json")
