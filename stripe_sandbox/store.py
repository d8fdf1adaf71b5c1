"""Everything the sandbox knows, in one SQLite file: it survives a restart, and one lock keeps it whole.

Objects are kept as the JSON the API shows (`body`) beside what only the sandbox may know (`hidden`: a card's
number, a session's lines). One connection, one lock, one transaction at a time: a play bank needs no more.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stripe_sandbox import clock
from stripe_sandbox.errors import Json, no_such
from stripe_sandbox.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ALPHABET = string.ascii_letters + string.digits
CALLS_KEPT = 2_000
TRIES_KEPT = 2_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
  created INTEGER NOT NULL, body TEXT NOT NULL, hidden TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_by_intent ON objects (kind, json_extract(body, '$.payment_intent'));
CREATE INDEX IF NOT EXISTS objects_open_until ON objects (json_extract(body, '$.expires_at'))
  WHERE kind = 'checkout.session' AND json_extract(body, '$.status') = 'open';
CREATE TABLE IF NOT EXISTS idempotency (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, path TEXT NOT NULL, began_at INTEGER NOT NULL,
  request_id TEXT NOT NULL, status INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, state TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0, due_at REAL NOT NULL,
  CHECK (state IN ('waiting', 'delivered', 'given_up', 'dropped')));
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (due_at) WHERE state = 'waiting';
CREATE TABLE IF NOT EXISTS tries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, type TEXT NOT NULL, at REAL NOT NULL,
  status INTEGER NOT NULL, failure TEXT);
CREATE TABLE IF NOT EXISTS calls (seq INTEGER PRIMARY KEY AUTOINCREMENT, call TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS switches (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
TABLES = ("objects", "idempotency", "deliveries", "tries", "calls", "counters", "switches")


@dataclass(frozen=True)
class Origin:
    """Which API request an effect came from; both None for what the payer or the bank did."""

    request_id: str | None = None
    idempotency_key: str | None = None


NOBODY = Origin()


def new_id(prefix: str, length: int = 24) -> str:
    """A fresh id such as `re_3Kd...`."""
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(length))


class Store:
    """The sandbox's memory. Every public method may be called from any thread."""

    def __init__(
        self, path: Path | str, *, base_url: str, webhook_url: str = "", witness: Witness | None = None
    ) -> None:
        self.base_url = base_url
        self.witness = witness or Witness()
        self._webhook_url = webhook_url
        self.origin = NOBODY
        self.emitted: list[str] = []  # event ids of the transaction under way
        self.stirred = threading.Event()  # set when the background thread has something to look at
        self._lock = threading.RLock()
        self._depth = 0
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SCHEMA)
        # A key whose request died with the last run wrote nothing else: it shares the verb's transaction.
        self._connection.execute("DELETE FROM idempotency WHERE status IS NULL")

    def close(self) -> None:
        """Close the file; the store is of no use afterwards."""
        with self._lock:
            self._connection.close()

    # transactions

    @contextmanager
    def transaction(self, origin: Origin = NOBODY) -> Iterator[None]:
        """All or nothing, and alone. Inside another one it joins that one."""
        with self._lock:
            if self._depth:
                yield
                return
            self._depth, self.origin, self.emitted = 1, origin, []
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            else:
                self._connection.execute("COMMIT")
                if self.emitted:
                    self.stirred.set()
            finally:
                self._depth, self.origin = 0, NOBODY

    @contextmanager
    def undoable(self) -> Iterator[None]:
        """A part of a transaction that is undone alone when it raises."""
        assert self._depth, "a savepoint lives inside a transaction"
        self._connection.execute("SAVEPOINT part")
        emitted = len(self.emitted)
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO part")
            self._connection.execute("RELEASE part")
            del self.emitted[emitted:]
            raise
        self._connection.execute("RELEASE part")

    def rows(self, sql: str, parameters: tuple[object, ...] = ()) -> list[sqlite3.Row]:
        """Every row of a query, or of nothing for a statement."""
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    def changed(self, sql: str, parameters: tuple[object, ...] = ()) -> int:
        """How many rows a statement touched."""
        with self._lock:
            return self._connection.execute(sql, parameters).rowcount

    # objects

    def add(self, body: Json, hidden: Mapping[str, object] | None = None) -> Json:
        """Keep a new object; its `object` field is its kind."""
        self.changed(
            "INSERT INTO objects (id, kind, created, body, hidden) VALUES (?, ?, ?, ?, ?)",
            (body["id"], body["object"], body["created"], json.dumps(body), json.dumps(dict(hidden or {}))),
        )
        return body

    def save(self, body: Json) -> Json:
        """Keep the new state of an object."""
        touched = self.changed("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(body), body["id"]))
        assert touched == 1, f"{body['id']} is kept"
        return body

    def find(self, kind: str, object_id: str) -> Json | None:
        """A fresh copy of an object, or None."""
        found = self.rows("SELECT body FROM objects WHERE id = ? AND kind = ?", (object_id, kind))
        return _json(found[0]["body"]) if found else None

    def get(self, kind: str, object_id: str) -> Json:
        """A fresh copy of an object that is known to be there."""
        found = self.find(kind, object_id)
        assert found is not None, f"no {kind} {object_id}"
        return found

    def asked(self, kind: str, object_id: str, *, param: str, in_path: bool = False) -> Json:
        """A fresh copy of the object a request names. Raises Stripe's resource_missing."""
        found = self.find(kind, object_id)
        if found is None:
            raise no_such(kind, object_id, param=param, in_path=in_path)
        return found

    def anything(self, object_id: str) -> Json | None:
        """A fresh copy of whatever bears an id, or None."""
        found = self.rows("SELECT body FROM objects WHERE id = ?", (object_id,))
        return _json(found[0]["body"]) if found else None

    def where(self, kind: str, **equal: object) -> list[Json]:
        """Objects of a kind whose top-level fields have these values, newest first."""
        sql = "SELECT body FROM objects WHERE kind = ?"
        parameters: list[object] = [kind]
        for field, value in equal.items():
            assert field.isidentifier(), "a field's name is part of the statement"
            sql += f" AND json_extract(body, '$.{field}') = ?"
            parameters.append(value)
        found = self.rows(f"{sql} ORDER BY seq DESC", tuple(parameters))
        return [_json(row["body"]) for row in found]

    def hidden(self, object_id: str) -> Json:
        """What the API never shows of an object."""
        found = self.rows("SELECT hidden FROM objects WHERE id = ?", (object_id,))
        assert found, f"{object_id} is kept"
        return _json(found[0]["hidden"])

    def hide(self, object_id: str, **facts: object) -> None:
        """Add to what the API never shows."""
        kept = self.hidden(object_id) | facts
        self.changed("UPDATE objects SET hidden = ? WHERE id = ?", (json.dumps(kept), object_id))

    # small things

    def now(self) -> int:
        """The sandbox's time in seconds, with the offset the tests may have set."""
        offset = self.switch("clock_offset_seconds", 0)
        return clock.now(int(offset))

    @property
    def webhook_url(self) -> str:
        """Where events are sent; empty for nowhere. The control plane may point it elsewhere."""
        return str(self.switch("webhook_url", self._webhook_url))

    def switch(self, name: str, default: Any) -> Any:  # noqa: ANN401 - a switch is any JSON value
        """A setting of the control plane."""
        found = self.rows("SELECT value FROM switches WHERE name = ?", (name,))
        return json.loads(found[0]["value"]) if found else default

    def turn(self, name: str, value: object) -> None:
        """Set a switch of the control plane."""
        self.changed("INSERT OR REPLACE INTO switches (name, value) VALUES (?, ?)", (name, json.dumps(value)))

    def count(self, name: str) -> None:
        """One more of something."""
        self.changed("INSERT INTO counters (name, n) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET n = n + 1", (name,))

    def counts(self) -> dict[str, int]:
        """How often each thing was counted."""
        return {row["name"]: row["n"] for row in self.rows("SELECT name, n FROM counters ORDER BY name")}

    def log_call(self, call: Json) -> None:
        """Remember an API call, the newest CALLS_KEPT of them."""
        self.changed("INSERT INTO calls (call) VALUES (?)", (json.dumps(call, default=str),))
        self.changed("DELETE FROM calls WHERE seq <= (SELECT max(seq) FROM calls) - ?", (CALLS_KEPT,))

    def log_try(self, event: Json, status: int, failure: str | None) -> None:
        """Remember one try to deliver an event, the newest TRIES_KEPT of them."""
        with self.transaction():
            self.changed(
                "INSERT INTO tries (event_id, type, at, status, failure) VALUES (?, ?, ?, ?, ?)",
                (event["id"], event["type"], clock.real_now(), status, failure),
            )
            self.changed("DELETE FROM tries WHERE seq <= (SELECT max(seq) FROM tries) - ?", (TRIES_KEPT,))

    def forget_everything(self) -> None:
        """Back to the first day, switches included."""
        with self.transaction():
            for table in TABLES:
                self.changed(f"DELETE FROM {table}")  # noqa: S608 - the names are the constants above


def _json(text: str) -> Json:
    found = json.loads(text)
    assert isinstance(found, dict), "an object is a JSON object"
    return found
