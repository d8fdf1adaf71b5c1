"""Instalments: an invoice's total in parts, each due on its own day; a deposit is a first part due at once.

A schedule is written on the draft and frozen at issue. What is paid fills the earliest part first, so that what each
part still needs follows from the balance alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from billing import dates, formatting, money, tax
from billing.tables import Instalment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from billing.tables import Invoice

FEWEST_PARTS = 2
MOST_PARTS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PartContent:
    """One part as it is asked for: a sum in minor units, or a share of the total in ppm.

    Without `due_on` it is due on the day of issue, which only the first part may be.
    """

    due_on: date | None = None
    minor: int = 0
    ppm: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part as it stands: what of it is paid or credited, and what is still owed. Minor units."""

    position: int
    due_on: date
    minor: int
    settled_minor: int

    @property
    def open_minor(self) -> int:
        """What of it is still owed."""
        return self.minor - self.settled_minor

    def is_overdue(self, on: date) -> bool:
        """Whether its day is over and something of it is owed."""
        return self.open_minor > 0 and self.due_on < on


def amounts(parts: Sequence[PartContent], total_minor: int) -> list[int]:
    """What each part comes to. Shares that make a whole sum exactly to the total, by largest remainder."""
    shares = [part.ppm or 0 for part in parts]
    if all(shares) and sum(shares) == tax.PPM:
        return money.share(total_minor, shares)
    return [
        part.minor if part.ppm is None else tax.portion(total_minor, part=part.ppm, whole=tax.PPM) for part in parts
    ]


def problems(
    parts: Sequence[PartContent], total_minor: int, currency: str, *, issue_on: date | None = None
) -> dict[str, str]:
    """The words for each field that cannot be so; none where the schedule is sound, or where there is none."""
    if not parts:
        return {}
    if not FEWEST_PARTS <= len(parts) <= MOST_PARTS:
        return {"parts": f"Enter {FEWEST_PARTS} parts at least and {MOST_PARTS} at most, or none"}
    found = _days(parts, issue_on)
    comes_to = amounts(parts, total_minor)
    found |= {f"parts-{at}-amount": "Enter more than zero" for at, minor in enumerate(comes_to) if minor <= 0}
    if not found and sum(comes_to) != total_minor:
        together, total = (formatting.money(minor, currency) for minor in (sum(comes_to), total_minor))
        found["parts"] = f"The parts come to {together}, the invoice to {total}. Change a part so that they agree"
    return found


def _days(parts: Sequence[PartContent], issue_on: date | None) -> dict[str, str]:
    found, before = {}, issue_on
    for at, part in enumerate(parts):
        if part.due_on is None:
            if at:
                found[f"parts-{at}-due_on"] = "Enter a date"
            continue
        if before is not None and part.due_on < before + timedelta(days=1 if at else 0):
            found[f"parts-{at}-due_on"] = (
                "Enter a later date than that of the part before" if at else "Enter the issue date or a later one"
            )
        before = part.due_on
    return found


def equal_parts(total_minor: int, count: int, *, first_on: date) -> list[PartContent]:
    """So many parts as equal as minor units allow, a month apart; the first takes what cannot be shared."""
    return [
        PartContent(due_on=dates.add_months(first_on, at), minor=minor)
        for at, minor in enumerate(money.share(total_minor, [1] * count))
    ]


def with_deposit(ppm: int, *, rest_on: date) -> list[PartContent]:
    """A share due on the day of issue, and the rest on a later day."""
    return [PartContent(ppm=ppm), PartContent(due_on=rest_on, ppm=tax.PPM - ppm)]


def write(invoice_id: int, parts: Sequence[PartContent], total_minor: int) -> None:
    """Put a draft's schedule in the place of its old one, inside the caller's transaction."""
    Instalment.delete().where(Instalment.invoice == invoice_id).execute()
    if parts:
        Instalment.insert_many(
            [
                {"invoice": invoice_id, "position": at, "due_on": part.due_on, "ppm": part.ppm, "minor": minor}
                for at, (part, minor) in enumerate(zip(parts, amounts(parts, total_minor), strict=True), start=1)
            ]
        ).execute()


def of_draft(invoice: Invoice) -> list[PartContent]:
    """A draft's schedule as it was asked for; nothing is asked where there is none."""
    return [PartContent(due_on=row.due_on, minor=row.minor, ppm=row.ppm) for row in _rows(invoice)]


def begin_on(invoice_id: int, on: date) -> None:
    """A first part without a day is due on the day of issue."""
    Instalment.update(due_on=on).where((Instalment.invoice == invoice_id) & Instalment.due_on.is_null()).execute()


def of(invoice: Invoice) -> list[Part]:
    """An issued invoice's parts in order, with what is settled of each; empty where it has no schedule."""
    left = invoice.total_minor - invoice.balance_minor
    found = []
    for row in _rows(invoice):
        settled = min(left, row.minor)
        left -= settled
        assert row.due_on is not None, "an issued schedule is dated"
        found.append(Part(position=row.position, due_on=row.due_on, minor=row.minor, settled_minor=settled))
    return found


def next_open(invoice: Invoice) -> Part | None:
    """The earliest part of which something is owed; None without a schedule, or where nothing is owed."""
    if not invoice.balance_minor:
        return None
    return next((part for part in of(invoice) if part.open_minor), None)


def overdue_minor(invoice: Invoice, on: date) -> int:
    """What of an issued invoice should have been paid before `on`: the parts due earlier, less what is paid."""
    if not invoice.balance_minor or invoice.next_due_on is None or invoice.next_due_on >= on:
        return 0
    if not invoice.parts:
        return invoice.balance_minor
    return sum(part.open_minor for part in of(invoice) if part.due_on < on)


def _rows(invoice: Invoice) -> list[Instalment]:
    if not invoice.parts:
        return []
    return list(Instalment.select().where(Instalment.invoice == invoice.id).order_by(Instalment.position))
