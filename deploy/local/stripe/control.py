"""The stand-in's own routes under /_local: see what was delivered, hold deliveries back, send an event again."""

from __future__ import annotations

import json
import time
from typing import Any

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from deploy.local.stripe import faults, older_shapes, switches, webhook_endpoints
from deploy.local.stripe.store import Store


class Control:
    """Routes that Stripe does not have; they need no key, for they are reachable from this machine only."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def rules(self) -> list[Rule]:
        """The routes, ready for the application's map."""
        return [
            Rule("/_local/deliveries", endpoint=self.list_deliveries, methods=["GET"]),
            Rule("/_local/events", endpoint=self.list_events, methods=["GET"]),
            Rule("/_local/events/<event_id>/redeliver", endpoint=self.redeliver, methods=["POST"]),
            Rule("/_local/endpoint", endpoint=self.set_version, methods=["POST"]),
            Rule("/_local/faults", endpoint=self.list_faults, methods=["GET"]),
            Rule("/_local/faults", endpoint=self.order_fault, methods=["POST"]),
            Rule("/_local/faults", endpoint=self.clear_faults, methods=["DELETE"]),
            Rule("/_local/switches", endpoint=self.show_switches, methods=["GET"]),
            Rule("/_local/switches", endpoint=self.set_switches, methods=["POST"]),
        ]

    def list_deliveries(self, request: Request) -> Response:
        """Every delivery in order of its event, optionally `?status=pending|delivered|failed`."""
        wanted = request.args.get("status")
        with self._store.transaction() as tx:
            rows = tx.sql.execute(
                "SELECT deliveries.*, json_extract(doc, '$.type') AS type FROM deliveries "
                "JOIN objects ON objects.id = event WHERE ? IS NULL OR deliveries.status = ? ORDER BY deliveries.seq",
                (wanted, wanted),
            ).fetchall()
        return _json({"deliveries": [dict(row) for row in rows]})

    def list_events(self, request: Request) -> Response:
        """Every event there ever was, oldest first, also those that the API lists no more; `?after=evt_…` goes on."""
        with self._store.transaction() as tx:
            begin = tx.seq(request.args.get("after", ""), "event") or 0
            return _json({"events": tx.select("event", "seq > ?", (begin,), "ORDER BY seq")})

    def redeliver(self, request: Request, event_id: str) -> Response:
        """Send an event once more to the endpoints it was meant for, taken or not: what a duplicate looks like."""
        with self._store.transaction() as tx:
            if tx.find(event_id, "event") is None:
                return _json({"error": f"No such event: {event_id}"}, 404)
            added = tx.sql.execute(
                "INSERT INTO deliveries (event, endpoint, status, next_at) "
                "SELECT DISTINCT event, endpoint, 'pending', ? FROM deliveries WHERE event = ?",
                (time.time(), event_id),
            ).rowcount
        return _json({"queued": added})

    def show_switches(self, request: Request) -> Response:
        """How deliveries are disturbed now."""
        with self._store.transaction() as tx:
            return _json(switches.read(tx))

    def set_switches(self, request: Request) -> Response:
        """Change switches, given as JSON, for example `{"paused": true}`."""
        with self._store.transaction() as tx:
            now = switches.write(tx, request.get_json(silent=True))
        return _json({"error": f"Send some of {switches.OFF} as JSON."}, 400) if now is None else _json(now)

    def set_version(self, request: Request) -> Response:
        """Speak an older version to the webhook endpoint from now on: `{"api_version": "2025-03-31.basil"}`."""
        version = (request.get_json(silent=True) or {}).get("api_version")
        if version not in older_shapes.VERSIONS:
            return _json({"error": f"Send api_version, one of {older_shapes.VERSIONS}, as JSON."}, 400)
        with self._store.transaction() as tx:
            webhook_endpoints.speak(tx, version)
        return _json({"api_version": version})

    def list_faults(self, request: Request) -> Response:
        """What the next API calls will meet."""
        with self._store.transaction() as tx:
            return _json({"faults": faults.ordered(tx)})

    def order_fault(self, request: Request) -> Response:
        """One more fault, for example `{"answer": 429, "path": "/v1/customers*", "times": 3}`."""
        with self._store.transaction() as tx:
            fault = faults.order(tx, request.get_json(silent=True))
        if fault is None:
            return _json({"error": f"Send some of {faults.BLANK} as JSON; answer: one of {faults.ANSWERS}."}, 400)
        return _json(fault)

    def clear_faults(self, request: Request) -> Response:
        """No more faults."""
        with self._store.transaction() as tx:
            faults.clear(tx)
        return _json({"faults": []})


def _json(doc: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(doc), status, content_type="application/json")
