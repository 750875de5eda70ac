"""The /v1 API over HTTP: gate, route, parameters, idempotency, then one operation in one transaction."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from deploy.local.stripe import clock, faults, gate, idempotency, moments, switches
from deploy.local.stripe.context import API_VERSION, Context, Operation
from deploy.local.stripe.errors import ApiError, CardDeclined, internal, unrecognized_url
from deploy.local.stripe.expand import expand
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.objects import OPERATIONS
from deploy.local.stripe.params import Hash
from deploy.local.stripe.store import Json, Store, Transaction

log = logging.getLogger(__name__)

Answer = tuple[str, int, dict[str, str]]


@dataclass(frozen=True)
class Call:
    """One checked request, ready to run."""

    operation: Operation
    ids: dict[str, Any]
    params: Json
    request_id: str
    key: str | None
    fingerprint: str


class Api:
    """Answers every request under /v1."""

    def __init__(self, store: Store, api_key: str | None, base_url: str) -> None:
        self._store = store
        self._api_key = api_key
        self._base_url = base_url
        self._in_flight = idempotency.KeysInFlight()
        self._routes = Map([Rule(op.path, endpoint=op, methods=[op.method]) for op in OPERATIONS], strict_slashes=False)

    def answer(self, request: Request) -> Response:
        """The response to one request, errors included; never raises."""
        request_id = new_id("req")
        try:
            body, status, headers = self._answer(request, request_id)
        except ApiError as refusal:
            body, status, headers = _dump(refusal.body()), refusal.status, {}
        except Exception:  # whatever breaks here must reach the caller as Stripe's api_error, and our log
            log.exception("%s %s failed", request.method, request.path)
            body, status, headers = _dump(internal().body()), 500, {}
        response = Response(body, status, content_type="application/json", headers=headers)
        response.headers["Request-Id"] = request_id
        response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
        if key := request.headers.get("Idempotency-Key"):
            response.headers["Idempotency-Key"] = key
        return response

    def _answer(self, request: Request, request_id: str) -> Answer:
        gate.authenticate(request, self._api_key)
        gate.check_version(request)
        operation, ids = self._route(request)
        with self._store.transaction() as tx:
            fault = faults.meet(tx, request.method, request.path)
        if fault is not None and not fault.commit:
            raise fault.strike()
        answer = self._carry_out(request, request_id, operation, ids)
        if fault is not None:
            raise fault.strike()
        return answer

    def _carry_out(self, request: Request, request_id: str, operation: Operation, ids: dict[str, Any]) -> Answer:
        raw = gate.read_params(request)
        params = Hash(operation.params, operation.required).read(raw, "")
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        mark = idempotency.fingerprint(request.method, request.path, raw)
        call = Call(operation, ids, params, request_id, key, mark)
        if not key:
            self._delay()
            with self._store.transaction() as tx:
                return (*self._run(tx, call), {})
        idempotency.check_key(key)
        with self._in_flight.hold(key):
            self._delay()
            return self._run_once(call, key)

    def _delay(self) -> None:
        """Be as slow as a test asked for, without holding up the others."""
        with self._store.transaction() as tx:
            milliseconds = switches.read(tx)["api_delay_ms"]
        if milliseconds:
            time.sleep(milliseconds / 1000)

    def _route(self, request: Request) -> tuple[Operation, dict[str, Any]]:
        try:
            operation, ids = self._routes.bind("").match(request.path, request.method)
        except HTTPException as error:
            raise unrecognized_url(request.method, request.path) from error
        return operation, dict(ids)

    def _run(self, tx: Transaction, call: Call) -> tuple[str, int]:
        moment = moments.of_call(tx, call.operation.path, call.ids, call.params)
        ctx = Context(tx, moment, self._base_url, call.request_id, call.key)
        try:
            doc = call.operation.handler(ctx, call.params, **call.ids)
        except CardDeclined as refusal:
            # Caught inside the transaction: a declined payment was attempted, and its traces are kept.
            return _dump(refusal.body()), refusal.status
        return _dump(expand(ctx, doc, call.params.get("expand", ()))), 200

    def _run_once(self, call: Call, key: str) -> Answer:
        """The saved answer of the key, or a first one: its effects and the saved answer commit together."""
        with self._store.transaction() as tx:
            now = clock.now(tx)
            if saved := idempotency.recall(tx, key, call.fingerprint, now):
                return saved.body, saved.status, {"Idempotent-Replayed": "true", "Original-Request": saved.request_id}
        try:
            with self._store.transaction() as tx:
                body, status = self._run(tx, call)
                idempotency.save(tx, key, call.fingerprint, status, body, call.request_id, now)
        except Exception as error:  # an error is an answer too, kept like Stripe keeps it, after its effects are undone
            refusal = error if isinstance(error, ApiError) else internal()
            if refusal is not error:
                log.exception("%s failed", call.operation.path)
            body, status = _dump(refusal.body()), refusal.status
            with self._store.transaction() as tx:
                idempotency.save(tx, key, call.fingerprint, status, body, call.request_id, now)
        return body, status, {}


def _dump(doc: Json) -> str:
    return json.dumps(doc, indent=2)
