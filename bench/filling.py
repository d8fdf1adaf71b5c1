"""Filling an empty database with books by raw inserts, and proving that they add up.

The schema refuses invoices that begin as issued, so its guards step aside for the load and come back after it, as
do the indexes; then the product's own checks recompute every balance.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg

from bench.books import SELLER, TERMS, Books
from billing import clock, db, links, migrations, seller
from billing.actors import SYSTEM
from billing.check.queries import QUERIES
from billing.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from bench.books import Size

SECRET_KEY = "k7Wq-2vXo9_bench_JtR4mZ8sLp0dHfYc"  # noqa: S105 - opens nothing but the benchmark's own scratch data
BASE_URL = "https://billing.alderfinch.example"
ZONE = "Europe/London"

COLUMNS = {
    "customer": "id name legal_name search_name address country tax_id currency locale terms_days version created_at",
    "contact": "id customer_id name email receives_invoices",
    "users": "id email name role created_at",
    "membership": "id user_id customer_id",
    "customer_balance": "customer_id currency receivable_minor credit_minor",
    "counter": "key value last_on",
    "invoice": (
        "id customer_id status number series series_number position currency issue_on due_on terms_days po subject"
        " notes discount_kind discount_value rounding_rule lines_minor discount_minor net_minor tax_minor total_minor"
        " balance_minor search_text frozen frozen_sha256 version created_at created_by_id issued_at sent_at paid_at"
        " void_reason viewed_at next_due_on"
    ),
    "invoice_line": (
        "invoice_id position description detail quantity unit unit_price discount_kind discount_value tax_category"
        " tax_rate_ppm tax_reason gross_minor discount_minor net_minor"
    ),
    "invoice_tax": "invoice_id position category rate_ppm reason base_minor tax_minor",
    "activity": "invoice_id sequence kind from_status to_status facts customer_sees actor at",
    "attempt": (
        "id customer_id payer payer_name currency minor status nonce session_id url intent_id failure created_at"
        " expires_at"
    ),
    "planned_allocation": "attempt_id invoice_id minor",
    "payment": ("id reference intent_id charge_id attempt_id customer_id currency minor fee_minor method received_at"),
    "allocation": "payment_id invoice_id minor reason ref at",
    "stripe_event": ("id type object_id livemode api_version status attempts error payload created_at received_at"),
    "posting": "id ref kind effective_on posted_at",
    "transfer": ("posting_id debit credit minor currency customer_id invoice_id payment_id effective_on posted_at"),
    "mail": (
        "event key recipient recipient_name context customer_id invoice_id message_id state attempts due_at error"
        " queued_at accepted_at"
    ),
    "link": "id invoice_id contact_id recipient token_hash created_at expires_at",
    "audit_row": "sequence at actor action subject facts request_id previous_hash hash",
    "audit_head": "id sequence hash",
}
UPDATED = ("audit_head",)  # the one row that is there already


class NotSound(Exception):  # noqa: N818 - a fact about the data
    """The product's own check found the generated books wrong."""


def sqlite_books(size: Size, folder: Path) -> Path:
    """A SQLite file with books of this size, made once in `folder` for this schema, generator and day."""
    today = clock.today(ZONE)
    path = folder / f"books-{size.name}-{today}-{_fingerprint()}.db"
    if path.exists():
        return path
    unfinished = path.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    with _opened(f"sqlite:///{unfinished}") as real:
        migrate(real)
        books = _begin(size, today)
        real.close_all()
        _load_sqlite(unfinished, books)
        real.connect(reuse_if_open=True)
        _prove_sound()
    unfinished.rename(path)
    for leftover in folder.glob(f"{unfinished.name}.*"):  # the locks of migrating and of writing
        leftover.unlink()
    return path


@contextmanager
def postgres_books(server: str, size: Size) -> Iterator[str]:
    """A PostgreSQL database of its own with the same books, dropped afterwards; gives its URL."""
    name = f"remit_bench_{size.name.lower()}"
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        with _opened(url) as real:
            migrate(real)
            books = _begin(size, clock.today(ZONE))
            _load_postgres(url, books)
            _prove_sound()
        yield url
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    real = db.open_database(url)
    db.use(real)
    links.use(SECRET_KEY, BASE_URL)
    with db.connection():
        yield real
    real.close_all()


def _begin(size: Size, today: date) -> Books:
    """The seller, saved by the product itself, and the books that continue from there."""
    details = seller.SellerDetails(
        name=str(SELLER["name"]),
        legal_name=str(SELLER["legal_name"]),
        address=tuple(SELLER["address"]),
        country="GB",
        tax_id=str(SELLER["tax_id"]),
        registration=str(SELLER["registration"]),
        email=str(SELLER["email"]),
        phone=str(SELLER["phone"]),
        bank=tuple((label, value) for label, value in SELLER["bank"]),
        currency="GBP",
        time_zone=ZONE,
        terms_text=TERMS,
    )
    seller.save(details, version=0, by=SYSTEM, at=clock.now())
    sequence, head = db.execute("SELECT sequence, hash FROM audit_head").fetchone()
    return Books(size, today, sequence, head)


def _load_sqlite(path: Path, books: Books) -> None:
    with sqlite3.connect(path, isolation_level=None) as connection:
        for pragma in ("journal_mode = off", "synchronous = off", "foreign_keys = off", "cache_size = -200000"):
            connection.execute(f"PRAGMA {pragma}")
        aside = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql IS NOT NULL"
        ).fetchall()
        connection.execute("BEGIN")
        for kind, name, _ in aside:
            connection.execute(f"DROP {kind} {name}")
        for rows in books.batches():
            for table, values in rows.items():
                connection.executemany(_insert(table), values)
        for _, _, sql in sorted(aside):  # indexes before triggers
            connection.execute(sql)
        connection.execute("COMMIT")
        assert not connection.execute("PRAGMA foreign_key_check").fetchone(), "every row has its parent"
        connection.execute("PRAGMA journal_mode = wal")
    connection.close()


def _load_postgres(url: str, books: Books) -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # the guards sleep for this session alone
        for rows in books.batches():
            for table, values in rows.items():
                if table in UPDATED:
                    cursor.execute(f"DELETE FROM {table}")
                columns = ", ".join(COLUMNS[table].split())
                with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                    for value in values:
                        copy.write_row(value)
        for table in ("customer", "contact", "users", "membership", "invoice", "payment", "posting"):
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), MAX(id)) FROM {table}")
        connection.commit()
        connection.autocommit = True
        cursor.execute("VACUUM ANALYZE")


def _insert(table: str) -> str:
    columns = COLUMNS[table].split()
    verb = "REPLACE" if table in UPDATED else "INSERT"
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _prove_sound() -> None:
    """Recompute every balance, total and number from the rows, by the statements of `flask check`."""
    for invariant, words, query in QUERIES:
        found = db.execute(f"{query} LIMIT 1").fetchone()
        if found is not None:
            raise NotSound(f"{invariant}: {words.format(found[0])}")


def _fingerprint() -> str:
    """Changes with the schema and with what generates the rows."""
    sources = [*sorted(Path(migrations.__file__).parent.glob("*.py")), *sorted(Path(__file__).parent.glob("*ing.py"))]
    sources.append(Path(__file__).with_name("books.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
