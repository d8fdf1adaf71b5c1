"""Following the news: what the domain books by itself when it hears of money, told to the oracle in the same order.

The rules are those of the product's description, worked out once more: a payment carries out its plan or is kept;
what leaves the house leaves free value first, then the newest invoices; what comes back is free again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from billing.db import execute
from billing.tables import Attempt, CreditNote, Customer, Payment, Refund
from tests.simulation.counts import COUNTS
from tests.simulation.oracle import Worth

if TYPE_CHECKING:
    from datetime import date, datetime

    from tests.simulation.bank import PlayBank
    from tests.simulation.bank.till import Money
    from tests.simulation.oracle import Bill, Oracle

ZONE = ZoneInfo("Europe/London")
NEWS = "('payment_received', 'refund', 'refund_failed', 'chargeback', 'chargeback_returned')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intention:
    """What an attempt is meant to do: credit used first (key, invoice, minor), then money by invoice, then ahead."""

    customer_id: int
    uses: tuple[tuple[str, int, int], ...]
    paid: dict[int, int]


@dataclass(slots=True, kw_only=True)
class GoneBack:
    """A refund that left the house: how much of it was free value, and whose invoice it is remembered on."""

    key: str
    minor: int
    lost: int
    bill_id: int | None


@dataclass(slots=True)
class Taken:
    """What a chargeback holds: of the payment's value, and beyond it."""

    credit: int = 0
    lost: int = 0


@dataclass(slots=True)
class Follower:
    """Reads what was posted since it last looked, and tells the oracle what that means."""

    oracle: Oracle
    bank: PlayBank
    intentions: dict[str, Intention] = field(default_factory=dict)
    gone_back: dict[str, GoneBack] = field(default_factory=dict)
    taken: dict[str, Taken] = field(default_factory=dict)
    _last_posting: int = 0
    _last_note: int = 0

    def learn(self, meant: Intention | None) -> None:
        """Remember what attempts that were just made are to do."""
        for attempt in Attempt.select(Attempt.id, Attempt.kind, Attempt.customer).order_by(
            Attempt.created_at, Attempt.nonce
        ):
            if attempt.id in self.intentions:
                continue
            if attempt.kind == "autopay":
                self.intentions[attempt.id] = self._of_autopay(attempt)
            elif meant is not None:
                self.intentions[attempt.id] = meant

    def _of_autopay(self, attempt: Attempt) -> Intention:
        rows = execute(
            "SELECT invoice_id, minor FROM planned_allocation WHERE attempt_id = ?", (attempt.id,)
        ).fetchall()
        assert len(rows) == 1, "autopay pays one invoice at a time"
        ((bill_id, minor),) = rows
        assert 0 < minor <= self.oracle.bills[bill_id].owes, "autopay charges what is owed, no more"
        return Intention(customer_id=attempt.customer_id, uses=(), paid={bill_id: minor})

    def follow(self) -> int:
        """Everything since; gives how much there was."""
        news = execute(
            f"SELECT id, ref, kind FROM posting WHERE id > ? AND kind IN {NEWS} ORDER BY id", (self._last_posting,)
        ).fetchall()
        for posting_id, ref, kind in news:
            self._last_posting = posting_id
            name = ref.split(":")[1]
            if kind == "payment_received":
                payment = Payment.get_by_id(int(name))
                if payment.kind == "gateway":
                    self._came(payment)
            elif kind == "refund":
                refund = Refund.get(Refund.reference == name)
                if refund.needs_review:  # those that staff asked for are told by whoever asked
                    self._refunded_elsewhere(refund)
            elif kind == "refund_failed":
                self._came_back(name)
            elif kind.startswith("chargeback"):
                self._moved(name)
        return len(news)

    def use_credit(self, meant: Intention) -> None:
        """Credit goes where it was meant to, as far as it is there and needed."""
        for key, bill_id, minor in meant.uses:
            part = min(minor, self.oracle.worth[key].free, self.oracle.bills[bill_id].owes)
            if part:
                self.oracle.apply(key, bill_id, part)

    def settle_early(self, bill_ids: set[int], paid_on: date) -> None:
        """Whoever paid early and all but the discount owes nothing any more."""
        for bill_id in sorted(bill_ids):
            bill = self.oracle.bills[bill_id]
            minor = early_discount(bill)
            late = bill.issue_on is None or paid_on > bill.issue_on + timedelta(days=bill.early_days)
            waits = CreditNote.select().where((CreditNote.invoice == bill_id) & (CreditNote.status == "awaiting"))
            if not minor or bill.owes != minor or bill.early_taken or late or waits.exists():
                continue
            note = self.next_note(bill)
            assert note.minor == minor, "the discount, to the unit"
            self.oracle.apply(note.key, bill.id, minor)
            bill.early_taken = True
            COUNTS.note_outside("early discount is taken")

    def next_note(self, bill: Bill) -> Worth:
        """The next credit note that was issued by itself, which must be about this invoice."""
        row: CreditNote = (
            CreditNote.select()
            .where((CreditNote.id > self._last_note) & CreditNote.reason_code.in_(["early_payment", "fee_waived"]))
            .order_by(CreditNote.id)
            .get()
        )
        assert (row.invoice_id, row.status) == (bill.id, "issued"), f"a credit note of another invoice: {row.number}"
        self._last_note = row.id
        return self.note_issued(row)

    def note_issued(self, row: CreditNote) -> Worth:
        """A credit note stands from now on."""
        bill = self.oracle.bills[row.invoice_id]
        bill.credited += row.total_minor
        assert bill.credited <= bill.total, "no more is credited than was billed"
        return self.oracle.came(
            Worth(
                key=f"credit_note-{row.id}",
                customer_id=bill.customer_id,
                currency=bill.currency,
                minor=row.total_minor,
                free=row.total_minor,
            )
        )

    def refunded(self, reference: str, key: str, minor: int, bill_id: int | None) -> None:
        """Staff gave so much of a source back, and took it off an invoice first where one is named."""
        worth = self.oracle.worth[key]
        if bill_id is not None:
            self.oracle.take_back(key, bill_id, minor)
            self.oracle.bills[bill_id].refunded += minor
        assert worth.free >= minor, "no more goes back than is there"
        worth.free -= minor
        self.gone_back[reference] = GoneBack(key=key, minor=minor, lost=0, bill_id=bill_id)

    def _came(self, payment: Payment) -> None:
        money = self.bank.monies[str(payment.intent_id)]
        attempt: Attempt | None = Attempt.get_or_none(Attempt.id == money.reference)
        if attempt is None:
            attempt = Attempt.get_or_none(Attempt.intent_id == money.id)
        payer: Customer | None = Customer.get_or_none(Customer.stripe_id == money.customer_ref)
        owner = payer.id if payer is not None and money.customer_ref else None
        carries_out = False
        if attempt is not None and owner in {None, attempt.customer_id}:
            owner = attempt.customer_id
            asked = (attempt.intent_id, attempt.minor, attempt.currency)
            carries_out = asked == (money.id, money.minor, money.currency)
        elif attempt is not None:
            owner = None
        worth = Worth(
            key=f"payment-{payment.id}",
            customer_id=owner,
            currency=money.currency,
            minor=money.minor,
            free=money.minor,
            intent_id=money.id,
        )
        self.oracle.came(worth)
        if attempt is not None and carries_out:
            assert money.charged_at is not None, "it came"
            self._carry_out(self.intentions[attempt.id], worth, day_of(money.charged_at))

    def _carry_out(self, meant: Intention, worth: Worth, paid_on: date) -> None:
        self.use_credit(meant)
        left = worth.minor
        for bill_id, minor in sorted(meant.paid.items()):
            part = min(minor, left, self.oracle.bills[bill_id].owes)
            if part:
                self.oracle.apply(worth.key, bill_id, part)
                left -= part
        self.settle_early({bill_id for _, bill_id, _ in meant.uses} | set(meant.paid), paid_on)

    def _refunded_elsewhere(self, refund: Refund) -> None:
        """Free value first, then the newest invoices; what was not there any more is lost."""
        found = self.bank.refunds[str(refund.stripe_id)]
        key = self._key_of(found.money)
        before = dict(self.oracle.worth[key].on)
        lost = self.oracle.leave(key, found.minor)
        after = self.oracle.worth[key].on
        off = {bill_id: before[bill_id] - after[bill_id] for bill_id in before if before[bill_id] != after[bill_id]}
        only = next(iter(off)) if len(off) == 1 and sum(off.values()) == found.minor else None
        if only is not None:
            self.oracle.bills[only].refunded += found.minor
        self.gone_back[refund.reference] = GoneBack(key=key, minor=found.minor, lost=lost, bill_id=only)

    def _came_back(self, reference: str) -> None:
        """A refund failed: its value is free again where it came from."""
        gone = self.gone_back.pop(reference)
        self.oracle.worth[gone.key].free += gone.minor - gone.lost
        if gone.bill_id is not None:
            self.oracle.bills[gone.bill_id].refunded -= gone.minor

    def _moved(self, movement_id: str) -> None:
        """A chargeback's money: what was taken leaves as a refund does; what comes back was lost first, then credit."""
        moved = next(one for one in self.bank.movements if one.id == movement_id)
        asked = self.bank.chargebacks[str(moved.source_id)]
        key = self._key_of(asked.money)
        held = self.taken.setdefault(asked.id, Taken())
        if moved.minor < 0:
            lost = self.oracle.leave(key, -moved.minor)
            held.credit, held.lost = held.credit - moved.minor - lost, held.lost + lost
        else:
            lost = min(held.lost, moved.minor)
            assert moved.minor - lost <= held.credit, "no more comes back than was taken"
            held.credit, held.lost = held.credit - (moved.minor - lost), held.lost - lost
            self.oracle.worth[key].free += moved.minor - lost

    def _key_of(self, money: Money) -> str:
        return next(worth.key for worth in self.oracle.worth.values() if worth.intent_id == money.id)


def day_of(at: datetime) -> date:
    """The seller's day of an instant."""
    return at.astimezone(ZONE).date()


def early_discount(bill: Bill) -> int:
    """What paying early takes off, half away from zero."""
    size = (2 * (bill.total - bill.credited) * bill.early_ppm + 1_000_000) // 2_000_000
    return size if bill.early_ppm else 0
