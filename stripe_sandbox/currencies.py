"""Currencies as Stripe counts them: minor units, least and largest charge. Source: docs.stripe.com/currencies."""

from __future__ import annotations

from stripe_sandbox.errors import ParameterError

ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# ISK and UGX have no smaller unit, yet Stripe counts them in hundredths, which must be whole.
WHOLE_HUNDREDS = frozenset(["isk", "ugx"])
TWO_DECIMAL = frozenset({
    "aed", "aud", "bgn", "brl", "cad", "chf", "cny", "czk", "dkk", "eur", "gbp", "hkd", "huf", "idr", "ils",
    "inr", "isk", "kes", "mad", "mxn", "myr", "ngn", "nok", "nzd", "php", "pln", "qar", "ron", "sar", "sek",
    "sgd", "thb", "try", "twd", "uah", "ugx", "usd", "zar",
})  # fmt: skip
KNOWN = ZERO_DECIMAL | TWO_DECIMAL | THREE_DECIMAL
LEAST_MINOR = {
    "aed": 200, "bgn": 100, "czk": 1500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17500, "mxn": 1000,
    "myr": 200, "nok": 300, "pln": 200, "ron": 200, "sek": 300, "thb": 1000,
}  # fmt: skip
LEAST_ELSE_MINOR = 50
LEAST_THREE_DECIMAL_MINOR = 150  # about 0.50 USD; Stripe names no figure
MOST_MINOR = 99_999_999
SYMBOLS = {
    "usd": "$",
    "eur": "€",
    "gbp": "£",
    "jpy": "¥",
    "inr": "₹",
    "cad": "CA$",
    "aud": "A$",
    "nzd": "NZ$",
}


def exponent(currency: str) -> int:
    """How many decimals Stripe counts the currency in."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def least_minor(currency: str) -> int:
    """The smallest charge, in minor units."""
    if currency in THREE_DECIMAL:
        return LEAST_THREE_DECIMAL_MINOR
    return LEAST_MINOR.get(currency, LEAST_ELSE_MINOR)


def words(amount_minor: int, currency: str) -> str:
    """An amount for people: `£1,803.48`, `¥5,000`, `KWD 1.250`."""
    places = exponent(currency)
    whole, rest = divmod(abs(amount_minor), 10**places)
    figure = f"{whole:,}" + (f".{rest:0{places}d}" if places else "")
    symbol = SYMBOLS.get(currency, f"{currency.upper()}\N{NO-BREAK SPACE}")
    return ("-" if amount_minor < 0 else "") + symbol + figure


def checked(currency: str, *, param: str) -> str:
    """The currency in lower case. Raises ParameterError for one the sandbox does not know."""
    lower = currency.lower()
    if lower not in KNOWN:
        raise ParameterError(
            f"Invalid currency: {lower}. Stripe currently supports these currencies: {', '.join(sorted(KNOWN))}",
            param=param,
        )
    return lower


def check_charge(amount_minor: int, currency: str, *, whole: str, param: str | None) -> None:
    """Refuse an amount Stripe would not charge. `whole` names the thing, such as `Amount`."""
    least = least_minor(currency)
    if amount_minor < least:
        raise ParameterError(
            f"{whole} must be at least {words(least, currency)} {currency}",
            code="amount_too_small",
            param=param,
        )
    if amount_minor > MOST_MINOR:
        raise ParameterError(
            f"{whole} must be no more than {words(MOST_MINOR, currency)}",
            code="amount_too_large",
            param=param,
        )
    if currency in THREE_DECIMAL and amount_minor % 10:
        raise ParameterError(
            f"Amounts in {currency} must be rounded to the nearest ten, so that the last digit is 0.",
            param=param,
        )
    if currency in WHOLE_HUNDREDS and amount_minor % 100:
        raise ParameterError(f"Amounts in {currency} must be divisible by 100.", param=param)
