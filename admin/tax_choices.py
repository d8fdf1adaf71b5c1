"""The taxes a line may choose from, in words: the usual rates where they are known, any rate by typing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admin.draft_form import OTHER_RATE
from billing import formatting

if TYPE_CHECKING:
    from collections.abc import Iterable

# The rates of VAT a seller in these countries charges most (gov.uk/vat-rates); elsewhere the rate is typed.
# The figure comes first in the words, since a narrow field cuts off their end.
USUAL_RATES = {"GB": (("standard", 200_000), ("reduced", 50_000))}
WITHOUT_TAX = (
    ("Z:0", "0% zero rate"),
    ("E:0", "Exempt"),
    ("AE:0", "Reverse charge"),
    ("K:0", "EU supply"),
    ("G:0", "Export"),
    ("O:0", "Outside scope"),
)


def usual(country: str) -> str:
    """The tax a new line begins with."""
    rates = USUAL_RATES.get(country)
    return f"S:{rates[0][1]}" if rates else OTHER_RATE


def choices(country: str, *, chosen: Iterable[str], locale: str) -> list[tuple[str, str]]:
    """Pairs of value and words: usual rates, rates this draft has chosen besides, no tax, another rate."""
    rates = {
        f"S:{ppm}": f"{formatting.rate(ppm, locale=locale)} {words}" for words, ppm in USUAL_RATES.get(country, ())
    }
    for value in chosen:
        category, _, ppm = value.partition(":")
        if category == "S" and ppm.isascii() and ppm.isdecimal() and len(ppm) <= 7:
            rates.setdefault(value, formatting.rate(int(ppm), locale=locale))
    return [*rates.items(), *WITHOUT_TAX, (OTHER_RATE, "Another rate")]
