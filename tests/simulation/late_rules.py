"""Late fees by rule, and waived; saved cards, autopay, and the holder of a card who answers the bank or not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from billing import autopay, cards, fees, payments
from billing.tables import Autopay, Card, FeeCharge, Invoice
from tests.simulation.life import MONEY
from tests.simulation.oracle import Bill
from tests.simulation.paying_rules import FAULTS, PayingRules

if TYPE_CHECKING:
    from tests.simulation.bank.till import Fault
    from tests.simulation.bank.wallet import Mood

SMALL = st.integers(0, 30)
MOODS: tuple[Mood, ...] = (
    "pays", "takes days", "lost_card", "asks", "declines", "pays", "takes days", "lost_card", "asks",
)  # fmt: skip


class LateRules(PayingRules):
    """What happens when nobody pays in time, or a card pays by itself."""

    @precondition(lambda self: any(bill.owes for bill in self.oracle.issued()))
    @rule(which=SMALL, waives=st.booleans())
    def goes_overdue(self, *, which: int, waives: bool) -> None:
        """Nobody pays for weeks, so a fee is charged, and let go perhaps."""
        bill = self.pick([bill for bill in self.oracle.issued() if bill.owes], which)
        self._leap_to_due(bill, timedelta(days=40))
        self.charge_fees(dry=False)
        if waives and any(one.kind != "invoice" for one in self.oracle.bills.values()):
            self.waive(which=which)

    @precondition(lambda self: any(bill.owes for bill in self.oracle.issued()))
    @rule(which=SMALL, mood=SMALL, fault=st.sampled_from(FAULTS))
    def falls_due(self, *, which: int, mood: int, fault: Fault) -> None:
        """A customer has agreed to autopay, and an invoice falls due: the card pays, or does not."""
        bill = self.pick([bill for bill in self.oracle.issued() if bill.owes], which)
        if cards.live(bill.customer_id) is None:
            ids = [customer.id for customer in self.cast.customers]
            self.save_card(who=ids.index(bill.customer_id), agrees=True, settles=True, fault="")
        consent = cards.live(bill.customer_id)
        if consent is not None:
            self.bank.cards[str(consent.card.stripe_id)].mood = self.pick(MOODS, mood)
        self._leap_to_due(bill, timedelta(days=1))
        self.autopay_tells()
        self.now += timedelta(days=3)
        self.happens("clock moves")
        self.autopay_runs(fault)

    def _leap_to_due(self, bill: Bill, beyond: timedelta) -> None:
        """The due day of an invoice, or of its next instalment, is so long over."""
        due_on = Invoice.get_by_id(bill.id).next_due_on
        assert due_on is not None, "an open invoice falls due"
        self.now = max(self.now, self.now + (due_on - self.today) + beyond)
        self.happens("clock moves")

    def charge_fees(self, *, dry: bool) -> None:
        """The worker charges what the rule asks for; once more brings nothing."""
        name = "work out late fees" if dry else "charge late fees"
        answer = self.ask(name, lambda: fees.charge_due(self.today, self.now, dry_run=dry), must=True)
        charged = [judged.charged for judged in answer.given if judged.charged is not None]
        assert not (dry and charged), "a dry run writes nothing"
        for document in charged:
            self.oracle.bills[document.id] = Bill(
                id=document.id,
                customer_id=document.customer_id,
                currency=document.currency,
                version=document.version,
                status="issued",
                kind=document.kind,
                total=document.total_minor,
                owes=document.total_minor,
                issue_on=document.issue_on,
            )
        for _ in charged:
            self.happens("late fee")

    @precondition(lambda self: any(bill.kind != "invoice" for bill in self.oracle.bills.values()))
    @rule(which=SMALL)
    def waive(self, which: int) -> None:
        """A fee is let go: its document is voided, or what is left of it is credited."""
        charge = self.pick(list(FeeCharge.select().order_by(FeeCharge.id)), which)
        bill = self.oracle.bills[charge.fee_invoice_id]
        before = bill.status
        answer = self.ask("waive a fee", lambda: fees.waive(charge.id, reason="Goodwill", by=self.sam, at=self.now))
        if not answer.done or before == "void":
            return
        if fees.get(charge.id).fee_invoice.status == "void":
            assert (bill.owes, bill.credited) == (bill.total, 0), "only what had no effect"
            bill.status, bill.owes = "void", 0
        elif bill.credited < bill.total:
            note = self.follower.next_note(bill)
            assert bill.credited == bill.total, "all that was left of it"
            if bill.owes:
                self.oracle.apply(note.key, bill.id, min(note.minor, bill.owes))

    @rule(who=SMALL, agrees=st.booleans(), settles=st.booleans(), fault=st.sampled_from(FAULTS))
    def save_card(self, *, who: int, agrees: bool, settles: bool, fault: Fault) -> None:
        """Somebody saves a card, and lets it pay by itself or not."""
        customer = self.pick(self.cast.customers, who)
        person = self.cast.payers[customer.id][0]
        self.bank.fault = fault
        answer = self.ask(
            "ask to save a card",
            lambda: cards.start_setup(
                customer.id,
                nonce=self.nonce(),
                by=person,
                at=self.now,
                autopay_consent=cards.consent_text(customer.id) if agrees else "",
                ip="192.0.2.1",
            ),
            keeps=MONEY,
        )
        if answer.done:
            wish = answer.given
            assert wish.session_id, "the page is open"
            self.bank.save_card(wish.session_id)
            self.happens("card is saved")
            if settles:
                self.ask("hear of a card", lambda: cards.sync_session(str(wish.session_id), at=self.now), must=True)

    def sweep_cards(self) -> None:
        """The worker asks about every page that saves a card."""
        self.ask("sweep cards", lambda: cards.sweep(self.now), must=True)

    @precondition(lambda self: self.bank.cards)
    @rule(which=SMALL, mood=SMALL)
    def mood_changes(self, which: int, mood: int) -> None:
        """A card runs out of money, is lost, or is good again: one that pays by itself mostly."""
        agreed = list(Autopay.select().where(Autopay.ended_at.is_null()).order_by(Autopay.id))
        if agreed and which % 4:
            card = self.bank.cards[str(self.pick(agreed, which).card.stripe_id)]
        else:
            card = self.pick(list(self.bank.cards.values()), which)
        card.mood = self.pick(MOODS, mood)
        self.happens("card changes its mood")

    @precondition(lambda self: self.bank.cards and any(bill.owes for bill in self.oracle.bills.values()))
    @rule(
        which=SMALL,
        many=st.integers(1, 2),
        part=st.integers(6, 10),
        credit=st.booleans(),
        answers=st.sampled_from((None, True, True, False)),
        fault=st.sampled_from(FAULTS),
    )
    def pay_with_card(
        self, *, which: int, many: int, part: int, credit: bool, answers: bool | None, fault: Fault
    ) -> None:
        """In one step, by the saved card; where the bank asks its holder, there is an answer soon, or not yet."""
        saved = list(Card.select().where(Card.removed_at.is_null()).order_by(Card.id))
        if not saved:
            return
        card = self.pick([card for card in saved if self.oracle.open_of(card.customer_id)] or saved, which)
        mine = self.oracle.open_of(card.customer_id)
        if not mine:
            return
        chosen = self.some_of(self.pick(mine, which), many)
        planned, uses = self.plan(chosen, part, credit=credit)
        meant = self.meant(card.customer_id, planned, uses)
        if not meant.paid:
            return
        plan = payments.Plan(customer_id=card.customer_id, planned=tuple(planned), uses=tuple(uses))
        if answers is not None:
            self.bank.cards[str(card.stripe_id)].mood = "asks"
        self.bank.fault = fault if answers is None else ""
        self.ask(
            "pay with a saved card",
            lambda: cards.pay(
                card.id, plan, nonce=self.nonce(), payer=self.cast.payers[card.customer_id][0], at=self.now
            ),
            keeps=MONEY,
            meant=meant,
        )
        if answers is not None and self._asked():
            self.answer_bank(which=which, agrees=answers)

    @precondition(lambda self: self._asked())
    @rule(which=SMALL, agrees=st.booleans())
    def answer_bank(self, *, which: int, agrees: bool) -> None:
        """The holder confirms in the bank's page, or does not."""
        self.bank.answer(self.pick(self._asked(), which), agrees=agrees)
        self.happens("holder confirms" if agrees else "holder does not confirm")

    def _asked(self) -> list[str]:
        """The payments whose holder the bank has asked."""
        return [money.id for money in self.bank.monies.values() if money.status == "requires_action"]

    def autopay_tells(self) -> None:
        """The worker mails what autopay will charge; nothing else changes."""
        self.ask("tell autopay", lambda: autopay.tell_upcoming(self.today, at=self.now), must=True, keeps=MONEY)

    def autopay_runs(self, fault: Fault) -> None:
        """The worker charges what falls due under a consent; what came of each is known, or asked again."""
        self.bank.fault = fault
        answer = self.ask("run autopay", lambda: autopay.run_due(self.today, at=self.now), must=True)
        ran = answer.given
        for outcome in ("paid", "processing", "declined", "needs_person", "stopped", "unanswered"):
            for _ in range(getattr(ran, outcome)):
                self.happens(f"autopay: {outcome.replace('_', ' ')}")
        if ran.needs_person and self._asked():
            self.answer_bank(which=ran.needs_person, agrees=True)

    @precondition(lambda self: self.bank.cards)
    @rule(which=SMALL)
    def withdraw(self, which: int) -> None:
        """Autopay is turned off now and then; off stays off."""
        if which % 3:
            return
        customer = self.pick(self.cast.customers, which // 3)
        person = self.cast.payers[customer.id][0]
        self.ask("turn autopay off", lambda: cards.withdraw(customer.id, by=person, at=self.now), must=True)

    @precondition(lambda self: self.bank.cards)
    @rule(which=SMALL)
    def remove_card(self, which: int) -> None:
        """A card goes, and with it the autopay by it."""
        saved = list(Card.select().order_by(Card.id))
        if saved:
            card = self.pick(saved, which)
            person = self.cast.payers[card.customer_id][0]
            self.ask(
                "remove a card",
                lambda: cards.remove(card.id, customer_id=card.customer_id, by=person, at=self.now),
                keeps=MONEY,
            )
