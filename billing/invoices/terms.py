"""Terms of payment that an invoice carries besides its due date: so much less where it is paid early."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from billing import tax

if TYPE_CHECKING:
    from datetime import date


def early_until(issue_on: date, early_days: int) -> date:
    """The last day on which the early-payment discount is earned: 2/10 net 30 counts ten days from issue."""
    return issue_on + timedelta(days=early_days)


def early_discount(total_minor: int, early_ppm: int) -> int:
    """What the discount takes off a gross total, in its minor units, rounded once."""
    return tax.portion(total_minor, part=early_ppm, whole=tax.PPM)
