"""Money that comes outside the provider: recorded, split, found in the inbox, given to its payer, taken out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from billing import inbox, payments
from billing.tables import Payment
from tests.simulation.follower import day_of
from tests.simulation.life import Life
from tests.simulation.oracle import Worth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.oracle import Bill

SMALL = st.integers(0, 30)


class ReceivingRules(Life):
    """What staff types, and what it does with money that has no place."""

    @rule(who=SMALL, tenths=st.integers(1, 13), many=st.integers(0, 3), days=st.integers(0, 9), known=st.booleans())
    def record(self, *, who: int, tenths: int, many: int, days: int, known: bool) -> None:
        """A cheque or a transfer: for some invoices, for none, of nobody; too little, or more than they owe."""
        customer = self.pick(self.cast.customers, who)
        bills = [bill for bill in self.oracle.issued() if bill.customer_id == customer.id]
        bills = [bill for bill in bills if bill.owes or bill.written_off][:many]
        parts = tuple(payments.Planned(bill.id, self._part(bill, tenths)) for bill in bills)
        split = parts if known else ()
        minor = sum(part.minor for part in split) + (500 if tenths % 2 else 0) or 700
        on = self.today - timedelta(days=max(days - 5, 0))
        received = payments.Received(
            customer_id=customer.id if known else None,
            minor=minor,
            currency=customer.currency,
            method="Cheque",
            received_on=on,
            bank_reference=f"slip {who % 5}",
            parts=split,
            rest_is_credit=bool(tenths % 3),
        )
        name = "record a split payment" if split else "record a payment" if known else "record money of nobody"
        answer = self.ask(name, lambda: payments.record(received, by=self.sam, at=self.now, anyway=bool(days % 2)))
        if not answer.done:
            return
        payment = answer.given
        key = f"payment-{payment.id}"
        worth = Worth(key=key, customer_id=received.customer_id, currency=received.currency, minor=minor, free=minor)
        self.oracle.came(worth)
        self._owe_again(part.invoice_id for part in split)
        for part in sorted(split):
            self.oracle.apply(key, part.invoice_id, part.minor)
            self.follower.settle_early({part.invoice_id}, on)

    @precondition(lambda self: self.oracle.worth)
    @rule(which=SMALL)
    def reverse(self, *, which: int) -> None:
        """A cheque bounces. What came by card, was refunded, or bounced before, does not."""
        paid = [worth for worth in self.oracle.worth.values() if worth.is_payment]
        by_hand = [worth for worth in paid if worth.intent_id is None]
        if not paid:
            return
        worth = self.pick(by_hand if by_hand and which % 4 else paid, which)
        answer = self.ask(
            "reverse a payment", lambda: payments.reverse(worth.id, reason="It bounced", by=self.sam, at=self.now)
        )
        if answer.done:
            assert worth.intent_id is None, "card money is refunded"
            assert self.oracle.leave(worth.key, worth.minor) == 0, "all of it was still here"

    @precondition(lambda self: any(worth.customer_id is None for worth in self.oracle.worth.values()))
    @rule(which=SMALL, who=SMALL)
    def assign(self, *, which: int, who: int) -> None:
        """Somebody says whose money it is."""
        unknown = [worth for worth in self.oracle.worth.values() if worth.customer_id is None]
        worth, customer = self.pick(unknown, which), self.pick(self.cast.customers, who)
        self.ask(
            "assign an unknown payer",
            lambda: payments.assign_customer(worth.id, customer.id, by=self.sam, at=self.now),
            must=True,
        )
        worth.customer_id = customer.id

    @precondition(lambda _: Payment.select().where(Payment.waiting).exists())
    @rule(which=SMALL, take=SMALL, keep=st.booleans())
    def inbox_is_worked(self, *, which: int, take: int, keep: bool) -> None:
        """A person takes a suggestion as it stands, or keeps the money as credit."""
        waits = self.pick(inbox.waiting(), which)
        worth = self.oracle.worth[f"payment-{waits.payment.id}"]
        assert waits.free_minor == worth.free, "the inbox shows what is free"
        found = inbox.suggestions(waits.payment)
        if not found or (keep and take % 3 == 0):
            if worth.customer_id is not None:
                self.ask("keep as credit", lambda: inbox.keep_as_credit(worth.id, by=self.sam, at=self.now), must=True)
            return
        chosen = self.pick(found, take)
        planned = [payments.Planned(paid.invoice_id, paid.minor) for paid in chosen.paid]
        for paid in chosen.paid:
            bill = self.oracle.bills[paid.invoice_id]
            assert paid.left_minor == bill.owes + bill.written_off - paid.minor, (
                "the effect that is shown is the effect"
            )
        answer = self.ask(
            "take a suggestion",
            lambda: inbox.apply(worth.id, planned, customer_id=chosen.customer_id, by=self.sam, at=self.now),
        )
        if answer.done:
            worth.customer_id = chosen.customer_id
            on = day_of(waits.payment.received_at)
            self._owe_again(part.invoice_id for part in planned)
            for part in sorted(planned):
                self.oracle.apply(worth.key, part.invoice_id, part.minor)
                self.follower.settle_early({part.invoice_id}, on)

    def _owe_again(self, bill_ids: Iterable[int]) -> None:
        """Money came after all: what was given up is owed again."""
        for bill_id in bill_ids:
            bill = self.oracle.bills[bill_id]
            bill.owes, bill.written_off = bill.owes + bill.written_off, 0

    def _part(self, bill: Bill, tenths: int) -> int:
        return max((bill.owes + bill.written_off) * tenths // 10, 1)
