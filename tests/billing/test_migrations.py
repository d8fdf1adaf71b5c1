"""The migrations and the tables say the same, on both databases; migrating twice at once is harmless."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from billing import db
from billing.db import database as connected
from billing.migrations import migrate, pending
from billing.tables import ALL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import TestDatabase

KINDS = {  # what a field may be called by each database
    "AutoField": {"integer"},
    "IntegerField": {"integer"},
    "BigIntegerField": {"bigint"},
    "TextField": {"text"},
    "DateField": {"date"},
    "JSONField": {"text", "jsonb"},
    "BooleanField": {"integer", "boolean"},
    "BlobField": {"blob", "bytea"},
    "Instant": {"text", "timestamp with time zone"},
}


def test_every_column_of_every_table_is_in_the_migrations_and_no_other(database: TestDatabase) -> None:
    for table in ALL:
        columns = {column.name: column for column in connected.get_columns(table._meta.table_name)}
        fields = {field.column_name: field for field in table._meta.sorted_fields}
        assert set(columns) == set(fields), table.__name__
        for name, field in fields.items():
            target = getattr(field, "rel_field", field)
            kind = type(target).__name__
            assert columns[name].data_type.lower() in KINDS[kind], f"{table.__name__}.{name} is a {kind}"
            if not field.primary_key:
                assert columns[name].null == field.null, f"{table.__name__}.{name}: null"


def test_every_foreign_key_of_every_table_is_in_the_migrations(database: TestDatabase) -> None:
    for table in ALL:
        found = {(key.column, key.dest_table) for key in connected.get_foreign_keys(table._meta.table_name)}
        meant = {(field.column_name, field.rel_model._meta.table_name) for field in table._meta.refs}
        assert meant <= found, table.__name__


def test_every_unique_field_is_unique_in_the_migrations(database: TestDatabase) -> None:
    for table in ALL:
        found = {tuple(index.columns) for index in connected.get_indexes(table._meta.table_name) if index.unique}
        meant = {(field.column_name,) for field in table._meta.sorted_fields if field.unique and not field.primary_key}
        assert meant <= found, table.__name__


def test_nothing_is_pending_and_migrating_again_does_nothing(database: TestDatabase) -> None:
    assert pending(connected.obj) == []
    assert migrate(connected.obj) == []


def test_two_processes_may_migrate_one_new_database_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    script = (
        "import sys; from billing import db; from billing.migrations import migrate;"
        "real = db.open_database(sys.argv[1]); db.use(real); real.connect(); print(len(migrate(real)))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script, url], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    applied = sorted(int(process.communicate(timeout=60)[0]) for process in started)
    assert [process.returncode for process in started] == [0, 0, 0]
    assert applied[:2] == [0, 0]
    assert applied[2] >= 3


def test_an_address_of_another_database_is_refused() -> None:
    with pytest.raises(ValueError, match="sqlite: or postgresql:"):
        db.open_database("mysql://localhost/remit")
