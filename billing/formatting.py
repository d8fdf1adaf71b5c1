"""Money, numbers and days in the reader's locale. Nothing else formats a figure, and nothing else imports Babel.

What a locale says is read from Babel once and kept; a figure is then put together from whole numbers, never floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel import dates as babel_dates
from babel import numbers as babel_numbers

DEFAULT_LOCALE = "en_GB"
MINUS = "\u2212"
NO_BREAK_SPACE = "\u00a0"
PPM_PER_PERCENT = 10_000
RELATIVE_DAYS = 30

# Dollars and crowns whose own country writes a bare sign; used only where the ISO code stands beside it.
NARROW_SYMBOLS = {
    "USD": "$", "CAD": "$", "AUD": "$", "NZD": "$", "SGD": "$", "HKD": "$", "CLP": "$",
    "GBP": "£", "EUR": "€", "JPY": "¥", "INR": "₹", "KRW": "₩",
}  # fmt: skip

type_of_day = Literal["short", "medium", "long", "weekday"]
