"""What every table shares: the database, aware instants, bytes and JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from peewee import Field, Model

from billing.db import database, is_sqlite


class Instant(Field):
    """An aware UTC instant: TIMESTAMPTZ on PostgreSQL, fixed-width ISO text on SQLite, so that order is time."""

    field_type = "TIMESTAMPTZ"

    def db_value(self, value: datetime | None) -> datetime | str | None:
        """Refuse a naive instant; it would silently mean another moment on each database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant is aware")
        value = value.astimezone(UTC)
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if is_sqlite() else value

    def python_value(self, value: datetime | str | None) -> datetime | None:
        """Give back an aware UTC instant from either database."""
        if value is None:
            return None
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return value.astimezone(UTC)


class Table(Model):
    """A row. Tables hold no verbs."""

    id: Any

    class Meta:
        database = database
        legacy_table_names = False
