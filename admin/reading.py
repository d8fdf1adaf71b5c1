"""Reading what a person typed: each value or the words beside its field, all of a form's words at once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, TypeVar

from billing import formatting, money
from billing.errors import Invalid, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")
MOST_DIGITS = 6


class Reading:
    """One form being read. What cannot be read becomes a problem, and a stand-in takes its place meanwhile."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def take(self, field: str, read: Callable[[], Value], otherwise: Value) -> Value:
        """The value, or `otherwise` and the refusal's words beside the field."""
        try:
            return read()
        except Refusal as refusal:
            self.problems[field] = refusal.message
            return otherwise

    def refuse_problems(self) -> None:
        """Raise Invalid where something could not be read."""
        if self.problems:
            raise Invalid(self.problems)


def day(text: str, field: str) -> date | None:
    """A day as a date field sends it, None where it is empty."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Refusal("Enter a date, like 2026-11-22", field=field) from None


def days(text: str, field: str, *, otherwise: int) -> int:
    """A number of days, `otherwise` where it is empty."""
    text = text.strip()
    if not text:
        return otherwise
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        raise Refusal("Enter a number of days from 0 to 365", field=field)
    return int(text)


def rate(text: str, field: str, locale: str) -> int:
    """A percentage in ppm, with its sign or without; 0 where it is empty."""
    return money.read_rate(text, locale=locale, field=field) if text.strip() else 0


def number(text: str) -> int:
    """A whole number that a page of ours wrote into a hidden field; -1 where somebody changed it."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS + 3 else -1


def rows(text: str) -> tuple[str, ...]:
    """The lines of a text area, without empty ones."""
    return tuple(row.strip() for row in text.splitlines() if row.strip())


def bare(text: str, currency: str, locale: str) -> str:
    """An amount without its currency's marks, as it stands in a field beside them."""
    for symbol in formatting.symbols(currency, locale):
        text = text.strip().removeprefix(symbol).removesuffix(symbol)
    return text.strip()
