"""What happens to the demo's money besides a payment by card: transfers, credits, refunds, debts given up, riddles."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from billing import clock, credit_notes, early_discounts, fees, instalments, payments, seller, write_offs
from billing.credit_notes import CreditContent, Destinations, RefundPart
from billing.payments import Planned, Received
from billing.seller import SellerPolicy
from web.demo import seed_words as words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.actors import Actor
    from billing.tables import CreditNote, Customer, Invoice


def set_policy(by: Actor, at: datetime) -> None:
    """How the demo's seller is paid, what a late payment costs, and above which sum two people decide."""
    policy = SellerPolicy(
        least_part_minor=10_00,
        late_fee=words.LATE_FEE,
        approval_over_minor=500_00,
        methods=("Standing order",),
    )
    seller.save_policy(policy, version=seller.get().version, by=by, at=at)


def transfer(invoice: Invoice, minor: int, *, by: Actor, at: datetime) -> None:
    """It, or a part of it, came by bank transfer."""
    _record(invoice.customer, minor, (Planned(invoice.id, minor),), str(invoice.number), by=by, at=at)


def transfer_early(invoice: Invoice, *, by: Actor, at: datetime) -> None:
    """The payer took the discount for paying early, or paid in full where it was too late for that."""
    offer = early_discounts.offer(invoice, clock.day_of(at, words.SELLER.time_zone))
    transfer(invoice, offer.pay_minor if offer else invoice.balance_minor, by=by, at=at)


def transfer_first_part(invoice: Invoice, *, by: Actor, at: datetime) -> None:
    """The payer keeps to the schedule so far: the first part came, to the last penny."""
    first = instalments.next_open(invoice)
    assert first is not None, "the demo's schedules are frozen before anything is paid"
    transfer(invoice, first.open_minor, by=by, at=at)


def credit_a_part(invoice: Invoice, *, by: Actor, second: Actor, at: datetime) -> None:
    """Goodwill: a tenth of it, to whole units."""
    minor = max(invoice.total_minor // 1000 * 100, 100)
    content = CreditContent(shape="amount", gross_minor=minor, reason_code="goodwill", reason=words.GOODWILL)
    _credit(invoice, content, by=by, second=second, at=at)


def send_back(invoice: Invoice, *, by: Actor, second: Actor, at: datetime) -> None:
    """Paid, then returned: credited in full, and the money went back by bank transfer."""
    back = Destinations(refund=RefundPart(minor=invoice.total_minor, method="bank"))
    content = CreditContent(shape="full", reason_code="return", reason=words.RETURNED, destinations=back)
    _credit(invoice, content, by=by, second=second, at=at)


def give_up(invoice: Invoice, *, by: Actor, second: Actor, at: datetime) -> None:
    """A debt nobody will pay."""
    made = write_offs.create(invoice.id, reason=words.GIVEN_UP, by=by, at=at)
    if made.status == "awaiting":
        write_offs.decide(made.id, approved=True, note="", by=second, at=at + timedelta(hours=2))


def charge_late_fees(at: datetime) -> None:
    """What the rule asks for that day."""
    fees.charge_due(clock.day_of(at, words.SELLER.time_zone), at)


def leave_riddles(known: Sequence[Customer], open_: Sequence[Invoice], *, by: Actor, at: datetime) -> None:
    """What waits in the money inbox, a credit of the first customer, and a credit note for a second person."""
    first = known[0]
    mine = [invoice for invoice in open_ if invoice.customer_id == first.id]
    others = [invoice for invoice in open_ if invoice.customer_id != first.id and invoice.currency == first.currency]
    _record(first, 75_00, (), "On account, thank you", by=by, at=at, rest_is_credit=True)
    if len(mine) > 1:
        both = mine[0].balance_minor + mine[1].balance_minor
        _record(first, both, (), "Invoices as agreed on the phone", by=by, at=at)
    if others:
        stranger = others[0]
        came = Received(
            customer_id=None,
            minor=stranger.balance_minor,
            currency=stranger.currency,
            method="Bank transfer",
            received_on=clock.day_of(at, words.SELLER.time_zone),
            bank_reference=f"payment {stranger.number}",
            payer=stranger.customer.name.upper(),
            mails_receipt=False,
        )
        payments.record(came, by=by, at=at, anyway=True)
    large = next((invoice for invoice in others[1:] if invoice.total_minor > 600_00), None)
    if large is not None:
        content = CreditContent(shape="full", reason_code="error", reason=words.WRONG_SITE)
        credit_notes.create(large.id, content, by=by, at=at)


def _record(
    customer: Customer,
    minor: int,
    parts: tuple[Planned, ...],
    reference: str,
    *,
    by: Actor,
    at: datetime,
    rest_is_credit: bool = False,
) -> None:
    received = Received(
        customer_id=customer.id,
        minor=minor,
        currency=customer.currency,
        method="Bank transfer",
        received_on=clock.day_of(at, words.SELLER.time_zone),
        bank_reference=reference,
        parts=parts,
        rest_is_credit=rest_is_credit,
        mails_receipt=False,
    )
    payments.record(received, by=by, at=at, anyway=True)


def _credit(invoice: Invoice, content: CreditContent, *, by: Actor, second: Actor, at: datetime) -> None:
    note: CreditNote = credit_notes.create(invoice.id, content, by=by, at=at)
    if note.status == "awaiting":
        credit_notes.decide(note.id, approved=True, note="Agreed.", by=second, at=at + timedelta(hours=2))
