"""One life of the business: a fresh database, its cast, a bank and an oracle; what holds is checked after each step."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from billing import check, gateway
from billing.db import execute
from billing.errors import Refusal
from billing.tables import Attempt, CreditNote, Customer, Payment
from tests.simulation import cast
from tests.simulation.bank import PlayBank
from tests.simulation.counts import COUNTS
from tests.simulation.oracle import Bill, Oracle, Worth
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import date

Value = TypeVar("Value")
Thing = TypeVar("Thing")

ZONE = ZoneInfo("Europe/London")
TICK = timedelta(seconds=7)
LEAPS = (
    timedelta(hours=1),
    timedelta(hours=5),
    timedelta(days=1),
    timedelta(days=4),
    timedelta(days=12),
    timedelta(days=33),
)

# What must not change where the domain says no. Attempts and their audit may: a page in the way is closed first.
MONEY = (
    "SELECT (SELECT COUNT(*) FROM transfer), (SELECT COUNT(*) FROM posting), (SELECT COUNT(*) FROM allocation),"
    " (SELECT COALESCE(SUM(value), 0) FROM counter), (SELECT COUNT(*) FROM refund), (SELECT COUNT(*) FROM credit_note),"
    " (SELECT COUNT(*) FROM payment), (SELECT COUNT(*) FROM write_off)"
)
BOOKS = (
    f"{MONEY}, (SELECT hash FROM audit_head), (SELECT COUNT(*) FROM activity), (SELECT COUNT(*) FROM mail),"
    " (SELECT COUNT(*) FROM invoice), (SELECT COALESCE(SUM(version), 0) FROM invoice),"
    " (SELECT COUNT(*) FROM instalment),"
    " (SELECT COUNT(*) FROM approval WHERE decided_at IS NULL), (SELECT COUNT(*) FROM submission),"
    " (SELECT COUNT(*) FROM rendering)"
)

# What the bank's own trouble looks like: nothing was decided, so the same may be asked again.
NO_ANSWER = (gateway.OutcomeUnknown,)


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """What a verb gave, or how it refused."""

    value: Value | None
    refusal: Refusal | None

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return self.refusal is None

    @property
    def given(self) -> Value:
        """What it gave, where it was carried out."""
        assert self.value is not None, "it gives something"
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Intention:
    """What an attempt is meant to do: credit used first (key, invoice, minor), then money by invoice, then ahead."""

    customer_id: int
    uses: tuple[tuple[str, int, int], ...]
    paid: dict[int, int]


class Life(RuleBasedStateMachine):
    """What all rules stand on."""

    fresh: ClassVar[Callable[[], AbstractContextManager[object]]]

    def __init__(self) -> None:
        super().__init__()
        self._ends = ExitStack()
        self._ends.enter_context(type(self).fresh())
        self.cast = cast.find()
        self.sam, self.ada = self.cast.world.sam, self.cast.world.ada
        self.bank, self.oracle = PlayBank(), Oracle()
        gateway.use(self.bank)
        self._ends.callback(gateway.use, None)
        self.now = AT
        self.bank.at = self.now
        self.intentions: dict[str, Intention] = {}
        self.customer_refs: dict[str, int] = {}
        self._last_payment = self._last_note = 0

    def teardown(self) -> None:
        """Give the database back."""
        self._ends.close()

    # Asking the domain.

    def ask(
        self,
        operation: str,
        do: Callable[[], Value],
        *,
        keeps: str = BOOKS,
        must: bool = False,
        meant: Intention | None = None,
    ) -> Answer[Value]:
        """Ask for something, count it, and where it is refused prove that nothing had changed.

        `must`: the domain has no reason to refuse, but for a bank without an answer. `meant` is what an attempt that
        is made by it is to do. Payments that were booked meanwhile are followed.
        """
        self.tick()
        before = execute(keeps).fetchone()
        value, said_no = None, None
        try:
            value = do()
        except Refusal as refusal:
            said_no = refusal
        self.bank.fault = ""
        self._learn(meant)
        booked = self.absorb()
        if said_no is None:
            COUNTS.note_done(operation)
            return Answer(value, None)
        assert type(said_no) is not Refusal, f"{operation}: a refusal without a name: {said_no}"
        assert said_no.message, "a refusal has words"
        assert not must or isinstance(said_no, NO_ANSWER), f"{operation} was refused: {said_no!r}"
        if not booked:
            assert execute(keeps).fetchone() == before, f"{operation} was refused ({said_no!r}) and left a trace"
        COUNTS.note_refused(operation, type(said_no).__name__)
        return Answer(None, said_no)

    def happens(self, operation: str) -> None:
        """Something in the world outside, which the domain does not know yet."""
        self.tick()
        COUNTS.note_done(operation)

    def tick(self) -> None:
        """Time goes on."""
        self.now += TICK
        self.bank.at = self.now

    @property
    def today(self) -> date:
        """The seller's day."""
        return self.day_of(self.now)

    def day_of(self, at: datetime) -> date:
        """The seller's day of an instant."""
        return at.astimezone(ZONE).date()

    def pick(self, things: Sequence[Thing], which: int) -> Thing:
        """One of several."""
        return things[which % len(things)]

    def _learn(self, meant: Intention | None) -> None:
        """Remember what an attempt that was just made is to do."""
        if meant is not None:
            for row in Attempt.select(Attempt.id).order_by(Attempt.created_at):
                self.intentions.setdefault(row.id, meant)

    # What the domain books when it hears of money.

    def absorb(self) -> int:
        """Follow every payment that was booked since, by the rules of PAYMENTS; gives how many there were."""
        fresh = list(
            Payment.select().where((Payment.id > self._last_payment) & (Payment.kind == "gateway")).order_by(Payment.id)
        )
        for payment in fresh:
            self._last_payment = payment.id
            self._came(payment)
        return len(fresh)

    def _came(self, payment: Payment) -> None:
        money = self.bank.monies[str(payment.intent_id)]
        attempt: Attempt | None = Attempt.get_or_none(Attempt.id == money.reference)
        if attempt is None:
            attempt = Attempt.get_or_none(Attempt.intent_id == money.id)
        payer: Customer | None = Customer.get_or_none(Customer.stripe_id == money.customer_ref)
        known = payer.id if payer is not None and money.customer_ref else None
        owner, carries_out = known, False
        if attempt is not None and known in {None, attempt.customer_id}:
            owner = attempt.customer_id
            carries_out = (attempt.intent_id, attempt.minor, attempt.currency) == (
                money.id,
                money.minor,
                money.currency,
            )
        elif attempt is not None:
            owner = None
        worth = self.oracle.came(
            Worth(
                key=f"payment-{payment.id}",
                customer_id=owner,
                currency=money.currency,
                minor=money.minor,
                free=money.minor,
                intent_id=money.id,
            )
        )
        if attempt is not None and carries_out:
            assert money.charged_at is not None, "it came"
            self._carry_out(self.intentions[attempt.id], worth, self.day_of(money.charged_at))

    def _carry_out(self, meant: Intention, worth: Worth, paid_on: date) -> None:
        self.use_credit(meant)
        left = worth.minor
        for bill_id, minor in sorted(meant.paid.items()):
            part = min(minor, left, self.oracle.bills[bill_id].owes)
            if part:
                self.oracle.apply(worth.key, bill_id, part)
                left -= part
        self.settle_early({bill_id for _, bill_id, _ in meant.uses} | set(meant.paid), paid_on)

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
            if not minor or bill.owes != minor or bill.early_taken or not self.is_early(bill, paid_on):
                continue
            note = self.new_note(bill)
            assert note.minor == minor, "the discount, to the unit"
            self.oracle.apply(note.key, bill.id, minor)
            bill.early_taken = True

    def is_early(self, bill: Bill, on: date) -> bool:
        """Whether a discount could be earned that day."""
        return bill.issue_on is not None and on <= bill.issue_on + timedelta(days=bill.early_days)

    def new_note(self, bill: Bill) -> Worth:
        """The next credit note that was issued, which must be about this invoice."""
        row: CreditNote = (
            CreditNote.select()
            .where((CreditNote.id > self._last_note) & (CreditNote.status == "issued"))
            .order_by(CreditNote.id)
            .get()
        )
        assert row.invoice_id == bill.id, f"a credit note of another invoice: {row.number}"
        self._last_note = row.id
        return self.note_issued(row)

    def note_issued(self, row: CreditNote) -> Worth:
        """A credit note stands from now on."""
        bill = self.oracle.bills[row.invoice_id]
        bill.credited += row.total_minor
        assert bill.credited <= bill.total, "no more is credited than was billed"
        self._last_note = max(self._last_note, row.id)
        return self.oracle.came(
            Worth(
                key=f"credit_note-{row.id}",
                customer_id=bill.customer_id,
                currency=bill.currency,
                minor=row.total_minor,
                free=row.total_minor,
            )
        )

    # What holds after every step.

    @invariant()
    def all_holds(self) -> None:
        """Every invariant recomputed from the rows; the oracle, to the unit; and the bank's own balance."""
        self.absorb()
        assert not check.broken(), check.broken()
        found = self.oracle.differences()
        assert not found, "\n".join(found)
        self._the_bank_agrees()

    def _the_bank_agrees(self) -> None:
        """Where all is told, the bank's own balance is what the ledger says stands there."""
        unsent = "SELECT 1 FROM refund WHERE method = 'original' AND status = 'created'"
        if self.bank.untold or execute(unsent).fetchone():
            return
        rows = execute(
            "SELECT currency, SUM(minor) FROM v_ledger_legs WHERE account = 'card_clearing' GROUP BY currency"
        )
        booked = {currency: int(minor) for currency, minor in sorted(rows.fetchall()) if minor}
        assert booked == self.bank.balance(), f"booked {booked}, at the bank {self.bank.balance()}"

    @rule(leap=st.integers(0, len(LEAPS) - 1))
    def clock_moves(self, leap: int) -> None:
        """An hour, or months."""
        self.now += LEAPS[leap]
        self.happens("clock moves")


def early_discount(bill: Bill) -> int:
    """What paying early takes off, half away from zero."""
    size = (2 * (bill.total - bill.credited) * bill.early_ppm + 1_000_000) // 2_000_000
    return size if bill.early_ppm else 0
