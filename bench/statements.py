"""Counts that no machine can blur: statements, their plans, the steps of SQLite and the rows they wrote.

BEGIN, COMMIT and what a trigger does inside a statement are not counted as statements; steps contain them all.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from billing.db import database, is_sqlite
from billing.tables import ALL

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

FIXED = frozenset({"seller", "counter", "ledger_account", "audit_head"})  # a row, or a handful for good
GROWING = frozenset(table._meta.table_name for table in ALL) - FIXED  # noqa: SLF001 - Peewee's public name for it

_NAMED = re.compile(r'\b(?:FROM|JOIN|UPDATE|INTO)\s+"?(\w+)"?(?:\s+(?:AS\s+)?"?(\w+)"?)?', re.IGNORECASE)
_SCANNED = re.compile(r"\bSCAN (\w+)")
_READ_WHOLE = re.compile(r"\bSeq Scan on (\w+)")
_PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@dataclass
class Ran:
    """The statements of a block, with their values; on SQLite also the virtual machine's steps and rows written."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    steps: int = 0
    rows_written: int = 0

    @property
    def count(self) -> int:
        """How many statements."""
        return len(self.statements)

    def whole_tables_read(self) -> list[str]:
        """Each growing table that one of the statements would read from end to end, by the database's own plan."""
        found = []
        for sql, values in self.statements:
            if sql.lstrip().upper().startswith(_PLANNED):
                found += [f"{table}: {sql}" for table in _scanned(sql, values) if table in GROWING]
        return found


@contextmanager
def counted(*, steps: bool = False) -> Iterator[Ran]:
    """Count what this thread's database runs inside. Counting single steps makes SQLite slow."""
    ran = Ran()

    def note(event: Any) -> None:  # noqa: ANN401 - Peewee's QueryEvent
        ran.statements.append((event.sql, event.params))

    def step() -> int:
        ran.steps += 1
        return 0

    real = database.obj
    connection = real.connection() if is_sqlite() else None
    before = connection.total_changes if connection is not None else 0
    if connection is not None and steps:
        connection.set_progress_handler(step, 1)
    real.query_hooks.append(note)
    try:
        yield ran
    finally:
        real.query_hooks.remove(note)
        if connection is not None:
            connection.set_progress_handler(None, 1)
            ran.rows_written = connection.total_changes - before


@contextmanager
def traced(connection: sqlite3.Connection) -> Iterator[list[str]]:
    """The statements a bare connection runs inside, without BEGIN and COMMIT: how the floor is counted."""
    ran: list[str] = []

    def note(sql: str) -> None:
        if not sql.startswith(("BEGIN", "COMMIT")):
            ran.append(sql)

    connection.set_trace_callback(note)
    try:
        yield ran
    finally:
        connection.set_trace_callback(None)


def _scanned(sql: str, values: Any) -> list[str]:  # noqa: ANN401 - a DB-API parameter sequence
    """The tables that the plan reads whole. PostgreSQL is told to avoid it, so that small tables tell the truth."""
    if is_sqlite():
        if sql.lstrip().upper().startswith("INSERT") and "SELECT" not in sql.upper():
            return []  # the plan names children of a key, which are only looked up while a key is violated
        plan = [str(row[3]) for row in database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()]
        names: dict[str, set[str]] = {}
        for table, alias in _NAMED.findall(sql):
            names.setdefault(alias or table, set()).add(table)
            names.setdefault(table, set()).add(table)
        scanned = [name for line in plan for name in _SCANNED.findall(line)]
        return [table for name in scanned for table in names.get(name, {name})]
    with database.atomic():
        database.execute_sql("SET LOCAL enable_seqscan = off")
        plan = [str(row[0]) for row in database.execute_sql(f"EXPLAIN {sql}", values).fetchall()]
    return [table for line in plan for table in _READ_WHOLE.findall(line)]
