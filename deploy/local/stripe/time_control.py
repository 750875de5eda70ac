"""Routes under /_local that move time and decide how what falls due is collected."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from deploy.local.stripe import billing_settings, clock, moments
from deploy.local.stripe.periods import later
from deploy.local.stripe.store import Json, Store
from deploy.local.stripe.timekeeper import Timekeeper, TimeRefused

USAGE = (
    'Send one of {"advance": seconds}, {"advance": {"months": 1, "days": 2, "hours": 3}}, {"to": unix seconds}, '
    '{"follow": true}, {"stop": true|false} as JSON; "stop": true beside a move lets time stand still at its end; '
    '"customer": "cus_…" beside a move moves only this one, on a clock of its own that stands still.'
)


class TimeControl:
    """Like `Control`, reachable from this machine only and without a key."""

    def __init__(self, store: Store, timekeeper: Timekeeper) -> None:
        self._store = store
        self._timekeeper = timekeeper

    def rules(self) -> list[Rule]:
        """The routes, ready for the application's map."""
        return [
            Rule("/_local/clock", endpoint=self.show_clock, methods=["GET"]),
            Rule("/_local/clock", endpoint=self.set_clock, methods=["POST"]),
            Rule("/_local/billing", endpoint=self.show_billing, methods=["GET"]),
            Rule("/_local/billing", endpoint=self.set_billing, methods=["POST"]),
        ]

    def show_clock(self, request: Request) -> Response:
        """What time it is here."""
        return _json(self._clock())

    def set_clock(self, request: Request) -> Response:
        """Move time forwards, with all that happens on the way; answers when it has arrived."""
        given = request.get_json(silent=True)
        try:
            happened = self._move(given) if isinstance(given, dict) else None
        except TimeRefused as refusal:
            return _json({"error": str(refusal)}, 400)
        except LookupError as missing:
            return _json({"error": f"No such customer: {missing}"}, 404)
        if happened is None or not isinstance(given, dict):
            return _json({"error": USAGE}, 400)
        return _json({**self._clock(given.get("customer")), "events": happened})

    def _move(self, given: Json) -> list[Json] | None:
        """The events that the move caused, None when it makes no sense."""
        if "customer" in given:
            return self._move_customer(given)
        stop = given.get("stop", False)
        what = given.keys() - {"stop"}
        if type(stop) is not bool or len(what) > 1 or not given:
            return None
        with self._store.transaction() as tx:
            begun, at = _last_seq(tx.sql), clock.now(tx)
        if not what:
            self._timekeeper.set(lambda now: now.stopped() if stop else now.running())
        elif given.get("follow") is True:
            self._timekeeper.set(lambda now: clock.Clock().stopped() if stop else clock.Clock())
        else:
            target = _target(given, at)
            if target is None:
                return None
            self._timekeeper.move(target, stop_there=stop)
        return self._since(begun)

    def _move_customer(self, given: Json) -> list[Json] | None:
        """Like `_move` for one customer, whose time stands still wherever it is put."""
        if not isinstance(given["customer"], str) or len(given) != 2:
            return None
        with self._store.transaction() as tx:
            begun, at = _last_seq(tx.sql), moments.of_customer(tx, given["customer"])
        target = _target(given, at)
        if target is None:
            return None
        self._timekeeper.move_customer(given["customer"], target)
        return self._since(begun)

    def _since(self, begun: int) -> list[Json]:
        with self._store.transaction() as tx:
            events = tx.select("event", "seq > ?", (begun,), "ORDER BY seq")
        return [_brief(event) for event in events]

    def _clock(self, customer: str | None = None) -> Json:
        with self._store.transaction() as tx:
            at = clock.read(tx)
            if customer is not None:
                at = clock.Clock(stopped_at=moments.of_customer(tx, customer))
        moment = datetime.fromtimestamp(at.now(), UTC).isoformat()
        return {"now": at.now(), "utc": moment, "stopped": at.stopped_at is not None, "offset": at.offset}

    def show_billing(self, request: Request) -> Response:
        """How failed payments are retried, and how long a renewal stays a draft."""
        with self._store.transaction() as tx:
            return _json(billing_settings.read(tx))

    def set_billing(self, request: Request) -> Response:
        """Change settings, given as JSON, for example `{"retry_days": [1, 2], "after_last_retry": "unpaid"}`."""
        with self._store.transaction() as tx:
            settings = billing_settings.write(tx, request.get_json(silent=True))
        if settings is None:
            return _json({"error": f"Send some of {billing_settings.DEFAULTS} as JSON."}, 400)
        return _json(settings)


def _target(given: Json, at: int) -> int | None:
    """Where to, in seconds."""
    if type(given.get("to")) is int:
        return int(given["to"])
    span: Any = given.get("advance")
    if type(span) is int:
        span = {"seconds": span}
    return later(at, span) if isinstance(span, dict) else None


def _brief(event: Json) -> Json:
    about = event["data"]["object"]
    return {
        **{name: event[name] for name in ("id", "type", "created")},
        "object": about["id"],
        "customer": about["id"] if about["object"] == "customer" else about.get("customer"),
    }


def _last_seq(sql: Any) -> int:
    return int(sql.execute("SELECT max(seq) AS last FROM objects").fetchone()["last"])


def _json(doc: Json, status: int = 200) -> Response:
    return Response(json.dumps(doc), status, content_type="application/json")
