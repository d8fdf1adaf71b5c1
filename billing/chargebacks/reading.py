"""What is known of chargebacks: what staff must answer, what was taken, and which invoices they concern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from peewee import JOIN, fn

from billing.errors import Missing
from billing.tables import Allocation, Chargeback, ChargebackMovement, Customer, Invoice, Payment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

CLOSED = ("warning_closed", "prevented", "lost", "won")
NEEDS_ANSWER = ("warning_needs_response", "needs_response", "appeal_needs_response")
MOST_SHOWN = 200


class NoSuchChargeback(Missing):
    """No chargeback has that id."""

    def __init__(self) -> None:
        super().__init__("We cannot find that chargeback.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargebackRow:
    """A chargeback as staff sees it. `status` and `reason` are Stripe's words.

    `withdrawn_minor` is what the bank holds now, `fee_minor` what it cost (in `fee_currency`); `invoices` are ids and
    numbers of what the payment paid.
    """

    id: str
    status: str
    reason: str
    minor: int
    currency: str
    withdrawn_minor: int
    fee_minor: int
    fee_currency: str
    respond_by: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    payment_id: int
    payment_reference: str
    customer_id: int | None
    customer_name: str
    invoices: tuple[tuple[int, str], ...]

    @property
    def needs_answer(self) -> bool:
        """Whether the bank waits for staff."""
        return self.status in NEEDS_ANSWER

    @property
    def is_open(self) -> bool:
        """Whether the bank has not said its last word."""
        return self.status not in CLOSED


def get(chargeback_id: str) -> ChargebackRow:
    """One chargeback. Raises NoSuchChargeback."""
    found = _rows(Chargeback.id == chargeback_id)
    if not found:
        raise NoSuchChargeback
    return found[0]


def page(*, limit: int = MOST_SHOWN) -> list[ChargebackRow]:
    """Everybody's chargebacks: those that wait for an answer first, by their deadline; then newest first."""
    found = _rows(Chargeback.opened_at.is_null(False), limit=limit)
    waiting = [row for row in found if row.needs_answer]
    return sorted(waiting, key=lambda row: row.respond_by or row.opened_at) + [
        row for row in found if not row.needs_answer
    ]


def for_payment(payment_id: int) -> list[ChargebackRow]:
    """The chargebacks of a payment, newest first."""
    return _rows(Chargeback.payment == payment_id)


def for_customer(customer_id: int) -> list[ChargebackRow]:
    """The chargebacks of a customer's payments, newest first."""
    return _rows(Payment.customer == customer_id)


def open_on(invoice_ids: Sequence[int]) -> set[int]:
    """Which of these invoices were paid by a payment that its bank has not decided about: no reminder, no autopay."""
    rows: Any = (
        Allocation.select(Allocation.invoice)
        .join(Chargeback, on=(Chargeback.payment == Allocation.payment))
        .where(Allocation.invoice.in_(list(invoice_ids)) & Chargeback.status.not_in(CLOSED))
        .distinct()
        .tuples()
    )
    return {invoice_id for (invoice_id,) in rows}


def _rows(condition: Any, *, limit: int = MOST_SHOWN) -> list[ChargebackRow]:  # noqa: ANN401 - a Peewee expression
    query = (
        Chargeback.select(Chargeback, Payment, Customer)
        .join(Payment)
        .join(Customer, JOIN.LEFT_OUTER)
        .where(condition)
        .order_by(Chargeback.opened_at.desc(), Chargeback.id)
        .limit(limit)
    )
    found = list(query)
    fees = _fees([row.id for row in found])
    invoices = _invoices([row.payment_id for row in found])
    return [_row(row, fees.get(row.id, (0, row.currency)), invoices.get(row.payment_id, ())) for row in found]


def _row(found: Chargeback, fee: tuple[int, str], invoices: tuple[tuple[int, str], ...]) -> ChargebackRow:
    payment = found.payment
    return ChargebackRow(
        id=found.id,
        status=found.status,
        reason=found.reason,
        minor=found.minor,
        currency=found.currency,
        withdrawn_minor=found.withdrawn_minor,
        fee_minor=fee[0],
        fee_currency=fee[1],
        respond_by=found.respond_by,
        opened_at=found.opened_at,
        closed_at=found.closed_at,
        payment_id=payment.id,
        payment_reference=payment.reference,
        customer_id=payment.customer_id,
        customer_name=payment.customer.name if payment.customer is not None else "",
        invoices=invoices,
    )


def _fees(ids: list[str]) -> dict[str, tuple[int, str]]:
    rows: Any = (
        ChargebackMovement.select(
            ChargebackMovement.chargeback, fn.SUM(ChargebackMovement.fee_minor), fn.MIN(ChargebackMovement.currency)
        )
        .where(ChargebackMovement.chargeback.in_(ids))
        .group_by(ChargebackMovement.chargeback)
        .tuples()
    )
    return {chargeback_id: (int(minor), currency) for chargeback_id, minor, currency in rows}


def _invoices(payment_ids: list[int]) -> dict[int, tuple[tuple[int, str], ...]]:
    rows: Any = (
        Allocation.select(Allocation.payment, Invoice.id, Invoice.number)
        .join(Invoice)
        .where(Allocation.payment.in_(payment_ids))
        .distinct()
        .order_by(Invoice.id)
        .tuples()
    )
    found: dict[int, tuple[tuple[int, str], ...]] = {}
    for payment_id, invoice_id, number in rows:
        found[payment_id] = (*found.get(payment_id, ()), (invoice_id, str(number)))
    return found
