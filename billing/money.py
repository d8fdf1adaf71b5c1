"""Money as whole minor units with an ISO 4217 currency: how it is typed, split, sent to Stripe.

Nothing here rounds: what does not fit is refused with words. Rounding lives in tax.py alone.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING

from billing import formatting
from billing.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_MINOR = 10**15
MAX_TYPED = 64

# ISO 4217 minor units of the currencies enabled here (list one, SIX Interbank Clearing). Before a currency is
# added, its unit at Stripe is checked too: see stripe_amount.
EXPONENTS = {
    "AED": 2, "AUD": 2, "CAD": 2, "CHF": 2, "CZK": 2, "DKK": 2, "EUR": 2, "GBP": 2, "HKD": 2, "HUF": 2,
    "INR": 2, "NOK": 2, "NZD": 2, "PLN": 2, "RON": 2, "SEK": 2, "SGD": 2, "USD": 2, "ZAR": 2,
    "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0,
    "BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip
CURRENCIES = tuple(sorted(EXPONENTS))

# https://docs.stripe.com/currencies, "Special cases": ISK has no decimals, yet its amounts carry two zeros.
# HUF and TWD have two decimals in charges; only payouts are whole there.
STRIPE_TWO_ZEROS = frozenset({"ISK"})
STRIPE_MAX_AMOUNT = 99_999_999  # eight digits: what every payment method takes


class UnknownCurrency(Refusal):
    """The code is not one of the enabled currencies."""

    def __init__(self, currency: str, *, field: str | None = None) -> None:
        super().__init__("Choose a currency from the list", field=field)
        self.currency = currency


class NotANumber(Refusal):
    """What was typed is no number."""

    def __init__(self, text: str, *, noun: str, examples: str, field: str | None = None) -> None:
        super().__init__(f"Enter {noun}, like {examples}", field=field)
        self.text = text


class AmbiguousNumber(Refusal):
    """The marks can be read in two ways, such as 1.923 or 1923,48 in English."""

    def __init__(self, text: str, *, example: str, field: str | None = None) -> None:
        super().__init__(f"{text} can be read in two ways. Enter it like {example}", field=field)
        self.text = text


class TooManyDecimals(Refusal):
    """More decimals than the currency, or the field, has."""

    def __init__(self, text: str, *, places: int, example: str, field: str | None = None) -> None:
        limit = f"at most {places} decimal{'s' if places > 1 else ''}" if places else "a whole number"
        super().__init__(f"Enter {limit}, like {example}", field=field)
        self.text = text
        self.places = places


class OtherCurrency(Refusal):
    """The mark typed beside the amount is another currency's."""

    def __init__(self, text: str, *, currency: str, field: str | None = None) -> None:
        super().__init__(f"Enter the amount in {currency}, without another currency", field=field)
        self.text = text
        self.currency = currency


class NegativeAmount(Refusal):
    """A minus where only zero or more makes sense."""

    def __init__(self, text: str, *, field: str | None = None) -> None:
        super().__init__("Enter an amount of zero or more, without a minus", field=field)
        self.text = text


class AmountTooLarge(Refusal):
    """Beyond 10^15 minor units: more than any document here may hold."""

    def __init__(self, *, currency: str, field: str | None = None) -> None:
        most = formatting.money(MAX_MINOR, currency)
        super().__init__(f"Enter an amount of {most} or less", field=field)
        self.currency = currency


class OutOfBounds(Refusal):
    """A number below the least or above the most that its field takes."""

    def __init__(
        self, *, minimum: Decimal | None, maximum: Decimal | None, locale: str, field: str | None = None
    ) -> None:
        least = "" if minimum is None else formatting.quantity(minimum, locale=locale)
        most = "" if maximum is None else formatting.quantity(maximum, locale=locale)
        if least and most:
            words = f"Enter a number from {least} to {most}"
        else:
            words = f"Enter {least} or more" if least else f"Enter {most} or less"
        super().__init__(words, field=field)
        self.minimum = minimum
        self.maximum = maximum


class NotPayableByStripe(Refusal):
    """Stripe cannot take exactly this amount: see stripe_amount."""

    def __init__(self, minor: int, currency: str) -> None:
        amount = formatting.money(minor, currency)
        super().__init__(f"{amount} cannot be paid by card. Pay by bank transfer, or contact us")
        self.minor = minor
        self.currency = currency


class NotAStripeAmount(Refusal):
    """Stripe reports an amount that this currency cannot have: it is looked at, never guessed."""

    def __init__(self, amount: int, currency: str) -> None:
        super().__init__(f"The payment's amount, {amount} in {currency}, is not a possible amount")
        self.amount = amount
        self.currency = currency


def exponent(currency: str) -> int:
    """How many decimals the currency has (ISO 4217): GBP 2, JPY 0, KWD 3. Raises: UnknownCurrency."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(currency) from None


def to_decimal(minor: int, currency: str) -> Decimal:
    """Minor units as an exact decimal in major units, with the currency's decimals: 192348 is 1923.48."""
    assert type(minor) is int, "money is whole minor units"
    return Decimal(f"{minor}E-{exponent(currency)}")


def from_decimal(value: Decimal, currency: str) -> int:
    """A decimal in major units as exact minor units; decimals too many are refused unless they are zeros.

    Raises: TooManyDecimals, AmountTooLarge, UnknownCurrency.
    """
    assert type(value) is Decimal, "only a Decimal is exact"
    assert value.is_finite(), "an amount is finite"
    places = exponent(currency)
    if value.copy_abs() > MAX_MINOR:
        raise AmountTooLarge(currency=currency)
    numerator, denominator = value.as_integer_ratio()
    minor, rest = divmod(numerator * int(10**places), denominator)
    if rest:
        raise TooManyDecimals(f"{value}", places=places, example=_example(places, "."))
    if abs(minor) > MAX_MINOR:
        raise AmountTooLarge(currency=currency)
    return minor


def read(text: str, currency: str, *, locale: str, field: str | None = None, signed: bool = False) -> int:
    """The minor units a person typed, read by their locale: 1923.48, 1,923.48, £1,923.48, spaces, 1'923.48.

    Zero or more, unless `signed`. What can be read in two ways is refused with words.
    Raises: NotANumber, AmbiguousNumber, TooManyDecimals, OtherCurrency, NegativeAmount, AmountTooLarge.
    """
    places = exponent(currency)
    reader = _Reader(locale=locale, places=places, noun="an amount", field=field)
    rest = reader.clean(text)
    negative, rest = _without_minus(rest)
    rest = _without_symbol(rest, formatting.symbols(currency, locale))
    if not negative:
        negative, rest = _without_minus(rest)
    if _names_a_currency(rest):
        raise OtherCurrency(text, currency=currency, field=field)
    value = reader.number(text, rest)
    if value.scaleb(places) > MAX_MINOR:
        raise AmountTooLarge(currency=currency, field=field)
    minor = from_decimal(value, currency)
    if negative and minor and not signed:
        raise NegativeAmount(text, field=field)
    return -minor if negative else minor


def read_decimal(
    text: str,
    *,
    locale: str,
    field: str | None = None,
    max_places: int = 6,
    minimum: Decimal | None = None,
    maximum: Decimal | None = None,
) -> Decimal:
    """A quantity, price or percentage a person typed, by the same rules as read(); both bounds are included.

    Raises: NotANumber, AmbiguousNumber, TooManyDecimals, OutOfBounds.
    """
    reader = _Reader(locale=locale, places=max_places, noun="a number", field=field)
    negative, rest = _without_minus(reader.clean(text))
    value = reader.number(text, rest)
    if negative and value:
        value = value.copy_negate()
    too_low = minimum is not None and value < minimum
    too_high = maximum is not None and value > maximum
    if too_low or too_high:
        raise OutOfBounds(minimum=minimum, maximum=maximum, locale=locale, field=field)
    return value


def read_rate(text: str, *, locale: str, field: str | None = None) -> int:
    """A percentage a person typed, 0 to 100, as parts per million: 20% is 200,000. Raises as read_decimal."""
    percent = read_decimal(
        text.replace("%", " "),
        locale=locale,
        field=field,
        max_places=4,
        minimum=Decimal(0),
        maximum=Decimal(100),
    )
    return int(percent.scaleb(4))


def share(minor: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by weights so that the parts add up to it: 100 by [1, 1, 1] is [34, 33, 33].

    Largest remainder; equal remainders go to the first. A weight of zero gets nothing. Either sign.
    """
    assert type(minor) is int, "money is whole minor units"
    assert all(type(weight) is int and weight >= 0 for weight in weights), "weights are whole, zero or more"
    whole = sum(weights)
    if not minor:
        return [0] * len(weights)
    assert whole > 0, "an amount needs somebody to carry it"
    size = abs(minor)
    parts = [size * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(size * weights[i] % whole))
    for i in by_remainder[: size - sum(parts)]:
        parts[i] += 1
    return parts if minor > 0 else [-part for part in parts]


def stripe_amount(minor: int, currency: str) -> int:
    """The amount Stripe's API takes for these minor units, zero or more.

    Equal for most. ISK carries two zeros more. BHD, JOD, KWD, OMR and TND must end in 0, so 5.124 cannot be
    paid there (https://docs.stripe.com/currencies, "Three-decimal currencies" and "Special cases").
    Raises: NotPayableByStripe, UnknownCurrency.
    """
    assert minor >= 0, "Stripe's amounts have no sign"
    places = exponent(currency)
    amount = minor * 100 if currency in STRIPE_TWO_ZEROS else minor
    if amount > STRIPE_MAX_AMOUNT or (places == 3 and amount % 10):
        raise NotPayableByStripe(minor, currency)
    return amount


def from_stripe_amount(amount: int, currency: str) -> int:
    """The minor units of an amount Stripe reports. Raises: NotAStripeAmount, UnknownCurrency."""
    exponent(currency)
    if amount < 0:
        raise NotAStripeAmount(amount, currency)
    if currency not in STRIPE_TWO_ZEROS:
        return amount
    minor, rest = divmod(amount, 100)
    if rest:
        raise NotAStripeAmount(amount, currency)
    return minor


class _Reader:
    """Reads one typed number by a locale's marks; its refusals name the field and show how to write it."""

    def __init__(self, *, locale: str, places: int, noun: str, field: str | None) -> None:
        style = formatting.number_style(locale)
        self.decimal = style.decimal
        self.group = _plain_marks(style.group)
        self.indian = style.other_groups == 2
        self.places = places
        self.noun = noun
        self.field = field

    def clean(self, text: str) -> str:
        """The text with one kind of space, apostrophe and minus, trimmed."""
        if len(text) > MAX_TYPED:
            raise self._not_a_number(text[:MAX_TYPED])
        return _plain_marks(text).strip()

    def number(self, typed: str, text: str) -> Decimal:
        """The value of digits and marks, without sign or symbol."""
        if not re.fullmatch(r"[0-9 .,']*[0-9][0-9 .,']*", text):
            raise self._not_a_number(typed)
        whole, mark, decimals = text.partition(self.decimal)
        if not decimals.isdigit() and decimals:
            raise self._ambiguous(typed)
        digits = self._ungrouped(whole)
        if digits is None:
            raise self._ambiguous(typed)
        if len(decimals) > self.places:
            # In English 1.923 pounds may be a continental 1,923: three digits after a short whole part.
            looks_grouped = len(decimals) == 3 and re.fullmatch(r"[1-9][0-9]{0,2}", whole)
            raise self._ambiguous(typed) if looks_grouped else self._too_many(typed)
        return Decimal(f"{digits or 0}{'.' if mark and decimals else ''}{decimals}")

    def _ungrouped(self, whole: str) -> str | None:
        """The digits of the whole part, None where its groups are not this locale's."""
        if not whole or whole.isdigit():
            return whole
        marks = {" ", self.group}
        found = {mark for mark in whole if not mark.isdigit()}
        if len(found) != 1 or not found <= marks:
            return None
        mark = re.escape(found.pop())
        western = rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+"
        indian = rf"[1-9][0-9]?(?:{mark}[0-9]{{2}})*{mark}[0-9]{{3}}"
        if re.fullmatch(western, whole) or (self.indian and re.fullmatch(indian, whole)):
            return re.sub(mark, "", whole)
        return None

    def _not_a_number(self, text: str) -> NotANumber:
        simple = "250" if not self.places else f"250 or 250{self.decimal}{'0' * min(self.places, 3)}"
        examples = simple if self.noun == "an amount" else f"12 or 12{self.decimal}5"
        return NotANumber(text, noun=self.noun, examples=examples, field=self.field)

    def _ambiguous(self, text: str) -> AmbiguousNumber:
        return AmbiguousNumber(text.strip(), example=_example(self.places, self.decimal), field=self.field)

    def _too_many(self, text: str) -> TooManyDecimals:
        example = _example(self.places, self.decimal)
        return TooManyDecimals(text, places=self.places, example=example, field=self.field)


def _plain_marks(text: str) -> str:
    """Spaces of every width as one, typographic apostrophes and minus as typewriter ones."""
    text = "".join(" " if mark.isspace() else mark for mark in text)
    return text.translate({0x2019: "'", 0x02BC: "'", 0x2212: "-"})


def _without_minus(text: str) -> tuple[bool, str]:
    return (True, text[1:].lstrip()) if text.startswith("-") else (False, text)


def _without_symbol(text: str, symbols: tuple[str, ...]) -> str:
    """The text without the currency's own marks, each at most once: £12, 12 GBP, £12 GBP."""
    for symbol in symbols:
        if text.upper().startswith(symbol.upper()):
            text = text[len(symbol) :].lstrip()
        elif text.upper().endswith(symbol.upper()):
            text = text[: -len(symbol)].rstrip()
    return text


def _names_a_currency(text: str) -> bool:
    """Whether a currency sign or an enabled code is left in the text."""
    words = re.findall(r"[A-Za-z]+", text)
    return any(unicodedata.category(mark) == "Sc" for mark in text) or any(word.upper() in EXPONENTS for word in words)


def _example(places: int, decimal: str) -> str:
    return f"1923{decimal}{'480'[: places if places <= 3 else 2]}" if places else "1923"
