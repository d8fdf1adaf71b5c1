"""What is known of payments: who is paying now, what came, where it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from billing import allocations
from billing.db import execute
from billing.errors import Missing
from billing.invoices.reading import planning_on
from billing.invoices.terms import early_discount
from billing.tables import UNFINISHED, Attempt, Invoice, Payment, PlannedAllocation, PlannedCredit
from billing.tables.base import Instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_instant = Instant().python_value

FRESH = timedelta(seconds=15)  # how long "you have not paid yet" is believed after asking the provider

OutcomeState = Literal[
    "checking", "open", "on_its_way", "received", "given_back", "taken_back", "bounced", "not_completed"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What stands against an invoice: money of a payment, or a credit note. Minor units of the invoice's currency.

    `reference` is the payment's, or the credit note's number. `has_page`: a payment begun in the portal, by `payer`.
    """

    kind: Literal["payment", "credit_note"]
    reference: str
    minor: int
    currency: str
    method: str
    at: datetime
    payer: str

    @property
    def has_page(self) -> bool:
        """Whether the customer began it, so that it has a page of its own."""
        return bool(self.payer)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedTo:
    """An invoice of a payment: what was applied, and what it still owes."""

    number: str
    minor: int
    balance_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says. `kept_minor` was not applied to an invoice, for `kept_reason`."""

    reference: str
    customer_id: int | None
    currency: str
    minor: int
    method: str
    received_at: datetime
    applied: tuple[AppliedTo, ...]
    kept_minor: int
    kept_reason: str


@dataclass(frozen=True, slots=True)
class Flight:
    """A payment under way, as other pages tell of it: who is paying, and since when.

    `is_part`: it leaves something of this invoice to be paid, which is paid once this has arrived.
    """

    id: str
    payer: str
    payer_name: str
    status: str
    minor: int
    currency: str
    failure: str
    created_at: datetime
    expires_at: datetime
    is_part: bool


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What went back of a payment: `refunded_minor` by us, on its way or sent, `taken_minor` by its bank."""

    refunded_minor: int = 0
    taken_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the payer is told: where the attempt stands, and once money came the receipt and the credit used with it.

    `back` is what went back of the money since; the state says so where nothing of it is left.
    """

    attempt: Attempt
    state: OutcomeState
    numbers: tuple[str, ...]
    receipt: Receipt | None
    back: GivenBack
    credit: tuple[AppliedTo, ...]


def unfinished(invoice_id: int) -> list[Attempt]:
    """The attempts to pay an invoice that may still bring money."""
    return unfinished_on([invoice_id])


def unfinished_on(invoice_ids: Sequence[int]) -> list[Attempt]:
    """The attempts to pay any of these invoices that may still bring money: what is on its way first, then by age."""
    found = Attempt.select().where(Attempt.id.in_(planning_on(invoice_ids)) & Attempt.status.in_(UNFINISHED))
    return sorted(found, key=lambda attempt: (attempt.status != "processing", attempt.created_at))


def in_flight(invoice_id: int) -> Attempt | None:
    """The attempt to show beside an invoice: money on its way before an open page."""
    found = unfinished(invoice_id)
    return found[0] if found else None


def in_flight_on(invoice_ids: Sequence[int], *, at: datetime) -> dict[int, Flight]:
    """Who is paying which of these invoices now, in one statement; a page whose time is over counts no more."""
    if not invoice_ids:
        return {}
    asked = _padded(invoice_ids)
    marks = ", ".join("?" for _ in asked)
    rows = execute(
        f"""SELECT planned.invoice_id, a.id, a.payer, a.payer_name, a.status, a.minor, a.currency, a.failure,
            a.created_at, a.expires_at, planned.minor, i.balance_minor, i.total_minor - i.credited_minor, i.early_ppm
        FROM (SELECT attempt_id, invoice_id, SUM(minor) AS minor FROM
                (SELECT attempt_id, invoice_id, minor FROM planned_allocation WHERE invoice_id IN ({marks})
                UNION ALL SELECT attempt_id, invoice_id, minor FROM planned_credit WHERE invoice_id IN ({marks})
                ) AS every
            GROUP BY attempt_id, invoice_id) AS planned
        JOIN attempt a ON a.id = planned.attempt_id JOIN invoice i ON i.id = planned.invoice_id
        WHERE a.status IN ('created', 'open', 'processing')""",  # noqa: S608 - constants
        (*asked, *asked),
    ).fetchall()
    shown: dict[int, Flight] = {}
    for (invoice_id, id_, payer, name, status, minor, currency, failure, created_at, expires_at,
         planned, owed, billed, early_ppm) in rows:  # fmt: skip
        left = int(owed) - int(planned)
        flight = Flight(
            id_,
            payer,
            name,
            status,
            minor,
            currency,
            failure,
            cast("datetime", _instant(created_at)),
            cast("datetime", _instant(expires_at)),
            is_part=left > 0 and left != early_discount(int(billed), early_ppm),
        )
        is_over = flight.status != "processing" and flight.expires_at <= at
        if not is_over and (invoice_id not in shown or flight.status == "processing"):
            shown[invoice_id] = flight
    return shown


def _padded(ids: Sequence[int]) -> list[int]:
    """The ids, the last one repeated up to the next of a few lengths: few texts of SQL for many lengths of lists."""
    room = next((room for room in (1, 25) if len(ids) <= room), len(ids))
    return [*ids, *[ids[-1]] * (room - len(ids))]


def applied_on(invoice_id: int) -> list[Applied]:
    """All that stands against an invoice, payments and credit notes, in the order it was first applied."""
    rows = execute(
        """SELECT 'payment', p.reference, SUM(a.minor), p.currency, p.method, p.received_at, COALESCE(t.payer, ''),
            MIN(a.id) AS place
        FROM allocation a JOIN payment p ON p.id = a.payment_id LEFT JOIN attempt t ON t.id = p.attempt_id
        WHERE a.invoice_id = ? GROUP BY p.id, p.reference, p.currency, p.method, p.received_at, t.payer
        HAVING SUM(a.minor) <> 0
        UNION ALL SELECT 'credit_note', n.number, SUM(a.minor), n.currency, '', n.issued_at, '', MIN(a.id) AS place
        FROM allocation a JOIN credit_note n ON n.id = a.credit_note_id
        WHERE a.invoice_id = ? GROUP BY n.id, n.number, n.currency, n.issued_at HAVING SUM(a.minor) <> 0
        ORDER BY place""",
        (invoice_id, invoice_id),
    ).fetchall()
    return [
        Applied(
            kind=kind,
            reference=reference,
            minor=int(minor),
            currency=currency,
            method=method,
            at=cast("datetime", _instant(at)),
            payer=payer,
        )
        for kind, reference, minor, currency, method, at, payer, _ in rows
    ]


def last_of(customer_id: int) -> Payment | None:
    """The newest payment of a customer, if any came."""
    found: Payment | None = Payment.select().where(Payment.customer == customer_id).order_by(Payment.id.desc()).first()
    return found


def attempt_for(attempt_id: str, *, customer_id: int | None = None, payer: str | None = None) -> Attempt:
    """An attempt of a signed-in customer (`customer_id`), or a guest's very own (`payer`). Raises Missing."""
    assert (customer_id is None) != (payer is None), "either the customer's, or one payer's"
    mine = Attempt.customer == customer_id if customer_id is not None else Attempt.payer == payer
    found: Attempt | None = Attempt.get_or_none((Attempt.id == attempt_id) & mine)
    if found is None:
        raise Missing("We cannot find that payment.")
    return found


def planned_on(attempt_id: str) -> Any:  # noqa: ANN401 - a Peewee query
    """The ids of the invoices an attempt means to pay, with money or with credit, as a query."""
    paid = PlannedAllocation.select(PlannedAllocation.invoice).where(PlannedAllocation.attempt == attempt_id)
    credited = PlannedCredit.select(PlannedCredit.invoice).where(PlannedCredit.attempt == attempt_id)
    return paid | credited


def invoice_ids_of(attempt_id: str) -> list[int]:
    """The invoices an attempt is meant to pay, none where there is no such attempt: for asking who may see it."""
    return sorted(row[0] for row in planned_on(attempt_id).tuples())


def invoice_numbers(attempt: Attempt) -> tuple[str, ...]:
    """The invoices an attempt is meant to pay, in their order."""
    rows = Invoice.select(Invoice.number).where(Invoice.id.in_(planned_on(attempt.id))).order_by(Invoice.position)
    return tuple(str(row.number) for row in rows)


def outcome(attempt: Attempt, *, at: datetime, returned: bool = False) -> Outcome:
    """What to tell the payer now. A page that was not asked about just now is being checked, never "unpaid".

    `returned`: the provider sent the payer back as done, so an open page means that the news is still on its way.
    """
    payment: Payment | None = Payment.get_or_none(Payment.attempt == attempt.id)
    back = GivenBack() if payment is None else given_back([payment.id])[payment.id]
    return Outcome(
        attempt=attempt,
        state=_unsettled(attempt, at, returned=returned) if payment is None else _settled(payment, back),
        numbers=invoice_numbers(attempt),
        receipt=None if payment is None else receipt(payment.id),
        back=back,
        credit=() if payment is None else _credit_used(attempt),
    )


def given_back(payment_ids: Sequence[int]) -> dict[int, GivenBack]:
    """What went back of each of these payments, by its id."""
    if not payment_ids:
        return {}
    found = execute(
        f"""SELECT p.id,
            (SELECT COALESCE(SUM(r.minor), 0) FROM refund r
                WHERE r.payment_id = p.id AND r.status IN ('created', 'pending', 'succeeded')),
            (SELECT COALESCE(SUM(c.withdrawn_minor), 0) FROM chargeback c WHERE c.payment_id = p.id)
        FROM payment p WHERE p.id IN ({", ".join("?" for _ in payment_ids)})""",  # noqa: S608 - only places for values
        tuple(payment_ids),
    ).fetchall()
    return {id_: GivenBack(int(refunded), int(taken)) for id_, refunded, taken in found}


def _credit_used(attempt: Attempt) -> tuple[AppliedTo, ...]:
    """The credit that was planned with an attempt, as far as it stands on its invoices, in their order."""
    used: dict[int, AppliedTo] = {}
    planned_here = PlannedCredit.select().where(PlannedCredit.attempt == attempt.id)
    for planned in planned_here.order_by(PlannedCredit.invoice, PlannedCredit.id):
        source, invoice = planned.payment or planned.credit_note, planned.invoice
        assert source is not None, "a planned credit names its source"
        minor = min(planned.minor, allocations.applied_to(source, invoice.id))
        if minor > 0:
            minor += used[invoice.id].minor if invoice.id in used else 0
            number, balance, currency = str(invoice.number), invoice.balance_minor, invoice.currency
            used[invoice.id] = AppliedTo(number=number, minor=minor, balance_minor=balance, currency=currency)
    return tuple(used.values())


def _settled(payment: Payment, back: GivenBack) -> OutcomeState:
    if payment.reversed_at is not None:
        return "bounced"
    if back.refunded_minor + back.taken_minor < payment.minor:
        return "received"
    return "taken_back" if back.taken_minor else "given_back"


def _unsettled(attempt: Attempt, at: datetime, *, returned: bool) -> OutcomeState:
    if attempt.status == "succeeded":
        return "received"
    if attempt.status == "processing":
        return "on_its_way"
    if attempt.status in {"failed", "expired", "superseded"}:
        return "not_completed"
    asked_just_now = attempt.checked_at is not None and at - attempt.checked_at < FRESH
    return "open" if attempt.status == "open" and asked_just_now and not returned else "checking"


def receipt(payment_id: int) -> Receipt:
    """What came, where it went, and what is left to pay. Raises Missing."""
    payment: Payment | None = Payment.get_or_none(Payment.id == payment_id)
    if payment is None:
        raise Missing("We cannot find that payment.")
    applied = allocations.standing(payment)
    found = {invoice.id: invoice for invoice in Invoice.select().where(Invoice.id.in_(list(applied)))}
    return Receipt(
        reference=payment.reference,
        customer_id=payment.customer_id,
        currency=payment.currency,
        minor=payment.minor,
        method=payment.method,
        received_at=payment.received_at,
        applied=tuple(
            AppliedTo(
                number=str(found[invoice_id].number),
                minor=minor,
                balance_minor=found[invoice_id].balance_minor,
                currency=found[invoice_id].currency,
            )
            for invoice_id, minor in applied.items()
        ),
        kept_minor=payment.free_minor,
        kept_reason=payment.kept_reason,
    )
