"""Hand-written migrations for both databases, run one process at a time."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from peewee import PostgresqlDatabase, SqliteDatabase
from playhouse.migrations import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY = Path(__file__).parent
LOCK_KEY = 72_616_771  # any constant: the advisory lock's name on PostgreSQL


def migrate(db: SqliteDatabase | PostgresqlDatabase) -> list[str]:
    """Apply what is pending, in order, each file in a transaction of its own; name what was applied."""
    with _alone(db):
        applied: list[str] = Runner(db, str(DIRECTORY)).up()
    return applied


def pending(db: SqliteDatabase | PostgresqlDatabase) -> list[str]:
    """The migrations that the database still lacks."""
    return [migration.name for migration in Runner(db, str(DIRECTORY)).status() if not migration.applied]


@contextmanager
def _alone(db: SqliteDatabase | PostgresqlDatabase) -> Iterator[None]:
    """Two starting processes must not migrate at once: the runner itself takes no lock."""
    if isinstance(db, PostgresqlDatabase):
        db.execute_sql("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        try:
            yield
        finally:
            db.execute_sql("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))
    else:
        with Path(f"{db.database}.migrating").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
