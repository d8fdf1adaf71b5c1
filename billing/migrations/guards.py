"""Triggers that refuse, written once and spoken by both databases.

A guard is a condition over OLD and NEW; where it holds, the statement is refused with the guard's words. SQLite
cannot fire delete triggers for REPLACE without a pragma of the connection, so `keys` name the columns by which
a replaced row could be found, and an insert that meets such a row is refused too.
"""

from __future__ import annotations

from dataclasses import dataclass

from peewee import PostgresqlDatabase, SqliteDatabase


@dataclass(frozen=True, slots=True)
class Guard:
    """Refuse `event` ("INSERT", "UPDATE" or "DELETE") on `table` where `condition` holds."""

    name: str
    table: str
    event: str
    condition: str
    words: str


def install(db: SqliteDatabase | PostgresqlDatabase, guard: Guard) -> None:
    """Create the trigger of one guard."""
    name, table, event = guard.name, guard.table, guard.event
    if isinstance(db, PostgresqlDatabase):
        row = "OLD" if event == "DELETE" else "NEW"
        db.execute_sql(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
            f"IF {guard.condition} THEN RAISE EXCEPTION USING ERRCODE = 'restrict_violation', "
            f"MESSAGE = '{guard.words}'; END IF; RETURN {row}; END $body$"
        )
        db.execute_sql(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    else:
        condition = guard.condition.replace("IS DISTINCT FROM", "IS NOT")
        db.execute_sql(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{guard.words}'); END"
        )


def replace(db: SqliteDatabase | PostgresqlDatabase, guard: Guard) -> None:
    """Put a guard in the place of an older one of the same name and table."""
    if isinstance(db, PostgresqlDatabase):
        db.execute_sql(f"DROP TRIGGER {guard.name} ON {guard.table}")
        db.execute_sql(f"DROP FUNCTION {guard.name}()")
    else:
        db.execute_sql(f"DROP TRIGGER {guard.name}")
    install(db, guard)


def drop_triggers(db: SqliteDatabase | PostgresqlDatabase, table: str) -> None:
    """Take every trigger off a table that is about to be made anew, with the functions behind them."""
    if isinstance(db, PostgresqlDatabase):
        found = db.execute_sql(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", (table,)
        ).fetchall()
        for (name,) in found:
            db.execute_sql(f"DROP TRIGGER {name} ON {table}")
            db.execute_sql(f"DROP FUNCTION {name}()")
    else:
        found = db.execute_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
        ).fetchall()
        for (name,) in found:
            db.execute_sql(f"DROP TRIGGER {name}")


def never_replace(
    db: SqliteDatabase | PostgresqlDatabase, table: str, keys: tuple[str, ...], *, unless: str = "0"
) -> None:
    """Close REPLACE INTO on SQLite: refuse to insert over a row, but where `unless` holds for that row."""
    if isinstance(db, SqliteDatabase):
        found = " OR ".join(f"{key} = NEW.{key}" for key in keys)
        install(
            db,
            Guard(
                f"{table}_is_never_replaced",
                table,
                "INSERT",
                f"EXISTS (SELECT 1 FROM {table} WHERE ({found}) AND NOT ({unless}))",
                f"{table}: a row is never replaced",
            ),
        )


def never_truncate(db: SqliteDatabase | PostgresqlDatabase, table: str) -> None:
    """Close TRUNCATE on PostgreSQL."""
    if isinstance(db, PostgresqlDatabase):
        db.execute_sql(
            f"CREATE FUNCTION {table}_is_never_truncated() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
            f"RAISE EXCEPTION USING ERRCODE = 'restrict_violation', "
            f"MESSAGE = '{table}: rows are kept for good'; END $body$"
        )
        db.execute_sql(
            f"CREATE TRIGGER {table}_is_never_truncated BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_never_truncated()"
        )


def append_only(db: SqliteDatabase | PostgresqlDatabase, table: str, *keys: str) -> None:
    """Rows are added and never changed, removed, replaced or truncated."""
    always = "TRUE" if isinstance(db, PostgresqlDatabase) else "1"
    install(db, Guard(f"{table}_never_changes", table, "UPDATE", always, f"{table}: rows never change"))
    install(db, Guard(f"{table}_is_kept", table, "DELETE", always, f"{table}: rows are kept for good"))
    never_replace(db, table, keys)
    never_truncate(db, table)


def changed(*columns: str) -> str:
    """A condition: one of these columns would change."""
    return "(" + " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns) + ")"
