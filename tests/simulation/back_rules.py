"""Money that goes back: refunds of every kind and fate, chargebacks and their ends, comparing with the bank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from billing import chargebacks, comparing, credits, refunds
from billing.db import execute
from billing.tables import Refund
from tests.simulation.bank.back import left_of
from tests.simulation.credit_rules import ADA, WHO, CreditRules
from tests.simulation.paying_rules import FAULTS

if TYPE_CHECKING:
    from tests.simulation.bank.back import Asked
    from tests.simulation.bank.till import Fault, Money
    from tests.simulation.oracle import Worth

SMALL = st.integers(0, 30)
METHODS: tuple[refunds.reading.Method, ...] = ("original", "original", "original", "bank", "cheque", "cash", "other")
GOING_ON = ("warning_needs_response", "needs_response", "lost")
ENDS = ("lost", "lost", "won", "won", "prevented", "prevented")


class BackRules(CreditRules):
    """What goes back, by us or without us."""

    @precondition(lambda self: self.oracle.worth)
    @rule(
        source=SMALL,
        tenths=st.integers(1, 11),
        method=SMALL,
        off=st.booleans(),
        days=st.booleans(),
        sends=st.booleans(),
        fault=st.sampled_from(FAULTS),
    )
    def refund(
        self,
        *,
        source: int,
        tenths: int,
        method: int,
        off: bool,
        days: bool,
        sends: bool,
        fault: Fault,
    ) -> None:
        """Give credit back, or what was paid on an invoice; also more than there is, or what never came by card."""
        way = self.pick(METHODS, method)
        worth = self._to_refund(source, way, off=off)
        standing = [bill_id for bill_id, minor in worth.on.items() if minor]
        bill_id = self.pick(standing, source) if off and standing else None
        minor = max((worth.on[bill_id] if bill_id is not None else worth.free) * tenths // 10, 1)
        charge_id = None if worth.is_payment else self._charge_of(worth, source)
        name = "refund what was paid on an invoice" if bill_id is not None else "refund credit"
        name = name if worth.is_payment else "refund a credit note"
        answer = self.ask(
            name,
            lambda: refunds.request(
                source=credits.key_of(worth.key),
                minor=minor,
                method=way,
                reason="They asked",
                from_invoice_id=bill_id,
                charge_payment_id=charge_id if way == "original" else None,
                by=self.sam,
                at=self.now,
            ),
        )
        if not answer.done:
            return
        row = answer.given
        assert (row.status == "awaiting") == self.needs_two(minor, worth.currency), "two above the threshold"
        if row.status != "awaiting":
            self.follower.refunded(row.reference, worth.key, minor, bill_id)
            self._send(row, days=days, sends=sends, fault=fault)
        elif source % 3:
            self.decide_refund(which=source, who=ADA, approved=source % 3 == 1, days=days)

    @precondition(lambda _: Refund.select().where(Refund.status == "awaiting").exists())
    @rule(which=SMALL, who=WHO, approved=st.booleans(), days=st.booleans())
    def decide_refund(self, *, which: int, who: int, approved: bool, days: bool) -> None:
        """Ada decides on a refund."""
        waiting = self.pick(list(Refund.select().where(Refund.status == "awaiting").order_by(Refund.id)), which)
        by = self.decider(who)
        answer = self.ask(
            "approve a refund" if approved else "decline a refund",
            lambda: refunds.decide(waiting.id, approved=approved, note="Seen", by=by, at=self.now),
        )
        self.judge(by, answer.refusal)
        if answer.done and approved:
            row = answer.given
            key = f"credit_note-{row.credit_note_id}" if row.credit_note_id else f"payment-{row.payment_id}"
            self.follower.refunded(row.reference, key, row.minor, row.invoice_id)
            self._send(row, days=days, sends=True, fault="")

    @precondition(lambda self: self.bank.monies)
    @rule(which=SMALL, tenths=st.integers(1, 10))
    def refund_elsewhere(self, which: int, tenths: int) -> None:
        """Somebody refunds in the dashboard."""
        came = self._came()
        if came:
            money = self.pick(came, which)
            self.bank.refunds_take_days = which % 4 == 0
            self.bank.refund_elsewhere(money.id, max(left_of(money) * tenths // 10, 1))
            self.bank.refunds_take_days = False
            self.happens("refund in the dashboard")

    @precondition(lambda self: self.bank.refunds)
    @rule(which=SMALL, fails=st.booleans())
    def refund_ends(self, *, which: int, fails: bool) -> None:
        """A refund arrives, or comes back days later."""
        stand = [made for made in self.bank.refunds.values() if made.status != "failed"]
        made = self.pick([made for made in stand if made.status == "pending"] or stand or [None], which)
        if made is not None and fails:
            self.bank.fail(made.id)
            self.happens("refund fails later")
        elif made is not None and made.status == "pending":
            self.bank.arrive(made.id)
            self.happens("refund arrives")

    @precondition(lambda self: self.bank.refunds)
    @rule(which=SMALL)
    def hear_of_refund(self, which: int) -> None:
        """A webhook of a refund, before its payment was heard of, again, or late."""
        refund_id = self.pick(self._untold_first("re_") or list(self.bank.refunds), which)
        self.ask("hear of a refund", lambda: refunds.sync(refund_id, at=self.now), must=True)

    @precondition(lambda self: self.bank.monies)
    @rule(which=SMALL, tenths=st.integers(3, 13), inquiry=st.booleans())
    def ask_back(self, *, which: int, tenths: int, inquiry: bool) -> None:
        """The payer's bank takes a payment back, a part of it, or only asks."""
        came = self._came()
        if came:
            money = self.pick(came, which)
            self.bank.ask_back(money.id, max(left_of(money) * min(tenths, 10) // 10, 1), inquiry=inquiry)
            self.happens(
                "inquiry opens" if inquiry else "chargeback opens" if tenths > 9 else "partial chargeback opens"
            )
        if len(self.bank.chargebacks) > which % 4:  # a bank that asks often also comes to an end often
            self.chargeback_ends(which=which, end=tenths, fee_too=inquiry)

    @precondition(lambda self: self.bank.chargebacks)
    @rule(which=SMALL, end=SMALL, fee_too=st.booleans())
    def chargeback_ends(self, *, which: int, end: int, fee_too: bool) -> None:
        """It is won, lost, prevented; an inquiry is closed or becomes a chargeback; a lost one is won on appeal."""
        asked = self.pick(list(self.bank.chargebacks.values()), which)
        going_on = [one for one in self.bank.chargebacks.values() if one.status in GOING_ON]
        asked = self.pick(going_on, which) if going_on and which % 5 else asked
        if asked.status.startswith("warning_needs"):
            self._inquiry_ends(asked, closes=fee_too)
        elif asked.status == "needs_response":
            word = self.pick(ENDS, end)
            self.bank.close(asked.id, word, gives_back=word != "lost", fee_too=fee_too)
            self.happens(f"chargeback is {word}")
        elif asked.status == "lost":
            self.bank.close(asked.id, "won", gives_back=True)
            self.happens("lost chargeback is won on appeal")

    @precondition(lambda self: self.bank.chargebacks)
    @rule(which=SMALL)
    def hear_of_chargeback(self, which: int) -> None:
        """A webhook of a chargeback, in any order."""
        chargeback_id = self.pick(self._untold_first("dp_") or list(self.bank.chargebacks), which)
        self.ask("hear of a chargeback", lambda: chargebacks.sync_dispute(chargeback_id, at=self.now), must=True)

    def sweep_back(self, *, all_of_them: bool) -> None:
        """The worker sends what was never answered, and asks about what is on its way."""
        self.ask("sweep refunds", lambda: refunds.send_due(self.now), must=True)
        if all_of_them:
            self.ask("sweep chargebacks", lambda: chargebacks.sweep(self.now, lost_too=True), must=True)

    def compare(self, *, pays_out: bool, tenths: int) -> None:
        """The bank's own list against the books; a payout is found by it alone."""
        positive = [currency for currency, minor in self.bank.balance().items() if minor > 100]
        if pays_out and positive:
            currency = self.pick(positive, tenths)
            self.bank.pay_out(currency, self.bank.balance()[currency] * tenths // 10)
            self.happens("payout")
        self.ask("compare with the bank", lambda: comparing.compare(self.now, days=comparing.MOST_DAYS), must=True)
        found = execute("SELECT kind, words FROM gateway_difference WHERE resolved_at IS NULL").fetchall()
        if execute("SELECT 1 FROM refund WHERE status = 'created' LIMIT 1").fetchone():  # one of ours has to end first
            found = [row for row in found if row[0] != "refund"]
        assert not found, f"the comparison cannot explain {found}"

    def _send(self, row: Refund, *, days: bool, sends: bool, fault: Fault) -> None:
        """After the commit the bank is asked, unless the program ended before."""
        if row.method != "original" or not sends:
            return
        self.bank.refunds_take_days, self.bank.fault = days, fault
        self.ask("send a refund", lambda: refunds.send(row, at=self.now), must=True)
        self.bank.refunds_take_days = False
        made = len(self.bank.refunds)
        if days and made % 3:  # most of those that take days end before anything else happens
            self.refund_ends(which=made, fails=made % 3 == 1)

    def _to_refund(self, which: int, way: str, *, off: bool) -> Worth:
        """Something of which there is something to give back mostly, and that came by card where it is to go there."""
        worth = list(self.oracle.worth.values())
        some = [one for one in worth if (any(one.on.values()) if off else one.free)]
        by_card = [one for one in some if one.intent_id or not one.is_payment]
        fitting = by_card if way == "original" else some
        return self.pick(fitting if fitting and which % 6 else worth, which)

    def _inquiry_ends(self, asked: Asked, *, closes: bool) -> None:
        if closes:
            self.bank.close(asked.id, "warning_closed")
            self.happens("inquiry is closed")
        elif left_of(asked.money) >= asked.minor:
            self.bank.escalate(asked.id)
            self.happens("inquiry becomes a chargeback")

    def _came(self) -> list[Money]:
        return [money for money in self.bank.monies.values() if money.status == "succeeded" and left_of(money)]

    def _untold_first(self, prefix: str) -> list[str]:
        return sorted(one for one in self.bank.untold if one.startswith(prefix))

    def _charge_of(self, worth: Worth, which: int) -> int | None:
        """A payment of the same customer, through which a credit note may go back."""
        mine = [
            other.id
            for other in self.oracle.worth.values()
            if other.intent_id and other.customer_id == worth.customer_id
        ]
        return self.pick(mine, which) if mine else None
