"""Late fees and interest: documents of their own about an overdue invoice, charged by rule and waived by people.

A run may be repeated at will: each charge is a row that names its invoice, its kind and its first day, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from peewee import fn

from billing import (
    audit,
    chargebacks,
    clock,
    credit_notes,
    fee_rules,
    formatting,
    instalments,
    invoices,
    money,
    payments,
    seller,
)
from billing.actors import SYSTEM
from billing.db import lock, transaction
from billing.errors import Conflict, Invalid, Missing, Refusal
from billing.fee_rules import Fee, Rule, Situation, Skipped
from billing.invoices.activities import add_activity
from billing.tables import Customer, FeeCharge, Invoice, Transfer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import date, datetime

    from billing.actors import Actor
    from billing.tables import Activity, Seller

CHARGED = "fee_charged"  # what the history of an invoice calls it
REASON_CODE = "fee_waived"
LONGEST_REASON = 500
NAMES = {fee_rules.LATE_FEE: "Late fee", fee_rules.INTEREST: "Interest"}
TAX_CATEGORY, TAX_REASON = "O", "Compensation for late payment is no supply"
BATCH = 200


class FeesOfTheFuture(Refusal):
    """Fees are charged for days that are over."""

    def __init__(self, on: date) -> None:
        super().__init__(f"{formatting.day(on, 'long')} is still to come. A dry run shows what it would bring.")
        self.on = on


class FeeWaived(Conflict):
    """A fee is waived once."""

    def __init__(self) -> None:
        super().__init__("This fee is waived already.")


class NoSuchFee(Missing):
    """No fee has that id."""

    def __init__(self) -> None:
        super().__init__("We cannot find that fee.")


@dataclass(frozen=True, slots=True)
class Judged:
    """What a run decided about one overdue invoice; `charged` is the fee's document, None in a dry run."""

    invoice: Invoice
    decision: Fee | Skipped
    charged: Invoice | None = None


def charge_due(
    on: date, at: datetime, *, by: Actor = SYSTEM, dry_run: bool = False, disputed: Collection[int] = ()
) -> list[Judged]:
    """Charge what the rule asks for by `on` (the seller's day), each in its own transaction; gives what was decided.

    The documents carry today's date. `disputed` are ids of invoices that are disputed: they bear no fees meanwhile.
    Raises SellerNotSetUp, FeesOfTheFuture.
    """
    selling = seller.get()
    rule = Rule.stored(selling.late_fee)
    if not dry_run and on > clock.day_of(at, selling.time_zone):
        raise FeesOfTheFuture(on)
    if rule.shape == fee_rules.NONE:
        return []
    judged = []
    for invoice in _overdue(on):
        decision = fee_rules.decide(rule, _situation(invoice, selling, at, disputed), on)
        charged = None
        if isinstance(decision, Fee) and not dry_run:
            decision, charged = _charge(invoice.id, rule, selling, on, disputed, by=by, at=at)
        judged.append(Judged(invoice, decision, charged))
    return judged


def charge_today(at: datetime) -> list[Invoice]:
    """Charge what is due by the seller's today; gives the documents. Nothing where nobody bills here yet."""
    selling = seller.find()
    if selling is None:
        return []
    judged = charge_due(clock.day_of(at, selling.time_zone), at)
    return [one.charged for one in judged if one.charged is not None]


def get(fee_charge_id: int) -> FeeCharge:
    """One charge with its two documents. Raises NoSuchFee."""
    found: FeeCharge | None = FeeCharge.get_or_none(FeeCharge.id == fee_charge_id)
    if found is None:
        raise NoSuchFee
    return found


def of(invoice_id: int, events: Iterable[Activity] | None = None) -> list[FeeCharge]:
    """The fees that were charged on an invoice, oldest first, with their documents.

    Where its history is at hand (`events`), nothing is asked unless it tells of a fee.
    """
    if events is not None and not any(event.kind == CHARGED for event in events):
        return []
    return list(
        FeeCharge.select(FeeCharge, Invoice)
        .join(Invoice, on=FeeCharge.fee_invoice)
        .where(FeeCharge.invoice == invoice_id)
        .order_by(FeeCharge.id)
    )


def charge_of(fee_invoice: Invoice) -> FeeCharge | None:
    """What a fee's document is about; None for any other document, and then nothing is asked."""
    if fee_invoice.about_id is None:
        return None
    found: FeeCharge | None = (
        FeeCharge.select(FeeCharge, Invoice)
        .join(Invoice, on=FeeCharge.invoice)
        .where(FeeCharge.fee_invoice == fee_invoice.id)
        .first()
    )
    return found


def refuse_waived(charge: FeeCharge) -> None:
    """Raise FeeWaived where waive would, so that nobody is asked for a reason in vain."""
    if charge.waived_at is not None:
        raise FeeWaived


def waive(fee_charge_id: int, *, reason: str, by: Actor, at: datetime) -> FeeCharge:
    """Let a fee go: its document is voided while it had no effect, else a credit note takes back what is left of it.

    The customer reads the reason. Close pages that ask for more than is owed by now after the commit.
    Raises NoSuchFee, Invalid, FeeWaived, InvoiceBeingPaid, InvoiceWrittenOff.
    """
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise Invalid({"reason": "Say why, in 500 characters at most. The customer reads it"})
    with transaction():
        charge = get(fee_charge_id)
        _lock(charge)
        moved = (
            FeeCharge.update(waived_at=at, waived_by=by.name, waive_reason=reason)
            .where((FeeCharge.id == fee_charge_id) & FeeCharge.waived_at.is_null())
            .execute()
        )
        if moved != 1:
            raise FeeWaived
        how = _take_back(charge.fee_invoice, reason, by=by, at=at)
        facts = {"document": charge.fee_invoice.number, "minor": charge.minor, "how": how, "reason": reason}
        facts["currency"] = charge.fee_invoice.currency
        add_activity(charge.invoice_id, "fee_waived", by=by, at=at, facts=facts)
        audit.record("fee.waived", f"invoice:{charge.fee_invoice_id}", by=by, at=at, facts=facts)
    return get(fee_charge_id)


def _lock(charge: FeeCharge) -> None:
    """The customer, then both invoices by id: the order of all verbs."""
    lock(Customer.select(Customer.id).where(Customer.id == charge.invoice.customer_id)).get()
    both = Invoice.id.in_([charge.invoice_id, charge.fee_invoice_id])
    list(lock(Invoice.select(Invoice.id).where(both).order_by(Invoice.id)))


def _take_back(document: Invoice, reason: str, *, by: Actor, at: datetime) -> str:
    if document.status == "void":
        return "void before"
    try:
        invoices.refuse_void(document)
    except invoices.InvoiceHasEffect:
        left_minor = document.total_minor - document.credited_minor
        if left_minor:
            words = f"Waived: {reason}"[:LONGEST_REASON]
            credit_notes.issue_amount(document.id, left_minor, reason_code=REASON_CODE, reason=words, by=by, at=at)
        return "credited"
    invoices.void(document.id, reason=reason, by=by, at=at)
    return "voided"


def _overdue(on: date) -> Iterator[Invoice]:
    """Every overdue invoice that may bear a fee, in batches by key."""
    last = 0
    while True:
        found = list(
            Invoice.select(Invoice, Customer)
            .join(Customer)
            .where(
                (Invoice.id > last)
                & (Invoice.status == "issued")
                & (Invoice.kind == "invoice")
                & (Invoice.balance_minor > 0)
                & (Invoice.next_due_on < on)
            )
            .order_by(Invoice.id)
            .limit(BATCH)
        )
        yield from found
        if len(found) < BATCH:
            return
        last = found[-1].id


def _charge(
    invoice_id: int, rule: Rule, selling: Seller, on: date, disputed: Collection[int], *, by: Actor, at: datetime
) -> tuple[Fee | Skipped, Invoice | None]:
    """Decide once more under the invoice's lock, then write, issue and book the fee's document, or nothing."""
    try:
        with transaction():
            invoice = lock(Invoice.select().where(Invoice.id == invoice_id)).get()
            decision = fee_rules.decide(rule, _situation(invoice, selling, at, disputed), on)
            if isinstance(decision, Skipped):
                return decision, None
            return decision, _issue(invoice, decision, selling, by=by, at=at)
    except Refusal as refusal:  # such as nobody to mail it to: the next run tries again
        return Skipped(refusal.message), None


def _issue(invoice: Invoice, fee: Fee, selling: Seller, *, by: Actor, at: datetime) -> Invoice:
    name = NAMES[fee.kind]
    content = invoices.DraftContent(
        lines=(
            invoices.LineContent(
                description=f"{name} on invoice {invoice.number}",
                detail=fee.words,
                quantity=Decimal(1),
                unit_price=money.to_decimal(fee.minor, invoice.currency),
                tax_category=TAX_CATEGORY,
                tax_reason=TAX_REASON,
            ),
        ),
        terms_days=invoice.customer.terms_days,
        subject=f"{name} on invoice {invoice.number}",
        po=invoice.po,
    )
    today = clock.day_of(at, selling.time_zone)
    written = invoices.draft(invoice.customer_id, content, by=by, at=at, kind=fee.kind, about=invoice)
    document = invoices.issue(written.id, on=today, version=written.version, by=by, at=at)
    FeeCharge.insert(
        invoice=invoice.id,
        kind=fee.kind,
        from_on=fee.from_on,
        until_on=fee.until_on,
        fee_invoice=document.id,
        minor=fee.minor,
        words=fee.words,
    ).execute()
    facts = {"document": document.number, "kind": fee.kind, "minor": fee.minor, "currency": invoice.currency}
    add_activity(invoice.id, CHARGED, by=by, at=at, facts=facts)
    audit.record("fee.charged", f"invoice:{invoice.id}", by=by, at=at, facts=facts | {"words": fee.words})
    return document


def _situation(invoice: Invoice, selling: Seller, at: datetime, disputed: Collection[int]) -> Situation:
    """What the rule needs to know of an invoice, as the books have it now."""
    assert invoice.due_on is not None, "an issued invoice is dated"
    charges = of(invoice.id)
    documents = [charge.fee_invoice for charge in charges]
    interest = [charge.until_on for charge in charges if charge.kind == fee_rules.INTEREST]
    parts = [(part.due_on, part.minor) for part in instalments.of(invoice)]
    attempt = payments.in_flight(invoice.id)
    return Situation(
        currency=invoice.currency,
        seller_currency=selling.currency,
        locale=invoice.frozen["locale"],
        total_minor=invoice.total_minor,
        parts=parts or [(invoice.due_on, invoice.total_minor)],
        balances=_balances(invoice.id),
        charged_kinds=frozenset(charge.kind for charge in charges),
        charged_until=max(interest, default=None),
        charged_minor=sum(paper.total_minor - paper.credited_minor for paper in documents if paper.status == "issued"),
        is_fee=invoice.kind != "invoice",
        is_being_paid=attempt is not None and (attempt.status == "processing" or attempt.expires_at > at),
        is_disputed=invoice.id in disputed,
        is_charged_back=bool(chargebacks.open_on([invoice.id])),
        is_excluded=not invoice.customer.late_fees,
    )


def _balances(invoice_id: int) -> list[tuple[date, int]]:
    """What was open at the end of each day on which the ledger moved it, oldest first."""
    moved: Any = (
        Transfer.select(
            Transfer.effective_on,
            fn.SUM(Transfer.minor).filter(Transfer.debit == "receivable"),
            fn.SUM(Transfer.minor).filter(Transfer.credit == "receivable"),
        )
        .where(
            (Transfer.invoice == invoice_id) & ((Transfer.debit == "receivable") | (Transfer.credit == "receivable"))
        )
        .group_by(Transfer.effective_on)
        .order_by(Transfer.effective_on)
        .tuples()
    )
    open_minor, found = 0, []
    for on, more, less in moved:
        open_minor += int(more or 0) - int(less or 0)
        found.append((on, open_minor))
    return found
