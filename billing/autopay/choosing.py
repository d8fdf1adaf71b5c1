"""What autopay will charge, and when: by the invoice's due days, the consent, and the tries so far.

A cycle is one due day of one invoice under one consent: at most MOST_TRIES tries belong to it. With instalments each
due day begins a new cycle, which charges all that is due by then. The first try waits for the day that was told.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from billing import audit, cards, chargebacks, instalments, invoices, payments
from billing.autopay import notice
from billing.db import lock, transaction
from billing.errors import Missing
from billing.invoices.activities import add_activity
from billing.tables import Autopay, AutopayRun, Invoice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from billing.actors import Actor

MOST_TRIES = 4
BATCH = 200
MOST_PLANNED = 50
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """What autopay will do about an invoice: charge so much on that day, as the try of that number."""

    card_words: str
    on: date
    minor: int
    try_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCharge:
    """An invoice and the day on which what is due by then would be charged."""

    number: str
    on: date
    minor: int
    currency: str


def coming(invoice: Invoice, on: date) -> Coming | None:
    """What autopay will do next about an invoice, None where it will do nothing (more)."""
    consent = cards.live(invoice.customer_id)
    if consent is None or not _may_be_charged(invoice):
        return None
    assert invoice.next_due_on is not None, "an open invoice falls due"
    due = cycle_of(invoice, on)
    number, day = _next_try(invoice, due, consent, on)  # it may have been tried before its day
    if number is None:
        return None
    when = max(day or notice.day_after(on, due), on)
    return Coming(card_words=consent.card.words, on=when, minor=due_by(invoice, when), try_number=number)


def schedule(customer_id: int, on: date) -> list[PlannedCharge]:
    """What would be charged when, if autopay was turned on today: the next MOST_PLANNED open invoices."""
    mine = (Invoice.customer == customer_id) & (Invoice.status == "issued") & (Invoice.balance_minor > 0)
    rows = Invoice.select().where(mine & ~Invoice.skips_autopay).order_by(Invoice.next_due_on, Invoice.id)
    found = [planned for invoice in rows.limit(MOST_PLANNED) for planned in _charges(invoice, on)]
    return sorted(found, key=lambda planned: planned.on)


def _charges(invoice: Invoice, on: date) -> list[PlannedCharge]:
    """What of an open invoice would be charged on which days: what is due by today at once, the rest after notice."""
    assert invoice.next_due_on is not None, "an open invoice falls due"
    parts = [(part.due_on, part.open_minor) for part in instalments.of(invoice) if part.open_minor]
    sums: Counter[date] = Counter()
    for due_on, minor in parts or [(invoice.next_due_on, invoice.balance_minor)]:
        sums[on if due_on <= on else notice.day_after(on, due_on)] += minor
    number, currency = str(invoice.number), invoice.currency
    return [PlannedCharge(number=number, on=day, minor=minor, currency=currency) for day, minor in sorted(sums.items())]


def next_charges(customer_id: int, on: date, *, limit: int) -> list[PlannedCharge]:
    """The next charges under the live consent, each try on its day, soonest first; at most `limit` (10 or fewer)."""
    assert 0 < limit <= 10, "each is looked at by itself"
    mine = (Invoice.customer == customer_id) & (Invoice.status == "issued") & (Invoice.balance_minor > 0)
    rows = Invoice.select().where(mine & ~Invoice.skips_autopay).order_by(Invoice.next_due_on, Invoice.id)
    told = [(invoice, coming(invoice, on)) for invoice in rows.limit(2 * limit)]
    found = [
        PlannedCharge(number=str(invoice.number), on=next_.on, minor=next_.minor, currency=invoice.currency)
        for invoice, next_ in told
        if next_ is not None
    ]
    return sorted(found, key=lambda planned: planned.on)[:limit]


def skip(invoice_id: int, *, customer_id: int, skips: bool, by: Actor, at: datetime) -> None:
    """Leave one invoice out of autopay, or take it in again. Raises Missing."""
    with transaction():
        found: Invoice | None = lock(
            Invoice.select().where(
                (Invoice.id == invoice_id) & (Invoice.customer == customer_id) & (Invoice.status == "issued")
            )
        ).get_or_none()
        if found is None:
            raise Missing(invoices.NOT_FOUND)
        if found.skips_autopay == skips:
            return
        Invoice.update(skips_autopay=skips).where(Invoice.id == invoice_id).execute()
        add_activity(invoice_id, "autopay_skipped" if skips else "autopay_unskipped", by=by, at=at)
        audit.record("autopay.skipped", f"invoice:{invoice_id}", by=by, at=at, facts={"skips": skips})


def candidates(until: date) -> Iterator[Invoice]:
    """The open invoices under a live consent that fall due before a day, by id."""
    after = 0
    while True:
        found = list(
            Invoice.select()
            .join(Autopay, on=(Autopay.customer == Invoice.customer) & Autopay.ended_at.is_null())
            .where(
                (Invoice.balance_minor > 0)
                & (Invoice.status == "issued")
                & ~Invoice.skips_autopay
                & (Invoice.next_due_on < until)
                & (Invoice.id > after)
            )
            .order_by(Invoice.id)
            .limit(BATCH)
        )
        yield from found
        if len(found) < BATCH:
            return
        after = found[-1].id


def try_now(invoice: Invoice, consent: Autopay, on: date) -> tuple[date, int] | None:
    """The due day and the number of the try that is to be made by `on`, None where none is."""
    if not _may_be_charged(invoice) or invoice.next_due_on is None or invoice.next_due_on > on:
        return None
    due = cycle_of(invoice, on)
    number, day = _next_try(invoice, due, consent, on)
    if number is None or day is None or day > on:
        return None
    return due, number


def to_tell(invoice: Invoice, consent: Autopay, on: date) -> tuple[date, date] | None:
    """The due day of the cycle whose charge is to be told by now, and the day it is charged; None where none is."""
    if not _may_be_charged(invoice) or try_now(invoice, consent, on) is not None:
        return None
    due = cycle_of(invoice, on + notice.AHEAD)
    if due > on + notice.AHEAD or last_of_cycle(invoice, due, consent) is not None:
        return None
    return due, notice.first_day(invoice, due, consent, on) or notice.day_after(on, due)


def due_by(invoice: Invoice, on: date) -> int:
    """What is still to be paid of all that fell due by the end of a day."""
    return instalments.overdue_minor(invoice, on + ONE_DAY)


def cycle_of(invoice: Invoice, on: date) -> date:
    """The newest due day, not after `on`, of which something is still to be paid."""
    assert invoice.next_due_on is not None, "an open invoice falls due"
    days = [part.due_on for part in instalments.of(invoice) if part.open_minor and part.due_on <= on]
    return max(days, default=invoice.next_due_on)


def run_key(invoice: Invoice, due: date, consent: Autopay, try_number: int) -> str:
    """What makes a second such try impossible."""
    return f"{invoice.id}:{due}:{consent.id}:{try_number}"


def last_of_cycle(invoice: Invoice, due: date, consent: Autopay) -> AutopayRun | None:
    """The newest try of a cycle."""
    keys = [run_key(invoice, due, consent, number) for number in range(1, MOST_TRIES + 1)]
    found: AutopayRun | None = (
        AutopayRun.select().where(AutopayRun.run_key.in_(keys)).order_by(AutopayRun.try_number.desc()).first()
    )
    return found


def _next_try(invoice: Invoice, due: date, consent: Autopay, on: date) -> tuple[int | None, date | None]:
    """The number and the day of a cycle's next try; the first has no day until it was told."""
    last = last_of_cycle(invoice, due, consent)
    if last is None:
        return 1, notice.first_day(invoice, due, consent, on)
    if last.outcome == "declined" and last.next_on is not None and last.try_number < MOST_TRIES:
        return last.try_number + 1, last.next_on
    return None, None


def _may_be_charged(invoice: Invoice) -> bool:
    """Open, not left out, nobody is paying it, and no bank is taking its money back."""
    if invoice.status != "issued" or not invoice.balance_minor or invoice.skips_autopay:
        return False
    return not payments.unfinished(invoice.id) and not chargebacks.open_on([invoice.id])
