"""What an operation is given: the transaction, the moment, who asked; and what it may do: create, change, emit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.local.stripe import owing, switches
from deploy.local.stripe.errors import no_such
from deploy.local.stripe.ids import new_id
from deploy.local.stripe.params import Type
from deploy.local.stripe.store import Json, Transaction

API_VERSION = "2026-10-28.endive"


@dataclass(frozen=True)
class Context:
    """One request (or one step of the timekeeper): all its changes and events commit together or not at all."""

    tx: Transaction
    now: int
    base_url: str
    request_id: str | None = None
    idempotency_key: str | None = None

    def get(self, kind: str, object_id: str, *, param: str = "id", in_path: bool = False) -> Json:
        """The object, or `resource_missing` (404 when the id stood in the path, else 400)."""
        doc = self.tx.find(object_id, kind)
        if doc is None or doc.get("deleted"):
            raise no_such(kind.replace("checkout.", "checkout "), object_id, param=param, in_path=in_path)
        return doc

    def create(self, doc: Json, *, hidden: Json | None = None, event: str | None = None) -> Json:
        """Store a new object and tell the world, when `event` names how."""
        self.tx.insert(doc, hidden)
        if event is not None:
            self.emit(event, doc)
        return doc

    def change(self, doc: Json, changes: Json, *, event: str | None = None) -> Json:
        """Store `doc` with `changes`; the event carries what the changed fields held before. No change, no event."""
        previous = _previous(doc, changes)
        if not previous:
            return doc
        updated = {**doc, **changes}
        self.tx.update(updated)
        if event is not None:
            self.emit(event, updated, previous if event.endswith(".updated") else None)
        return updated

    def emit(self, event_type: str, snapshot: Json, previous: Json | None = None) -> None:
        """Record an event with the object as it is now, and owe it to each endpoint that subscribes to its type."""
        switched = switches.read(self.tx)
        endpoints = [
            endpoint["id"]
            for endpoint in self.tx.select("webhook_endpoint", "json_extract(doc, '$.status') = 'enabled'")
            if event_type in endpoint["enabled_events"] or "*" in endpoint["enabled_events"]
        ]
        data: Json = {"object": snapshot}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Json = {
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": switched["livemode"],
            "pending_webhooks": len(endpoints),
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": event_type,
        }
        for _ in range(2 if switched["twin"] else 1):
            twin = {"id": new_id("evt"), **event}
            self.tx.insert(twin)
            for endpoint in endpoints * (2 if switched["duplicate"] else 1):
                owing.add(self.tx, twin, endpoint, switched)


def _previous(doc: Json, changes: Json) -> Json:
    """The old values of what differs; inside hashes only the keys that differ, as Stripe reports them."""
    previous: Json = {}
    for key, value in changes.items():
        old = doc.get(key)
        if old == value:
            continue
        if isinstance(old, dict) and isinstance(value, dict) and "data" not in old:
            previous[key] = {k: old.get(k) for k in old.keys() | value.keys() if old.get(k) != value.get(k)}
        else:
            previous[key] = old
    return previous


Handler = Callable[..., Json]


@dataclass(frozen=True, eq=False)
class Operation:
    """One route of the API: its handler takes the context, the checked parameters and the ids of the path."""

    method: str
    path: str
    handler: Handler
    params: Mapping[str, Type] = field(default_factory=dict)
    required: tuple[str, ...] = ()


def merge_metadata(current: Mapping[str, str] | None, given: Mapping[str, Any] | None) -> dict[str, str]:
    """Metadata after an update: given keys win, a key given as None goes, and None for all clears everything."""
    if given is None:
        return {}
    merged = {**(current or {}), **given}
    return {key: value for key, value in merged.items() if value is not None}
