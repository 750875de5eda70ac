"""The stand-in's memory: one SQLite file, one JSON document per object, every request one transaction."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
    doc TEXT NOT NULL, hidden TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_by_customer ON objects (kind, json_extract(doc, '$.customer'));
CREATE INDEX IF NOT EXISTS objects_by_status ON objects (kind, json_extract(doc, '$.status'));
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    request_id TEXT NOT NULL, created INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL, status TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL, last_status INTEGER, last_error TEXT);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (status, next_at);
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Transaction:
    """What may be read and written inside one atomic step; obtained from `Store.transaction()`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.sql = connection

    def insert(self, doc: Json, hidden: Json | None = None) -> None:
        """Add a new object; `hidden` is what belongs to it but is not part of the API's shape."""
        # Invoice items call the moment of their creation `date`; all else says `created`.
        self.sql.execute(
            "INSERT INTO objects (id, kind, created, doc, hidden) VALUES (?, ?, ?, ?, ?)",
            (doc["id"], doc["object"], doc.get("created") or doc["date"], json.dumps(doc), json.dumps(hidden or {})),
        )

    def update(self, doc: Json) -> None:
        """Replace the document of an existing object."""
        self.sql.execute("UPDATE objects SET doc = ? WHERE id = ?", (json.dumps(doc), doc["id"]))

    def set_hidden(self, object_id: str, hidden: Json) -> None:
        """Replace what is kept beside an object."""
        self.sql.execute("UPDATE objects SET hidden = ? WHERE id = ?", (json.dumps(hidden), object_id))

    def find(self, object_id: str, kind: str | None = None) -> Json | None:
        """The document with this id, or None; with `kind`, only when it is of that kind."""
        row = self.sql.execute("SELECT kind, doc FROM objects WHERE id = ?", (object_id,)).fetchone()
        if row is None or (kind is not None and row["kind"] != kind):
            return None
        return _json(row["doc"])

    def hidden(self, object_id: str) -> Json:
        """What is kept beside an object that exists."""
        row = self.sql.execute("SELECT hidden FROM objects WHERE id = ?", (object_id,)).fetchone()
        return _json(row["hidden"])

    def seq(self, object_id: str, kind: str) -> int | None:
        """The place of an object in the order of creation, or None."""
        row = self.sql.execute("SELECT seq FROM objects WHERE id = ? AND kind = ?", (object_id, kind)).fetchone()
        return None if row is None else int(row["seq"])

    def select(self, kind: str, where: str = "", values: tuple[Any, ...] = (), tail: str = "") -> list[Json]:
        """Documents of one kind; `where` and `tail` are SQL written by us, all values are bound."""
        clause = f" AND {where}" if where else ""
        rows = self.sql.execute(
            f"SELECT doc FROM objects WHERE kind = ?{clause} {tail or 'ORDER BY seq DESC'}",  # noqa: S608
            (kind, *values),
        )
        return [_json(row["doc"]) for row in rows]


class Store:
    """Owns the SQLite file. Safe for threads: one transaction at a time, which is plenty for one machine's stack."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(folder / "stripe.sqlite3", check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        # WAL with NORMAL loses nothing when the process is killed (only a power cut may cost the last commits).
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One atomic step: committed when the block ends, rolled back when it raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def move_to(self, base_url: str) -> None:
        """Carry every link handed out earlier (pages of open sessions, invoices) along to this run's address."""
        with self.transaction() as tx:
            row = tx.sql.execute("SELECT value FROM meta WHERE name = 'base_url'").fetchone()
            if row is not None and row["value"] != base_url:
                tx.sql.execute("UPDATE objects SET doc = replace(doc, ?, ?)", (row["value"] + "/", base_url + "/"))
            tx.sql.execute("INSERT OR REPLACE INTO meta VALUES ('base_url', ?)", (base_url,))


def _json(text: str) -> Json:
    loaded: Json = json.loads(text)
    return loaded
