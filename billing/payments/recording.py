"""Recording: money that came outside Stripe, split over invoices as its payer said, and taken out again if it bounced.

Its day is the seller's calendar day on which it came. What is not applied is the customer's credit on purpose, or
waits in the money inbox; money of an unknown payer waits in suspense until somebody says whose it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from billing import (
    allocations,
    audit,
    bank_details,
    clock,
    credits,
    early_discounts,
    formatting,
    invoices,
    ledger,
    money,
    seller,
    write_offs,
)
from billing.db import lock, transaction
from billing.errors import Conflict, Invalid, Missing
from billing.payments.planning import Planned
from billing.payments.receipts import contacts_of, queue_receipt
from billing.payments.references import new_reference
from billing.payments.settling import PAID_AHEAD
from billing.tables import Customer, Invoice, Payment, Refund, Seller

if TYPE_CHECKING:
    from datetime import date

    from billing.actors import Actor

METHODS = ("Bank transfer", "Wire", "Cheque", "Cash", "PayPal")  # besides the seller's own
LONGEST_WORDS = 200
MOST_PARTS = 100
MOST_OPEN = 500

# Why money recorded by hand waits in the inbox.
NOT_SPLIT = "not_split"
PAYER_UNKNOWN = "payer_unknown"
NUMBER = re.compile(r"[A-Za-z]{1,12}-[0-9]{4}-[0-9]{3,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came, as staff typed it. `parts` says what is paid of which invoice; the rest is credit, or waits.

    `customer_id` is None where nobody knows whose it is. `minor` > 0 in minor units of `currency`.
    """

    customer_id: int | None
    minor: int
    currency: str
    method: str
    received_on: date
    bank_reference: str = ""
    payer: str = ""
    parts: tuple[Planned, ...] = ()
    rest_is_credit: bool = False
    mails_receipt: bool = True


class LooksTheSame(Conflict):
    """Such a payment is there already; staff may say that this is another one."""

    def __init__(self, payment: Payment) -> None:
        amount = formatting.money(payment.minor, payment.currency)
        super().__init__(
            f"{amount} with the same day and reference was recorded already ({payment.reference}). "
            "Record it anyway only if the money came twice.",
            field="anyway",
        )
        self.payment = payment


class NoSuchPayment(Missing):
    """No payment has that id."""

    def __init__(self) -> None:
        super().__init__("We cannot find that payment.")


class NotRecordedByHand(Conflict):
    """Money that came by Stripe is given back, not reversed."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(f"Payment {payment.reference} came by card. Refund it instead.")


class ReversedAlready(Conflict):
    """It was taken out before."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(f"Payment {payment.reference} was reversed already.")


class GivenBackInPart(Conflict):
    """Some of it was refunded, so it cannot have bounced whole."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(f"Some of payment {payment.reference} was refunded, so it cannot be reversed.")


class PayerKnown(Conflict):
    """It belongs to somebody already."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(f"Payment {payment.reference} belongs to a customer already.")


def record(received: Received, *, by: Actor, at: datetime, anyway: bool = False) -> Payment:
    """Record money, split it, and tell the payer. Raises Invalid with the words for each field, LooksTheSame, Missing.

    `anyway` records what looks like a payment that is there already. A written-off invoice that is paid owes again
    first, and an early-payment discount that is earned is credited.
    """
    received = replace(
        received,
        method=received.method.strip(),
        bank_reference=received.bank_reference.strip(),
        payer=received.payer.strip(),
    )
    _refuse_what_is_wrong(received, at)
    with transaction():
        _lock_payer(received)
        if not anyway:
            _refuse_twin(received)
        paid = _locked(received, by=by, at=at)
        payment = _write(received, by=by, at=at)
        on = received.received_on
        applied = _apply(payment, received, paid, on=on, by=by, at=at)
        left = payment.minor - sum(applied.values())
        reason = _why_kept(received) if left else ""
        if left:
            is_waiting = received.customer_id is None or not received.rest_is_credit
            Payment.update(kept_reason=reason, waiting=is_waiting).where(Payment.id == payment.id).execute()
        if received.customer_id is not None:
            told = contacts_of(received.customer_id) if received.mails_receipt else ()
            queue_receipt(payment, told, at=at)
        facts = {
            "reference": payment.reference,
            "minor": payment.minor,
            "currency": payment.currency,
            "method": payment.method,
            "bank_reference": payment.bank_reference,
            "received_on": on.isoformat(),
            "applied": {str(invoice_id): minor for invoice_id, minor in applied.items()},
            "kept_minor": left,
            "reason": reason,
        }
        audit.record("payment.recorded", f"payment:{payment.id}", by=by, at=at, facts=facts)
    return _reread(payment.id)


def reverse(payment_id: int, *, reason: str, by: Actor, at: datetime) -> Payment:
    """Take a payment recorded by mistake, or one that bounced, out again; what it paid is owed again.

    `reason` is read by the customer. Raises NoSuchPayment, Invalid, NotRecordedByHand, ReversedAlready,
    GivenBackInPart.
    """
    reason = reason.strip()
    if not 1 <= len(reason) <= 500:
        raise Invalid({"reason": "Say why, in 500 characters at most."})
    with transaction():
        payment = _reread(payment_id)
        standing = allocations.standing(payment)
        lock(Invoice.select(Invoice.id).where(Invoice.id.in_(sorted(standing))).order_by(Invoice.id)).execute()
        locked = allocations.lock_source(payment)
        assert isinstance(locked, Payment), "a payment stays a payment"
        refuse_reversal(locked)
        for invoice_id, minor in allocations.standing(locked).items():
            credits.take_back_locked(locked, invoice_id, minor, reason=allocations.REVERSED, by=by, at=at)
        leg = ledger.Leg(
            debit=ledger.SUSPENSE if locked.customer_id is None else ledger.CUSTOMER_CREDIT,
            credit=ledger.BANK,
            minor=locked.minor,
            currency=locked.currency,
            customer_id=locked.customer_id,
            payment_id=locked.id,
        )
        on = clock.day_of(at, seller.get().time_zone)
        ledger.post(f"payment:{locked.id}:reversed", "payment_reversed", [leg], on=on, at=at)
        Payment.update(reversed_at=at, reverse_reason=reason, waiting=False).where(Payment.id == locked.id).execute()
        facts = {"payment": locked.reference, "minor": locked.minor, "currency": locked.currency, "reason": reason}
        for invoice_id in standing:
            invoices.add_activity(invoice_id, "payment_reversed", by=by, at=at, facts=facts)
        audit.record("payment.reversed", f"payment:{locked.id}", by=by, at=at, facts=facts)
    return _reread(payment_id)


def assign_customer(payment_id: int, customer_id: int, *, by: Actor, at: datetime) -> Payment:
    """Say whose money in suspense it is: it becomes that customer's credit, and still waits for a place.

    Raises NoSuchPayment, PayerKnown, Missing.
    """
    with transaction():
        if lock(Customer.select(Customer.id).where(Customer.id == customer_id)).get_or_none() is None:
            raise Missing("We cannot find that customer.")
        payment = allocations.lock_source(_reread(payment_id))
        assert isinstance(payment, Payment), "a payment stays a payment"
        if payment.customer_id is not None:
            raise PayerKnown(payment)
        Payment.update(customer=customer_id).where(Payment.id == payment.id).execute()
        if payment.free_minor:
            leg = ledger.Leg(
                debit=ledger.SUSPENSE,
                credit=ledger.CUSTOMER_CREDIT,
                minor=payment.free_minor,
                currency=payment.currency,
                customer_id=customer_id,
                payment_id=payment.id,
            )
            on = clock.day_of(at, seller.get().time_zone)
            ledger.post(f"payment:{payment.id}:payer", "payer_found", [leg], on=on, at=at)
        facts = {"payment": payment.reference, "customer_id": customer_id, "minor": payment.free_minor}
        audit.record("payment.payer_found", f"payment:{payment.id}", by=by, at=at, facts=facts)
    return _reread(payment_id)


def spread(customer_id: int, currency: str, minor: int, *, reference: str = "") -> list[Planned]:
    """How `minor` would be split where the payer says nothing: invoices the reference names, then oldest due first.

    Only open invoices of this customer and currency; what is left over stays credit. Writes nothing.
    """
    open_ = Invoice.select(Invoice.id, Invoice.number, Invoice.balance_minor, Invoice.next_due_on).where(
        (Invoice.customer == customer_id) & (Invoice.currency == currency) & (Invoice.balance_minor > 0)
    )
    rows = list(open_.order_by(Invoice.next_due_on, Invoice.id).limit(MOST_OPEN))
    named = numbers_named(reference)
    rows.sort(key=lambda invoice: str(invoice.number).upper() not in named)
    planned, left = [], minor
    for invoice in rows:
        if left <= 0:
            break
        part = min(left, invoice.balance_minor)
        planned.append(Planned(invoice.id, part))
        left -= part
    return planned


def numbers_named(text: str) -> frozenset[str]:
    """The invoice numbers in a payer's words, in capitals: as structured references, or plainly written."""
    plain = {found.upper() for found in NUMBER.findall(text)}
    return frozenset(plain | {number.upper() for number in bank_details.numbers_in(text)})


def methods() -> tuple[str, ...]:
    """The ways money may have come, the seller's own last."""
    own = tuple(name for name in seller.get().methods if name not in METHODS)
    return (*METHODS, *own)


def _refuse_what_is_wrong(received: Received, at: datetime) -> None:
    selling = seller.get()
    problems: dict[str, str] = {}
    if received.currency not in money.CURRENCIES:
        problems["currency"] = "Choose a currency"
    if not 0 < received.minor <= money.MAX_MINOR:
        problems["amount"] = "Enter the amount that came"
    if received.received_on > clock.day_of(at, selling.time_zone):
        problems["received_on"] = "The day cannot be in the future"
    if received.method not in methods():
        problems["method"] = "Choose how it was paid"
    for field, text in (("bank_reference", received.bank_reference), ("payer", received.payer)):
        if len(text) > LONGEST_WORDS:
            problems[field] = f"Use at most {LONGEST_WORDS} characters"
    if received.parts and sum(part.minor for part in received.parts) > received.minor:
        problems["parts"] = "The parts come to more than the amount"
    if received.parts and received.customer_id is None:
        problems["customer"] = "Choose the customer whose invoices are paid"
    if len(received.parts) > MOST_PARTS or len({part.invoice_id for part in received.parts}) != len(received.parts):
        problems["parts"] = f"Name each invoice once, at most {MOST_PARTS}"
    if problems:
        raise Invalid(problems)


def _lock_payer(received: Received) -> None:
    """Let one at a time record money of this customer, or of nobody known, each seeing what came before."""
    if received.customer_id is None:
        lock(Seller.select(Seller.id)).get()
    elif lock(Customer.select(Customer.id).where(Customer.id == received.customer_id)).get_or_none() is None:
        raise Missing("We cannot find that customer.")


def _refuse_twin(received: Received) -> None:
    """The same customer, amount, day and reference: mostly somebody else typed it already."""
    came_at = _instant(received.received_on)
    twin: Payment | None = (
        Payment.select()
        .where(
            (Payment.kind == "manual")
            & (Payment.customer.is_null() if received.customer_id is None else Payment.customer == received.customer_id)
            & (Payment.currency == received.currency)
            & (Payment.minor == received.minor)
            & (Payment.received_at == came_at)
            & (Payment.bank_reference == received.bank_reference)
            & Payment.reversed_at.is_null()
        )
        .first()
    )
    if twin is not None:
        raise LooksTheSame(twin)


def _locked(received: Received, *, by: Actor, at: datetime) -> dict[int, Invoice]:
    """The invoices to pay, locked by id, written-off ones owing again. Raises Missing, Invalid at each amount."""
    if received.customer_id is None:
        return {}
    ids = sorted(part.invoice_id for part in received.parts)
    found = {row.id: row for row in lock(Invoice.select().where(Invoice.id.in_(ids)).order_by(Invoice.id))}
    problems: dict[str, str] = {}
    for part in received.parts:
        invoice = found.get(part.invoice_id)
        if invoice is None or invoice.customer_id != received.customer_id or invoice.status != "issued":
            raise Missing("We cannot find that invoice.")
        if invoice.currency != received.currency:
            problems[f"part-{part.invoice_id}"] = f"This invoice is in {invoice.currency}"
            continue
        if invoice.written_off_minor and part.minor > 0:
            invoice = found[invoice.id] = write_offs.reverse(invoice.id, reason="Money came after all.", by=by, at=at)
        if not 0 < part.minor <= invoice.balance_minor:
            most = formatting.money(invoice.balance_minor, invoice.currency)
            problems[f"part-{part.invoice_id}"] = f"Enter {most} or less. That is what it owes"
    if problems:
        raise Invalid(problems)
    return found


def _write(received: Received, *, by: Actor, at: datetime) -> Payment:
    payment: Payment = Payment.create(
        reference=new_reference(),
        kind="manual",
        customer=received.customer_id,
        currency=received.currency,
        minor=received.minor,
        method=received.method,
        received_at=_instant(received.received_on),
        bank_reference=received.bank_reference,
        payer=received.payer,
        recorded_by=by.name,
    )
    came = ledger.Leg(
        debit=ledger.BANK,
        credit=ledger.SUSPENSE if received.customer_id is None else ledger.CUSTOMER_CREDIT,
        minor=payment.minor,
        currency=payment.currency,
        customer_id=payment.customer_id,
        payment_id=payment.id,
    )
    ledger.post(f"payment:{payment.id}", "payment_received", [came], on=received.received_on, at=at)
    return _reread(payment.id)


def _apply(
    payment: Payment, received: Received, paid: dict[int, Invoice], *, on: date, by: Actor, at: datetime
) -> dict[int, int]:
    applied: dict[int, int] = {}
    for part in sorted(received.parts):
        ref = f"payment:{payment.id}:invoice:{part.invoice_id}"
        came_at = payment.received_at
        after = allocations.apply(payment, part.invoice_id, part.minor, ref=ref, on=on, at=at, paid_at=came_at)
        facts = {
            "payment": payment.reference,
            "minor": part.minor,
            "currency": payment.currency,
            "method": payment.method,
            "balance_minor": after.balance_minor,
        }
        invoices.add_activity(part.invoice_id, "paid", by=by, at=at, facts=facts)
        applied[part.invoice_id] = part.minor
        early_discounts.take_if_earned(part.invoice_id, paid_on=on, by=by, at=at)
    assert set(applied) <= set(paid), "only locked invoices are paid"
    return applied


def _why_kept(received: Received) -> str:
    if received.customer_id is None:
        return PAYER_UNKNOWN
    return PAID_AHEAD if received.rest_is_credit else NOT_SPLIT


def refuse_reversal(payment: Payment) -> None:
    """Raise what `reverse` would, so that nobody is asked for a reason in vain."""
    if payment.kind != "manual":
        raise NotRecordedByHand(payment)
    if payment.reversed_at is not None:
        raise ReversedAlready(payment)
    live = Refund.status.in_(["awaiting", "created", "pending", "succeeded"])
    if Refund.select(Refund.id).where((Refund.payment == payment.id) & live).exists():
        raise GivenBackInPart(payment)


def _instant(on: date) -> datetime:
    """The beginning of a day in the seller's zone, so that money of today did not come later than now."""
    return datetime.combine(on, time(), ZoneInfo(seller.get().time_zone)).astimezone(UTC)


def _reread(payment_id: int) -> Payment:
    found: Payment | None = Payment.get_or_none(Payment.id == payment_id)
    if found is None:
        raise NoSuchPayment
    return found
