"""The stand-in's own routes under /_local: see what was delivered, hold deliveries back, send an event again."""

from __future__ import annotations

import json
import time
from typing import Any

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from deploy.local.stripe import switches
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


def _json(doc: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(doc), status, content_type="application/json")
