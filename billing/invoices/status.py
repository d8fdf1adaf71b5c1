"""What an invoice is called: derived from the dates and the books, never stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import date, datetime


class Datable(Protocol):
    """What a status is derived from: an Invoice, or a row of a list."""

    @property
    def status(self) -> str: ...  # noqa: D102 - a column

    @property
    def next_due_on(self) -> date | None: ...  # noqa: D102 - a column

    @property
    def total_minor(self) -> int: ...  # noqa: D102 - a column

    @property
    def balance_minor(self) -> int: ...  # noqa: D102 - a column

    @property
    def credited_minor(self) -> int: ...  # noqa: D102 - a column

    @property
    def refunded_minor(self) -> int: ...  # noqa: D102 - a column

    @property
    def written_off_minor(self) -> int: ...  # noqa: D102 - a column

    @property
    def sent_at(self) -> datetime | None: ...  # noqa: D102 - a column

    @property
    def viewed_at(self) -> datetime | None: ...  # noqa: D102 - a column


def is_overdue(invoice: Datable, on: date) -> bool:
    """Something is owed and its due day, or that of an instalment, is over: overdue starts the day after."""
    return invoice.balance_minor > 0 and invoice.next_due_on is not None and invoice.next_due_on < on


def status_of(invoice: Datable, on: date, *, processing: bool = False) -> str:
    """One word per invoice, by the design's precedence: void, settled, processing, overdue, partially paid, viewed.

    An issued invoice reads "sent" only once a mail server accepted it.
    """
    if invoice.status != "issued":
        return invoice.status
    if invoice.balance_minor == 0:
        return _settled(invoice)
    if processing:
        return "processing"
    if is_overdue(invoice, on):
        return "overdue"
    if invoice.balance_minor < invoice.total_minor:
        return "partially_paid"
    if invoice.viewed_at:
        return "viewed"
    return "sent" if invoice.sent_at else "issued"


def _settled(invoice: Datable) -> str:
    """Nothing is owed: given up, credited in full (and what was paid on it given back, or not), or paid."""
    if invoice.written_off_minor:
        return "written_off"
    if invoice.total_minor and invoice.credited_minor == invoice.total_minor:
        return "refunded" if invoice.refunded_minor else "credited"
    return "paid"
