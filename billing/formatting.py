"""Money, numbers and days in the reader's locale: the one place that formats a figure or imports Babel.

What a locale says is read from Babel once and kept; a figure is then put together from whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale
from babel import dates as babel_dates
from babel import numbers as babel_numbers

if TYPE_CHECKING:
    from datetime import date, datetime

DEFAULT_LOCALE = "en_GB"
MINUS = "\u2212"
NO_BREAK_SPACE = "\u00a0"
NARROW_NO_BREAK_SPACE = "\u202f"
PPM_PER_PERCENT = 10_000
RELATIVE_DAYS = 30
NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})  # two letters of CLDR's that name none
CACHED_STYLES = 1024
CACHED_DAYS = 4096  # a list names the same days again and again, and Babel takes its time for each

# The sign a currency's own country writes: used where the ISO code stands beside it, and read when typed.
NARROW_SYMBOLS = {
    "USD": "$", "CAD": "$", "AUD": "$", "NZD": "$", "SGD": "$", "HKD": "$", "CLP": "$",
    "GBP": "£", "EUR": "€", "JPY": "¥", "INR": "₹", "KRW": "₩",
    "SEK": "kr", "NOK": "kr", "DKK": "kr", "ISK": "kr", "PLN": "zł", "CZK": "Kč", "HUF": "Ft",
}  # fmt: skip

DayStyle = Literal["short", "medium", "long", "weekday"]


class MoneyParts(NamedTuple):
    """The text of money() cut in two, so that the minor part may be smaller; joined they are the whole."""

    major: str
    minor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberStyle:
    """How a locale writes numbers: the decimal mark, the mark between groups, and the sizes of groups."""

    decimal: str
    group: str
    first_group: int
    other_groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _MoneyStyle:
    number: NumberStyle
    prefix: str
    suffix: str
    places: int


def money(minor: int, currency: str, *, locale: str = DEFAULT_LOCALE, code: bool = False) -> str:
    """Minor units as text: £1,923.48; U+2212 before the symbol if negative; ISO 4217 decimals always.

    `code` adds the ISO code for lists of several currencies: $1,200.00 CAD. Spaces inside do not break.
    """
    return "".join(money_parts(minor, currency, locale=locale, code=code))


def money_parts(minor: int, currency: str, *, locale: str = DEFAULT_LOCALE, code: bool = False) -> MoneyParts:
    """The same text in two contiguous parts: sign, symbol and whole units; decimal mark, decimals, rest."""
    assert isinstance(minor, int), "money is whole minor units"
    style = _money_style(currency, locale, code)
    sign = MINUS if minor < 0 else ""
    if not style.places:
        return MoneyParts(f"{sign}{style.prefix}{_grouped(str(abs(minor)), style.number)}", style.suffix)
    digits = str(abs(minor)).rjust(style.places + 1, "0")
    whole, decimals = digits[: -style.places], digits[-style.places :]
    return MoneyParts(
        f"{sign}{style.prefix}{_grouped(whole, style.number)}",
        f"{style.number.decimal}{decimals}{style.suffix}",
    )


def amount(minor: int, currency: str, *, locale: str = DEFAULT_LOCALE) -> str:
    """The same without any symbol, as people type it into a field that shows the symbol beside: 1,923.48."""
    style = _money_style(currency, locale, False)
    return money(minor, currency, locale=locale).removeprefix(style.prefix).removesuffix(style.suffix)


def unit_price(value: str | Decimal, currency: str, *, locale: str = DEFAULT_LOCALE) -> str:
    """A price in major units with all its decimals, and at least the currency's: £0.0125, £120.00."""
    style = _money_style(currency, locale, False)
    sign, text = _plain(value, style.number, least=style.places)
    return f"{sign}{style.prefix}{text}{style.suffix}"


def quantity(value: str | Decimal, *, locale: str = DEFAULT_LOCALE) -> str:
    """A quantity without trailing zeros: 12, 1,234.5."""
    return "".join(_plain(value, number_style(locale)))


def rate(ppm: int, *, locale: str = DEFAULT_LOCALE) -> str:
    """Parts per million as per cent: 200,000 is 20%, 55,000 is 5.5%."""
    assert isinstance(ppm, int), "a rate is whole parts per million"
    sign, text = _plain(Decimal(ppm).scaleb(-4), number_style(locale))
    prefix, suffix = _percent_marks(locale)
    return f"{sign}{prefix}{text}{suffix}"


@lru_cache(maxsize=CACHED_DAYS)
def day(on: date, style: DayStyle = "medium", *, locale: str = DEFAULT_LOCALE) -> str:
    """A calendar day: 16 Nov, 16 Nov 2026, 16 November 2026, or Monday 16 November 2026."""
    return _tidy(babel_dates.format_date(on, _day_pattern(style, locale), locale=_locale(locale)))


def moment(
    at: datetime,
    zone: str,
    *,
    locale: str = DEFAULT_LOCALE,
    today: date | None = None,
    show_zone: bool = False,
) -> str:
    """An instant in a zone: 16 Nov 2026, 10:42; Today, 10:42 if that day is `today`; the zone on request."""
    assert at.tzinfo is not None, "an instant is aware"
    local = at.astimezone(ZoneInfo(zone))
    time = _tidy(babel_dates.format_time(local, "short", locale=_locale(locale)))
    date_words = "Today" if local.date() == today else day(local.date(), locale=locale)
    zone_words = f" {local.tzname()}" if show_zone else ""
    return f"{date_words}, {time}{zone_words}"


def ago(at: datetime, now: datetime, *, locale: str = DEFAULT_LOCALE) -> str:
    """How long before `now` it was: 1 minute ago, 3 hours ago."""
    passed = max(now - at, timedelta(seconds=1))
    return _tidy(babel_dates.format_timedelta(-passed, add_direction=True, locale=_locale(locale)))


def relative_due(due_on: date, on: date, *, locale: str = DEFAULT_LOCALE) -> str:
    """When it falls due, seen from `on`: Due in 5 days, Due tomorrow, Due today, 6 days overdue.

    Beyond 30 days the day alone: Due 16 Nov 2026, Was due 16 Nov 2026.
    """
    days = (due_on - on).days
    if abs(days) > RELATIVE_DAYS:
        return f"{'Due' if days > 0 else 'Was due'} {day(due_on, locale=locale)}"
    if days < 0:
        return "1 day overdue" if days == -1 else f"{-days} days overdue"
    return {0: "Due today", 1: "Due tomorrow"}.get(days, f"Due in {days} days")


def is_country(code: str) -> bool:
    """Whether it is a country's ISO 3166-1 alpha-2 code, in capitals."""
    return len(code) == 2 and code not in NO_COUNTRIES and code in _locale(DEFAULT_LOCALE).territories


@lru_cache(maxsize=CACHED_STYLES)
def number_style(locale: str) -> NumberStyle:
    """The marks of numbers in a locale; money.read reads by them what money() writes."""
    parsed = _locale(locale)
    first, other = parsed.decimal_formats[None].grouping
    return NumberStyle(
        decimal=babel_numbers.get_decimal_symbol(parsed),
        group=babel_numbers.get_group_symbol(parsed).replace(NARROW_NO_BREAK_SPACE, NO_BREAK_SPACE),
        first_group=first,
        other_groups=other,
    )


@lru_cache(maxsize=CACHED_STYLES)
def symbols(currency: str, locale: str) -> tuple[str, ...]:
    """The marks a person may type for it, longest first: the ISO code, the locale's sign, the bare sign."""
    marks = {currency, babel_numbers.get_currency_symbol(currency, _locale(locale))}
    if currency in NARROW_SYMBOLS:
        marks.add(NARROW_SYMBOLS[currency])
    return tuple(sorted(marks, key=lambda mark: (-len(mark), mark)))


@lru_cache(maxsize=CACHED_STYLES)
def _money_style(currency: str, locale: str, code: bool) -> _MoneyStyle:  # noqa: FBT001 - a cache key
    assert babel_numbers.is_currency(currency), f"{currency} is not an ISO 4217 currency"
    parsed = _locale(locale)
    before, _, after = parsed.currency_formats["standard"].pattern.split(";")[0].partition("¤")
    symbol = babel_numbers.get_currency_symbol(currency, parsed)
    if code:
        symbol = NARROW_SYMBOLS.get(currency, symbol)
    ending = f"{NO_BREAK_SPACE}{currency}" if code and symbol != currency else ""
    symbol_is_first = not before.strip("\u200e\u200f")
    if symbol_is_first:
        gap = NO_BREAK_SPACE if after[0].isspace() or symbol[-1].isalpha() else ""
        prefix, suffix = f"{symbol}{gap}", ""
    else:
        gap = NO_BREAK_SPACE if before[-1].isspace() or symbol[0].isalpha() else ""
        prefix, suffix = "", f"{gap}{symbol}"
    return _MoneyStyle(
        number=number_style(locale),
        prefix=prefix,
        suffix=suffix + ending,
        places=babel_numbers.get_currency_precision(currency),
    )


@lru_cache(maxsize=CACHED_STYLES)
def _percent_marks(locale: str) -> tuple[str, str]:
    pattern = _locale(locale).percent_formats[None]
    return _tidy(pattern.prefix[0]), _tidy(pattern.suffix[0])


@lru_cache(maxsize=CACHED_STYLES)
def _day_pattern(style: DayStyle, locale: str) -> str:
    parsed = _locale(locale)
    formats = parsed.date_formats
    if style == "short":
        return str(parsed.datetime_skeletons["MMMd"].pattern)
    if style == "weekday":
        full = str(formats["full"].pattern)
        # "Monday, 16 November": English that puts the day first is written here without its comma.
        return full.replace("EEEE, d", "EEEE d") if parsed.language == "en" else full
    return str(formats[style].pattern)


@lru_cache(maxsize=CACHED_STYLES)
def _locale(locale: str) -> Locale:
    return Locale.parse(locale.replace("-", "_"))


def _plain(value: str | Decimal, style: NumberStyle, *, least: int = 0) -> tuple[str, str]:
    """Sign and digits of a finite decimal: at least `least` decimals, else no trailing zeros; not rounded."""
    number = Decimal(value)
    assert number.is_finite(), "a number on paper is finite"
    whole, _, decimals = f"{number.copy_abs():f}".partition(".")
    decimals = decimals.rstrip("0").ljust(least, "0")
    text = _grouped(whole, style) + (f"{style.decimal}{decimals}" if decimals else "")
    return (MINUS if number < 0 else ""), text


def _grouped(digits: str, style: NumberStyle) -> str:
    """Digits in groups from the right: 1,234,567, or 12,34,567 in India."""
    if style.first_group == style.other_groups == 3:
        return f"{int(digits):,}".replace(",", style.group)
    rest, groups = digits[: -style.first_group], [digits[-style.first_group :]]
    while rest:
        groups.append(rest[-style.other_groups :])
        rest = rest[: -style.other_groups]
    return style.group.join(reversed(groups))


def _tidy(text: str) -> str:
    """Narrow spaces made ordinary no-break ones: not every printing font has the narrow one."""
    return text.replace(NARROW_NO_BREAK_SPACE, NO_BREAK_SPACE)
