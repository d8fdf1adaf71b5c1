"""The money inbox: every amount without a place, with suggestions that say why. A person applies them, never we.

Suggestions are ranked: what the payer's reference names, what adds up to the amount exactly, whose name it is like,
and at last the oldest due. The search is bounded, so that a customer with thousands of open invoices costs no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from typing import TYPE_CHECKING

from billing import allocations, audit, clock, credits, early_discounts, payments, seller, write_offs
from billing.db import execute, is_sqlite, lock, transaction
from billing.errors import Conflict, Invalid
from billing.tables import Customer, Invoice, Payment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from billing.actors import Actor
    from billing.payments import Planned

MOST_OPEN = 20  # open invoices of a customer that are tried, oldest due first
MOST_TOGETHER = 4  # that may add up to the amount
MOST_SUGGESTIONS = 5
MOST_CUSTOMERS = 3  # that an unknown payer may be
ALIKE = 0.75  # how like two names must be, of 1
PAGE = 10
MOST_COUNTED = 99
LONGEST_REASON = 500
TAKEN_OFF = "taken_off"

WHY = {
    "invoice_no_longer_payable": "The invoice was paid or cancelled while the payer was on the payment page.",
    "amount_mismatch": "The amount is not the one that was asked for.",
    "wrong_currency": "The currency is not that of the invoice.",
    "wrong_customer": "It was paid as another customer than the one who began to pay.",
    "unknown_attempt": "It was not begun here, but at Stripe.",
    "second_payment": "The same payment page brought money twice.",
    "chargeback_won": "The payer's bank gave it back after a chargeback.",
    "refund_failed": "A refund of it came back. Send it another way, or give it a place.",
    "not_split": "Nobody has said yet what it is for.",
    "payer_unknown": "Nobody has said yet whose it is.",
    TAKEN_OFF: "It was taken off an invoice, and waits for another place.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A payment in the inbox: `free_minor` of it has no place, for `why`."""

    payment: Payment
    customer: Customer | None
    free_minor: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """An invoice of a suggestion: what would be applied, and what it would owe then."""

    invoice_id: int
    number: str
    minor: int
    left_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What could be done with the money, and why one may think so. `rest_minor` would stay credit."""

    customer_id: int
    customer_name: str
    paid: tuple[Paid, ...]
    rest_minor: int
    why: str


class NothingFree(Conflict):
    """Somebody found a place for it meanwhile."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(f"Nothing of payment {payment.reference} is free any more.")


class PayerUnknown(Conflict):
    """Money of nobody is nobody's credit."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(f"Say first who paid {payment.reference}: until then it is nobody's credit.")


def waiting(*, after: int = 0, limit: int = PAGE) -> list[Waiting]:
    """What waits, oldest first, paged by the payment's id."""
    rows = Payment.select().where(Payment.waiting & (Payment.id > after)).order_by(Payment.id).limit(limit)
    found = list(rows)
    ids = {row.customer_id for row in found if row.customer_id is not None}
    known = {customer.id: customer for customer in Customer.select().where(Customer.id.in_(sorted(ids)))}
    return [
        Waiting(
            payment=row,
            customer=known.get(row.customer_id) if row.customer_id is not None else None,
            free_minor=row.free_minor,
            why=why(row),
        )
        for row in found
    ]


def counts() -> dict[str, int]:
    """How much waits in the "inbox" and for "approvals", in one statement, exact up to MOST_COUNTED."""
    waits = "waiting = 1" if is_sqlite() else "waiting"
    found = execute(
        f"""SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM payment WHERE {waits} LIMIT {MOST_COUNTED + 1}) AS p),
            (SELECT COUNT(*) FROM (SELECT 1 FROM approval WHERE decided_at IS NULL LIMIT {MOST_COUNTED + 1}) AS a)"""  # noqa: S608 - constants
    ).fetchone()
    return {"inbox": int(found[0]), "approvals": int(found[1])}


def why(payment: Payment) -> str:
    """Why a payment waits, in a sentence."""
    return WHY.get(payment.kept_reason, "It has no place yet.")


def suggestions(payment: Payment) -> list[Suggestion]:
    """What could be done with what is free of a payment, best first; empty where nothing speaks for anything."""
    if not payment.free_minor:
        return []
    if payment.customer_id is not None:
        customer: Customer = Customer.get_by_id(payment.customer_id)
        return _for_customer(payment, customer, "")[:MOST_SUGGESTIONS]
    found: list[Suggestion] = []
    for customer, because in _who_it_may_be(payment):
        found += _for_customer(payment, customer, because)
    return found[:MOST_SUGGESTIONS]


def apply(payment_id: int, planned: Sequence[Planned], *, customer_id: int, by: Actor, at: datetime) -> Payment:
    """Apply what is free of a payment to invoices of a customer, as a person chose; the rest waits on.

    An unknown payer becomes that customer. All or nothing. Raises NoSuchPayment, NothingFree, PayerKnown, Missing,
    NotEnoughLeft, AllocationExceedsOpenBalance, CreditHeld.
    """
    with transaction():
        lock(Customer.select(Customer.id).where(Customer.id == customer_id)).get_or_none()
        ids = sorted(plan.invoice_id for plan in planned)
        theirs = Invoice.id.in_(ids) & (Invoice.customer == customer_id)
        locked = list(lock(Invoice.select().where(theirs).order_by(Invoice.id)))
        payment = _payment(payment_id)
        if payment.customer_id is None:
            payment = payments.assign_customer(payment_id, customer_id, by=by, at=at)
        elif payment.customer_id != customer_id:
            raise payments.PayerKnown(payment)
        if not payment.free_minor:
            raise NothingFree(payment)
        source = allocations.lock_source(payment)
        credit = credits.credit_of(source)
        if credit.available_minor < sum(plan.minor for plan in planned) <= credit.free_minor:
            raise credits.CreditHeld(credit)
        _reopen(locked, by=by, at=at)
        on = clock.day_of(payment.received_at, seller.get().time_zone)
        for plan in sorted(planned):
            credits.apply_locked(source, plan.invoice_id, plan.minor, by=by, at=at, paid_at=payment.received_at)
            early_discounts.take_if_earned(plan.invoice_id, paid_on=on, by=by, at=at)
        facts = {
            "payment": payment.reference,
            "applied": {str(plan.invoice_id): plan.minor for plan in planned},
            "currency": payment.currency,
        }
        audit.record("payment.applied", f"payment:{payment_id}", by=by, at=at, facts=facts)
    return _payment(payment_id)


def keep_as_credit(payment_id: int, *, by: Actor, at: datetime) -> Payment:
    """A person looked: what is free stays the customer's credit, and leaves the inbox.

    Raises NoSuchPayment, PayerUnknown.
    """
    with transaction():
        payment = _payment(payment_id)
        if payment.customer_id is None:
            raise PayerUnknown(payment)
        Payment.update(waiting=False).where((Payment.id == payment_id) & Payment.waiting).execute()
        facts = {"payment": payment.reference, "free_minor": payment.free_minor, "currency": payment.currency}
        audit.record("payment.looked_at", f"payment:{payment_id}", by=by, at=at, facts=facts)
    return _payment(payment_id)


def take_back(payment_id: int, invoice_id: int, minor: int, *, reason: str, by: Actor, at: datetime) -> Invoice:
    """Take `minor` of a payment off an invoice again; the money waits here for another place.

    `reason` is staff's own words, 1 to 500 characters. Raises NoSuchPayment, Invalid, Missing, NothingToTakeBack.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Invalid({"reason": f"Say why, in {LONGEST_REASON} characters at most. Only staff reads it."})
    with transaction():
        payment = _payment(payment_id)
        key = credits.key_of_source(payment)
        after = credits.take_back(key, invoice_id, minor, reason=reason, by=by, at=at)
        allocations.keep(payment, reason=TAKEN_OFF)
    return after


def _reopen(locked: Sequence[Invoice], *, by: Actor, at: datetime) -> None:
    """Debts that were given up owe again, since money came after all."""
    for invoice in locked:
        if invoice.written_off_minor:
            write_offs.reverse(invoice.id, reason="Money came after all.", by=by, at=at)


def _payment(payment_id: int) -> Payment:
    found: Payment | None = Payment.get_or_none(Payment.id == payment_id)
    if found is None:
        raise payments.NoSuchPayment
    return found


def _for_customer(payment: Payment, customer: Customer, because: str) -> list[Suggestion]:
    """The suggestions for one customer; `because` says why it may be this one, where that is not known."""
    rows = list(
        Invoice.select(
            Invoice.id, Invoice.number, Invoice.balance_minor, Invoice.written_off_minor, Invoice.next_due_on
        )
        .where((Invoice.customer == customer.id) & (Invoice.currency == payment.currency) & (Invoice.balance_minor > 0))
        .order_by(Invoice.next_due_on, Invoice.id)
        .limit(MOST_OPEN)
    )
    found: list[tuple[list[Invoice], str]] = []
    named = _named(payment, rows, customer)
    if named:
        found.append((named, f"The reference names {_numbers(named)}"))
    exact = _that_add_up(rows, payment.free_minor)
    if exact:
        plain = len(exact) == 1
        words = f"The amount is what {_numbers(exact)} owes" if plain else f"The amount equals {_numbers(exact, ' + ')}"
        found.append((exact, words))
    if rows:
        found.append((rows, "The oldest due first"))
    made: dict[tuple[tuple[int, int], ...], Suggestion] = {}
    for chosen, words in found:
        suggestion = _suggest(payment, customer, chosen, f"{because}. {words}." if because else f"{words}.")
        made.setdefault(tuple((part.invoice_id, part.minor) for part in suggestion.paid), suggestion)
    return list(made.values())


def _named(payment: Payment, rows: list[Invoice], customer: Customer) -> list[Invoice]:
    """Open invoices whose numbers stand in the payer's words; one that is not among the oldest is looked up."""
    numbers = payments.numbers_named(f"{payment.bank_reference} {payment.payer}")
    known = {str(row.number).upper(): row for row in rows}
    missing = sorted(numbers - set(known))
    if missing:
        others = Invoice.select().where(
            Invoice.number.in_(missing)
            & (Invoice.customer == customer.id)
            & (Invoice.currency == payment.currency)
            & (Invoice.balance_minor > 0)
        )
        known |= {str(row.number).upper(): row for row in others}
    return [known[number] for number in sorted(numbers) if number in known]


def _that_add_up(rows: Sequence[Invoice], minor: int) -> list[Invoice]:
    """The fewest open invoices whose balances come to the amount exactly, the oldest first among equals."""
    fitting = [row for row in rows if row.balance_minor <= minor]
    for together in range(1, MOST_TOGETHER + 1):
        for chosen in combinations(fitting, together):
            if sum(row.balance_minor for row in chosen) == minor:
                return list(chosen)
    return []


def _suggest(payment: Payment, customer: Customer, chosen: Iterable[Invoice], words: str) -> Suggestion:
    left, paid = payment.free_minor, []
    for invoice in chosen:
        part = min(left, invoice.balance_minor)
        if part <= 0:
            break
        paid.append(
            Paid(
                invoice_id=invoice.id,
                number=str(invoice.number),
                minor=part,
                left_minor=invoice.balance_minor + invoice.written_off_minor - part,  # what was given up owes again
            )
        )
        left -= part
    return Suggestion(
        customer_id=customer.id, customer_name=customer.name, paid=tuple(paid), rest_minor=left, why=words
    )


def _who_it_may_be(payment: Payment) -> list[tuple[Customer, str]]:
    """Customers an unknown payer may be: whose invoice the reference names, then whose name is like the payer's."""
    found: dict[int, tuple[Customer, str]] = {}
    numbers = sorted(payments.numbers_named(f"{payment.bank_reference} {payment.payer}"))
    for invoice in Invoice.select(Invoice, Customer).join(Customer).where(Invoice.number.in_(numbers)):
        found.setdefault(
            invoice.customer_id, (invoice.customer, f"{invoice.customer.name} was billed {invoice.number}")
        )
    if payment.payer:
        wanted = payment.payer.casefold()
        first = wanted[:3]
        near = Customer.select().where(Customer.search_name.startswith(first)).order_by(Customer.id).limit(200)
        like = [(_likeness(wanted, customer), customer) for customer in near]
        for likeness, customer in sorted(like, key=lambda pair: (-pair[0], pair[1].id)):
            if likeness >= ALIKE:
                found.setdefault(customer.id, (customer, f"The payer's name is like {customer.name}"))
    return list(found.values())[:MOST_CUSTOMERS]


def _likeness(wanted: str, customer: Customer) -> float:
    names = (customer.name.casefold(), customer.legal_name.casefold())
    return max(SequenceMatcher(None, wanted, name).ratio() for name in names)


def _numbers(chosen: Sequence[Invoice], between: str = ", ") -> str:
    return between.join(str(invoice.number) for invoice in chosen)
