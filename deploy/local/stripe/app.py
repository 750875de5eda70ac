"""The whole stand-in as one WSGI application: API, pages, control routes, health."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from deploy.local.stripe.api import Api
from deploy.local.stripe.checkout_page import CheckoutPage
from deploy.local.stripe.control import Control
from deploy.local.stripe.invoice_page import InvoicePage
from deploy.local.stripe.payment_control import PaymentControl
from deploy.local.stripe.portal_page import PortalPage
from deploy.local.stripe.store import Store
from deploy.local.stripe.time_control import TimeControl
from deploy.local.stripe.timekeeper import Timekeeper

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def build(store: Store, timekeeper: Timekeeper, *, api_key: str | None, base_url: str) -> Wsgi:
    """The application; `base_url` is where its own pages are reached."""
    api = Api(store, api_key, base_url)
    checkout = CheckoutPage(store, base_url)
    portal = PortalPage(store, base_url)
    invoice = InvoicePage(store, base_url)
    control = Control(store)
    payment_control = PaymentControl(store, base_url)
    time_control = TimeControl(store, timekeeper)
    routes = Map(
        [
            Rule("/", endpoint=_front, methods=["GET"]),
            Rule("/health", endpoint=_health, methods=["GET"]),
            Rule("/c/pay/<session_id>", endpoint=checkout.answer, methods=["GET", "POST"]),
            Rule("/p/session/<session_id>", endpoint=portal.answer, methods=["GET", "POST"]),
            Rule("/i/<invoice_id>", endpoint=invoice.answer, methods=["GET", "POST"]),
            Rule("/3ds/<intent_id>", endpoint=invoice.authenticate, methods=["GET"]),
            *control.rules(),
            *time_control.rules(),
            *payment_control.rules(),
        ]
    )

    @Request.application
    def application(request: Request) -> Response:
        if request.path.startswith("/v1/"):
            return api.answer(request)
        try:
            handler, ids = routes.bind("").match(request.path, request.method)
        except NotFound:
            return Response("Not found", 404, content_type="text/plain")
        except HTTPException as error:
            return Response(error.description, error.code or 400, content_type="text/plain")
        answer: Response = handler(request, **ids)
        return answer

    return application


def _front(request: Request) -> Response:
    text = (
        "This is the local stand-in for Stripe, not Stripe.\n\n"
        "The API is at /v1, as at api.stripe.com. Checkout pages are opened through it: ./dev demo opens one.\n"
        "What was delivered to the webhook: /_local/deliveries\n"
    )
    return Response(text, content_type="text/plain; charset=utf-8")


def _health(request: Request) -> Response:
    return Response(json.dumps({"status": "ok"}), content_type="application/json")
