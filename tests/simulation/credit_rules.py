"""Credits: credit notes of every shape, approvals, corrections, write-offs, value applied and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from billing import approvals, corrections, credit_notes, credits, payments, write_offs
from billing.tables import CreditNote, Invoice, InvoiceLine, WriteOff
from tests.simulation.life import MONEY, Life
from tests.simulation.oracle import Bill

if TYPE_CHECKING:
    from billing.actors import Actor
    from tests.simulation.oracle import Worth

SMALL = st.integers(0, 30)
WHO = st.integers(0, 11)  # decides: the one who asked, one who may not, and mostly Ada
ADA = 2
SHAPES = ("full", "amount", "amount", "lines", "lines")


class CreditRules(Life):
    """What staff takes back from what was billed, and what credit is used for."""

    @precondition(lambda self: self.oracle.issued())
    @rule(which=SMALL, shape=SMALL, tenths=st.integers(1, 11), to=st.integers(0, 3))
    def credit(self, which: int, shape: int, tenths: int, to: int) -> None:
        """A credit note, for this invoice, for others, or kept; also for more than there is."""
        bill = self.pick(self.oracle.issued(), which)
        content = self._content(bill, self.pick(SHAPES, shape), tenths, to)
        name = f"credit note: {content.shape}"
        answer = self.ask(name, lambda: credit_notes.create(bill.id, content, by=self.sam, at=self.now))
        if not answer.done:
            return
        note = answer.given
        assert not bill.written_off, "what was given up is not credited as well"
        if content.shape == "amount":
            assert note.total_minor == content.gross_minor, "the amount that was asked for"
        if content.shape == "full":
            others = sum(
                row.total_minor for row in self._waiting_notes() if row.id != note.id and row.invoice_id == bill.id
            )
            assert note.total_minor == bill.total - bill.credited - others, "all that was left"
        assert (note.status == "issued") != self.needs_two(note.total_minor, note.currency), "two above the threshold"
        if note.status == "issued":
            self._spend(note)
            self._close_pages(bill)

    @precondition(lambda self: self._waiting_notes())
    @rule(which=SMALL, who=WHO, approved=st.booleans())
    def decide_credit(self, *, which: int, who: int, approved: bool) -> None:
        """Ada decides; Sam, who asked, and Vic, who only reads, may not."""
        waiting = self.pick(self._waiting_notes(), which)
        by = self.decider(who)
        name = "approve a credit note" if approved else "decline a credit note"
        if waiting.replacement_id is not None:
            name = "approve a correction" if approved else "decline a correction"
        answer = self.ask(
            name, lambda: corrections.decide(waiting.id, approved=approved, note="Seen", by=by, at=self.now)
        )
        self.judge(by, answer.refusal)
        if answer.done and approved:
            note = CreditNote.get_by_id(waiting.id)
            if note.replacement_id is None:
                self._spend(note)
            else:
                self._correct(note)
            self._close_pages(self.oracle.bills[note.invoice_id])

    @precondition(lambda self: self.oracle.issued())
    @rule(which=SMALL, confirm=st.booleans())
    def correct(self, *, which: int, confirm: bool) -> None:
        """The wizard: a replacement's draft, which may be edited by the rule for drafts, and confirmed."""
        bill = self.pick(self.oracle.issued(), which)
        answer = self.ask("begin a correction", lambda: corrections.start(bill.id, by=self.sam, at=self.now))
        if not answer.done:
            return
        draft = answer.given
        if draft.id not in self.oracle.bills:
            self.oracle.bills[draft.id] = Bill(
                id=draft.id, customer_id=bill.customer_id, currency=bill.currency, version=draft.version
            )
        if not confirm:
            return
        if bill.owes:
            self.ask("release", lambda: payments.release(bill.id, by=self.sam, at=self.now), keeps=MONEY)
        made = self.ask(
            "confirm a correction",
            lambda: corrections.confirm(
                draft.id,
                reason_code="error",
                reason="Wrong price",
                version=draft.version,
                by=self.sam,
                at=self.now,
            ),
        )
        if made.done and made.given.status == "issued":
            self._correct(made.given)
        elif made.done and which % 3:
            self.decide_credit(which=len(self._waiting_notes()) - 1, who=ADA, approved=which % 3 == 1)

    @precondition(lambda self: self.oracle.issued() and self.oracle.worth)
    @rule(source=SMALL, which=SMALL, tenths=st.integers(1, 11))
    def apply(self, *, source: int, which: int, tenths: int) -> None:
        """Use credit: as it should be, or too much, for a stranger's invoice, in another currency."""
        fitting = [
            (worth, bill)
            for worth in self.oracle.worth.values()
            for bill in self.oracle.issued()
            if worth.free and bill.owes and (worth.customer_id, worth.currency) == (bill.customer_id, bill.currency)
        ]
        worth, bill = self._worth(source), self.pick(self.oracle.issued(), which)
        if fitting and which % 5:
            again = [pair for pair in fitting if pair[1].id in pair[0].on]
            worth, bill = self.pick(again if again and which % 2 else fitting, source)
        minor = max(min(worth.free, bill.owes) * tenths // 10, 1)
        owner = worth.customer_id if worth.customer_id is not None and which % 7 else bill.customer_id
        name = "re-apply credit" if bill.id in worth.on else "apply credit"
        answer = self.ask(
            name,
            lambda: payments.apply_credit(
                credits.key_of(worth.key), bill.id, minor, customer_id=owner, by=self.sam, at=self.now
            ),
        )
        if answer.done:
            self.oracle.apply(worth.key, bill.id, minor)
            self.follower.settle_early({bill.id}, self.today)
            self._close_pages(bill)

    @precondition(lambda self: any(any(worth.on.values()) for worth in self.oracle.worth.values()))
    @rule(source=SMALL, which=SMALL, tenths=st.integers(1, 11))
    def take_back(self, source: int, which: int, tenths: int) -> None:
        """Staff takes credit off an invoice again, or more than stands there."""
        worth = self.pick([worth for worth in self.oracle.worth.values() if any(worth.on.values())], source)
        bill_id = self.pick([bill_id for bill_id, minor in worth.on.items() if minor], which)
        minor = max(worth.on[bill_id] * tenths // 10, 1)
        answer = self.ask(
            "take credit back",
            lambda: credits.take_back(
                credits.key_of(worth.key), bill_id, minor, reason="Wrong invoice", by=self.sam, at=self.now
            ),
        )
        assert answer.done == (minor <= worth.on[bill_id]), "what stands there can be taken back, and no more"
        if answer.done:
            self.oracle.take_back(worth.key, bill_id, minor)

    @precondition(lambda self: self.oracle.issued())
    @rule(which=SMALL)
    def write_off(self, which: int) -> None:
        """A debt is given up."""
        bill = self.pick(self.oracle.issued(), which)
        answer = self.ask("write off", lambda: write_offs.create(bill.id, reason="Gone", by=self.sam, at=self.now))
        if answer.done:
            assert answer.given.minor == bill.owes, "all that is owed"
            assert all(note.invoice_id != bill.id for note in self._waiting_notes()), "its credit note is decided first"
            if not self.needs_two(bill.owes, bill.currency):
                self._written_off(answer.given)
            elif which % 3 == 0:
                self.decide_write_off(which=which, who=ADA, approved=which % 2 == 0)

    @precondition(lambda _: WriteOff.select().where(WriteOff.status == "awaiting").exists())
    @rule(which=SMALL, who=WHO, approved=st.booleans())
    def decide_write_off(self, *, which: int, who: int, approved: bool) -> None:
        """Ada decides on a write-off."""
        waiting = self.pick(list(WriteOff.select().where(WriteOff.status == "awaiting").order_by(WriteOff.id)), which)
        by = self.decider(who)
        answer = self.ask(
            "approve a write-off" if approved else "decline a write-off",
            lambda: write_offs.decide(waiting.id, approved=approved, note="Seen", by=by, at=self.now),
        )
        self.judge(by, answer.refusal)
        if answer.done and approved:
            self._written_off(answer.given)

    @precondition(lambda self: any(bill.written_off for bill in self.oracle.bills.values()))
    @rule(which=SMALL)
    def reverse_write_off(self, which: int) -> None:
        """Money comes after all, so the debt stands again; a third of the times it is asked."""
        if which % 3:
            return
        bill = self.pick([bill for bill in self.oracle.issued() if bill.written_off], which)
        self.ask(
            "reverse a write-off",
            lambda: write_offs.reverse(bill.id, reason="They pay", by=self.sam, at=self.now),
            must=True,
        )
        bill.owes, bill.written_off = bill.owes + bill.written_off, 0

    # What all who approve have in common.

    def decider(self, who: int) -> Actor:
        """Mostly Ada."""
        return {0: self.sam, 1: self.cast.world.vic}.get(who, self.ada)

    def judge(self, by: Actor, refusal: Exception | None) -> None:
        """Nobody decides what they asked for, and who only reads decides nothing."""
        if by == self.sam:
            assert isinstance(refusal, approvals.OwnRequest), refusal
        if by == self.cast.world.vic:
            assert isinstance(refusal, approvals.MayNotDecide), refusal

    def _content(self, bill: Bill, shape: str, tenths: int, to: int) -> credit_notes.CreditContent:
        left = bill.total - bill.credited
        destinations = None
        if to == 1:
            destinations = credit_notes.Destinations()
        elif to == 2:
            others = [other for other in self.oracle.open_of(bill.customer_id) if other.currency == bill.currency]
            destinations = credit_notes.Destinations(
                invoices=tuple((other.id, max(other.owes // 3, 1)) for other in others[:2])
            )
        parts: tuple[credit_notes.LinePart, ...] = ()
        if shape == "lines":
            rows = list(InvoiceLine.select().where(InvoiceLine.invoice == bill.id).order_by(InvoiceLine.position))
            parts = tuple(
                credit_notes.LinePart(line_id=row.id, net_minor=max(row.net_minor * tenths // 20, 0)) for row in rows
            )
        return credit_notes.CreditContent(
            shape="full" if shape == "full" else "lines" if shape == "lines" else "amount",
            reason_code="goodwill",
            reason="As agreed",
            lines=parts,
            gross_minor=max(left * tenths // 10, 1) if shape == "amount" else 0,
            destinations=destinations,
        )

    def _spend(self, note: CreditNote) -> None:
        """A credit note was issued: its value goes where it was meant to, as far as that is still owed."""
        worth = self.follower.note_issued(note)
        for bill_id, minor in credit_notes.destinations_of(note.destinations).invoices:
            bill = self.oracle.bills[bill_id]
            part = min(minor, bill.owes) if bill.status == "issued" else 0
            if part:
                self.oracle.apply(worth.key, bill_id, part)

    def _correct(self, note: CreditNote) -> None:
        """The credit note takes the original's place, and what was paid on it moves to the replacement."""
        original = self.oracle.bills[note.invoice_id]
        row: Invoice = Invoice.get_by_id(note.replacement_id)
        replacement = self.oracle.bills[row.id]
        own = {f"credit_note-{one.id}" for one in CreditNote.select().where(CreditNote.invoice == original.id)}
        payments_first = sorted(
            (key for key, minor in original.applied.items() if minor and key not in own),
            key=lambda key: (not self.oracle.worth[key].is_payment, self.oracle.worth[key].id),
        )
        need, freed = note.total_minor - original.owes, list[tuple[str, int]]()
        for key in reversed(payments_first):
            part = min(original.applied[key], need)
            if part > 0:
                freed.insert(0, (key, part))
                self.oracle.take_back(key, original.id, part)
                need -= part
        worth = self.follower.note_issued(note)
        self.oracle.apply(worth.key, original.id, min(note.total_minor, original.owes))
        replacement.status, replacement.version, replacement.issue_on = "issued", row.version, row.issue_on
        replacement.total = replacement.owes = row.total_minor
        replacement.early_days, replacement.early_ppm = row.early_days, row.early_ppm
        for key, minor in freed:
            part = min(minor, replacement.owes)
            if part:
                self.oracle.apply(key, replacement.id, part)

    def _written_off(self, row: WriteOff) -> None:
        bill = self.oracle.bills[row.invoice_id]
        assert (row.status, row.minor) == ("written_off", bill.owes), "all that is owed"
        bill.owes, bill.written_off = 0, row.minor

    def _close_pages(self, bill: Bill) -> None:
        """What a route does after a verb that lowers what is owed."""
        self.ask("close pages", lambda: payments.close_excessive([bill.id], at=self.now), must=True)

    def _waiting_notes(self) -> list[CreditNote]:
        return list(CreditNote.select().where(CreditNote.status == "awaiting").order_by(CreditNote.id))

    def _worth(self, which: int) -> Worth:
        free = [worth for worth in self.oracle.worth.values() if worth.free and worth.customer_id is not None]
        return self.pick(free or list(self.oracle.worth.values()), which)
