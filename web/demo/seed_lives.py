"""What becomes of each of the demo's invoices: written, open, due soon, overdue, half paid, paid, cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import random

Fate = Literal[
    "draft", "open", "paid", "overpaid", "in_part", "void",
    "by_transfer", "early", "in_parts", "credited", "returned", "given_up",
]  # fmt: skip


class Life(NamedTuple):
    """One invoice of customer number `who`: issued `days_ago`, or so long ago that it is `past_due` days late."""

    who: int
    fate: Fate
    days_ago: int = 0
    past_due: int | None = None


# The customer whose people sign in to the demo has one of each.
FIRST = (
    Life(0, "open", days_ago=1),
    Life(0, "open", past_due=-5),
    Life(0, "open", past_due=6),
    Life(0, "in_part", past_due=12),
    Life(0, "void", days_ago=50),
    Life(0, "draft"),
    Life(0, "overpaid", days_ago=21),
    Life(0, "paid", days_ago=24),
    Life(0, "in_parts", days_ago=12),
    Life(0, "credited", days_ago=9),
    Life(0, "returned", days_ago=95),
    Life(0, "early", days_ago=140),
    Life(0, "by_transfer", days_ago=180),
    *(Life(0, "paid", days_ago=days) for days in range(58, 520, 42)),
)


# In thousandths, those of a business that is mostly paid in time: the fate, and the span of days it began in.
SHARES: tuple[tuple[int, Fate, int, int], ...] = (
    (30, "draft", 0, 9),
    (5, "overpaid", 20, 400),
    (20, "void", 2, 500),
    (10, "open", 0, 0),
    (40, "open", 1, 6),
    (560, "paid", 3, 547),
    (130, "by_transfer", 3, 547),
    (25, "early", 12, 547),
    (10, "in_parts", 5, 400),
    (12, "credited", 5, 400),
    (10, "returned", 20, 500),
    (8, "given_up", 120, 500),
)
LATE_SHARES: tuple[tuple[int, Fate, int, int], ...] = (
    (45, "open", -7, 0),
    (60, "open", 1, 25),
    (20, "open", 20, 120),
    (15, "in_part", 1, 40),
)


def lives(dice: random.Random, *, customers: int, invoices: int) -> list[Life]:
    """As many lives as wanted."""
    shares = SHARES + LATE_SHARES
    drawn = dice.choices(range(len(shares)), [share for share, *_ in shares], k=max(0, invoices - len(FIRST)))
    rest = []
    for index in drawn:
        _, fate, first, last = shares[index]
        days = dice.randint(first, last)
        late = index >= len(SHARES)
        rest.append(
            Life(dice.randrange(customers), fate, days_ago=0 if late else days, past_due=days if late else None)
        )
    return [*FIRST[:invoices], *rest]
