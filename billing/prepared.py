"""Queries whose SQL is written once: Peewee takes longer to write some SELECTs than the database takes to answer.

Measured: writing the four SELECTs of an invoice page was 40 per cent of its CPU time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from peewee import Model, Value

from billing.db import database, is_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable

    from peewee import Field, ModelSelect

Row = TypeVar("Row", bound=Model)


class Slot:
    """A value that is given at each run: `field` says how the database is to be told it."""

    def __init__(self, name: str, field: Field[Any] | None = None) -> None:
        self.name = name
        self.field = field

    def node(self) -> Value:
        """The slot as Peewee's own expression, which carries it into the parameters untouched."""
        return Value(self, converter=False)

    def told(self, value: Any) -> Any:  # noqa: ANN401 - whatever the column holds
        """The value as the database is told it."""
        return value if self.field is None else self.field.db_value(value)  # type: ignore[no-untyped-call]  # Peewee's own conversion


class Prepared(Generic[Row]):
    """A SELECT made by `make`, which is called once per kind of database and puts Slots where values go."""

    def __init__(self, make: Callable[[], ModelSelect[Row]]) -> None:
        self._make = make
        self._written: dict[bool, tuple[Any, str, tuple[Any, ...]]] = {}

    def rows(self, **values: Any) -> list[Row]:  # noqa: ANN401 - whatever the columns hold
        """Run it with these values, and give its rows as Peewee would."""
        query, sql, parameters = self._text()
        told = tuple(slot.told(values[slot.name]) if isinstance(slot, Slot) else slot for slot in parameters)
        return cast("list[Row]", list(query._get_model_cursor_wrapper(database.execute_sql(sql, told))))  # noqa: SLF001 - there is no public way to run written SQL with a query's joins

    def first(self, **values: Any) -> Row | None:  # noqa: ANN401 - whatever the columns hold
        """The first row, or None."""
        return next(iter(self.rows(**values)), None)

    def _text(self) -> tuple[Any, str, tuple[Any, ...]]:
        kind = is_sqlite()
        if kind not in self._written:
            query = self._make()
            sql, parameters = query.sql()
            self._written[kind] = (query, sql, tuple(parameters))
        return self._written[kind]
