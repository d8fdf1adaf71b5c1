"""What is known of refunds, and how much of a payment may still go back the way it came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from peewee import JOIN, fn

from billing import allocations, credits
from billing.refunds.refusals import NoSuchRefund
from billing.tables import Allocation, Chargeback, CreditNote, Customer, Invoice, Payment, Refund, User

if TYPE_CHECKING:
    from datetime import datetime

    from billing.allocations import Source

Method = Literal["original", "bank", "cheque", "cash", "other"]
METHODS: tuple[Method, ...] = ("original", "bank", "cheque", "cash", "other")
GIVEN_BACK = ("created", "pending", "succeeded")  # the value has left the customer's credit
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRow:
    """A refund as people see it. `status`: awaiting, created, pending, succeeded, failed, declined.

    `source` is what its value came from ("Payment PAY-...", "Credit note CN-..."); `invoice_number` the invoice it was
    taken off, "" for none; `card` is the way the payment came, where it goes back there.
    """

    id: int
    reference: str
    status: str
    minor: int
    currency: str
    method: Method
    card: str
    source: str
    payment_id: int | None
    credit_note_id: int | None
    invoice_id: int | None
    invoice_number: str
    customer_id: int | None
    customer_name: str
    reason: str
    failure: str
    needs_review: bool
    created_at: datetime
    created_by: str
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the value of a source is: free (`invoice_id` None), or on an invoice it would be taken off."""

    invoice_id: int | None
    number: str
    minor: int


def places(source: Source) -> list[Place]:
    """Where a refund of a payment or a credit note may come from: what is left first, then its invoices, newest first.

    Of what is left, what an unfinished payment has planned to use is held back.
    """
    free = source.free_minor if source.customer_id is None else credits.credit_of(source).available_minor
    standing = allocations.standing(source)
    numbers = {row.id: str(row.number) for row in Invoice.select().where(Invoice.id.in_(list(standing)))}
    applied = [Place(invoice_id=id_, number=numbers[id_], minor=minor) for id_, minor in reversed(standing.items())]
    return [Place(invoice_id=None, number="", minor=free), *applied] if free else applied


def charges(source: Source) -> list[tuple[Payment, int]]:
    """The payments by which a refund may go back the way it came, each with the most of it, newest first."""
    if isinstance(source, Payment):
        found = [source]
    else:
        paid = Allocation.select(Allocation.payment).where(
            (Allocation.invoice == source.invoice_id) & Allocation.payment.is_null(False)
        )
        found = list(Payment.select().where(Payment.id.in_(paid)).order_by(Payment.id.desc()))
    return [(payment, most) for payment in found if (most := refundable(payment))]


def get(refund_id: int) -> RefundRow:
    """One refund. Raises NoSuchRefund."""
    found = _rows(Refund.id == refund_id, limit=1)
    if not found:
        raise NoSuchRefund
    return found[0]


def for_payment(payment_id: int) -> list[RefundRow]:
    """The refunds of a payment, newest first: of its credit, or through it back to the payer."""
    return _rows(Refund.payment == payment_id)


def for_invoice(invoice_id: int) -> list[RefundRow]:
    """The refunds of what was paid on an invoice, and of what its credit notes gave, newest first."""
    notes = CreditNote.select(CreditNote.id).where(CreditNote.invoice == invoice_id)
    return _rows((Refund.invoice == invoice_id) | Refund.credit_note.in_(notes))


def for_customer(customer_id: int, *, limit: int = MOST_SHOWN) -> list[RefundRow]:
    """A customer's refunds that were approved or needed no approval, newest first."""
    told = Refund.status.not_in(["awaiting", "declined"])
    return _rows((Refund.customer == customer_id) & told, limit=limit)


def page(*, before: int | None = None, limit: int = 50) -> list[RefundRow]:
    """Everybody's refunds, newest first, those before one id."""
    return _rows(Refund.id < before if before else Refund.id > 0, limit=limit)


def to_review(*, limit: int = MOST_SHOWN) -> list[RefundRow]:
    """Refunds made outside Remit: somebody should look where their value was taken from."""
    return _rows(Refund.needs_review, limit=limit)


def refundable(payment: Payment) -> int:
    """What of a payment may still go back the way it came: captured, less refunds and what its bank took back."""
    if payment.intent_id is None or is_blocked(payment):
        return 0
    back = Refund.select(fn.COALESCE(fn.SUM(Refund.minor), 0)).where(
        (Refund.payment == payment.id) & (Refund.method == "original") & Refund.status.in_(GIVEN_BACK)
    )
    taken = Chargeback.select(fn.COALESCE(fn.SUM(Chargeback.withdrawn_minor), 0)).where(
        Chargeback.payment == payment.id
    )
    return max(payment.minor - int(back.scalar()) - int(taken.scalar()), 0)


def is_blocked(payment: Payment) -> bool:
    """Whether any chargeback of the payment forbids a refund: Stripe judges by all of a charge's disputes."""
    barring = Chargeback.select(Chargeback.id).where(
        (Chargeback.payment == payment.id) & (Chargeback.is_refundable == False)  # noqa: E712 - SQL, not Python
    )
    return bool(barring.exists())


def _rows(condition: Any, *, limit: int = MOST_SHOWN) -> list[RefundRow]:  # noqa: ANN401 - a Peewee expression
    query = (
        Refund.select(Refund, Payment, CreditNote, Invoice, Customer)
        .join(Payment, JOIN.LEFT_OUTER)
        .switch(Refund)
        .join(CreditNote, JOIN.LEFT_OUTER)
        .switch(Refund)
        .join(Invoice, JOIN.LEFT_OUTER)
        .switch(Refund)
        .join(Customer, JOIN.LEFT_OUTER)
        .where(condition)
        .order_by(Refund.id.desc())
        .limit(limit)
    )
    found = list(query)
    names = _names({refund.created_by for refund in found})
    return [_row(refund, names.get(refund.created_by, "Remit")) for refund in found]


def _row(refund: Refund, created_by: str) -> RefundRow:
    payment, note = refund.payment, refund.credit_note
    source = f"Credit note {note.number}" if note is not None else f"Payment {payment.reference}" if payment else ""
    return RefundRow(
        id=refund.id,
        reference=refund.reference,
        status=refund.status,
        minor=refund.minor,
        currency=refund.currency,
        method=cast("Method", refund.method),
        card=payment.method if payment is not None and refund.method == "original" else "",
        source=source,
        payment_id=refund.payment_id,
        credit_note_id=refund.credit_note_id,
        invoice_id=refund.invoice_id,
        invoice_number=str(refund.invoice.number) if refund.invoice is not None else "",
        customer_id=refund.customer_id,
        customer_name=refund.customer.name if refund.customer is not None else "",
        reason=refund.reason,
        failure=refund.failure,
        needs_review=refund.needs_review,
        created_at=refund.created_at,
        created_by=created_by,
        settled_at=refund.settled_at,
    )


def _names(keys: set[str]) -> dict[str, str]:
    """The names of people by their key ("user:7")."""
    ids = [int(key.removeprefix("user:")) for key in keys if key.startswith("user:")]
    return {f"user:{user.id}": user.name for user in User.select(User.id, User.name).where(User.id.in_(ids))}
