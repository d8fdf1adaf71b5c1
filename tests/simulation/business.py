"""The whole machine: all rules on one life, and every operation by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.simulation.back_rules import BackRules
from tests.simulation.billing_rules import BillingRules
from tests.simulation.late_rules import LateRules
from tests.simulation.paying_rules import faults
from tests.simulation.receiving_rules import ReceivingRules

if TYPE_CHECKING:
    from tests.simulation.bank.till import Fault

# What must come about in a long run, done or outside, each often enough.
EVERYTHING = (
    "draft",
    "edit a draft",
    "remove a draft",
    "issue",
    "issue with early terms",
    "issue with instalments",
    "void",
    "release",
    "start paying in full",
    "start paying in part",
    "start paying several",
    "start paying with credit",
    "start paying ahead",
    "pay by credit alone",
    "take over",
    "cancel",
    "ask about a page",
    "hear of money",
    "sweep payments",
    "close pages",
    "credit note: full",
    "credit note: lines",
    "credit note: amount",
    "approve a credit note",
    "decline a credit note",
    "begin a correction",
    "confirm a correction",
    "approve a correction",
    "decline a correction",
    "apply credit",
    "re-apply credit",
    "take credit back",
    "write off",
    "approve a write-off",
    "decline a write-off",
    "reverse a write-off",
    "refund credit",
    "refund what was paid on an invoice",
    "refund a credit note",
    "approve a refund",
    "decline a refund",
    "send a refund",
    "hear of a refund",
    "sweep refunds",
    "hear of a chargeback",
    "sweep chargebacks",
    "compare with the bank",
    "record a payment",
    "record a split payment",
    "record money of nobody",
    "reverse a payment",
    "assign an unknown payer",
    "take a suggestion",
    "keep as credit",
    "charge late fees",
    "work out late fees",
    "waive a fee",
    "ask to save a card",
    "hear of a card",
    "sweep cards",
    "pay with a saved card",
    "tell autopay",
    "run autopay",
    "turn autopay off",
    "remove a card",
    "clock moves",
    "payer pays by card",
    "payer is declined",
    "payer pays by debit",
    "payer pays another amount",
    "payer pays in another currency",
    "payment for an attempt comes from elsewhere",
    "stranger pays",
    "debit lands",
    "debit bounces",
    "refund in the dashboard",
    "refund arrives",
    "refund fails later",
    "chargeback opens",
    "partial chargeback opens",
    "inquiry opens",
    "inquiry is closed",
    "inquiry becomes a chargeback",
    "chargeback is lost",
    "chargeback is won",
    "chargeback is prevented",
    "lost chargeback is won on appeal",
    "payout",
    "late fee",
    "early discount is taken",
    "card is saved",
    "card changes its mood",
    "holder confirms",
    "holder does not confirm",
    "autopay: paid",
    "autopay: processing",
    "autopay: declined",
    "autopay: needs person",
    "autopay: stopped",
    "autopay: unanswered",
)


class Business(BillingRules, BackRules, LateRules, ReceivingRules):
    """A business with everything that can happen to its money."""

    @rule(job=st.integers(0, 9), tenths=st.integers(1, 10), also=st.booleans(), fault=faults)
    def worker(self, *, job: int, tenths: int, also: bool, fault: Fault) -> None:
        """Time goes by, and one of the worker's jobs is done, at any time and any number of times."""
        if job > 6:
            self.clock_moves(tenths)
        elif job == 0:
            self.sweep_payments()
        elif job == 1:
            self.sweep_cards()
        elif job == 2:
            self.charge_fees(dry=also)
        elif job == 3:
            self.sweep_back(all_of_them=also)
        elif job in {4, 5}:
            self.compare(pays_out=also, tenths=tenths)
        else:
            self.autopay_tells()
            self.autopay_runs(fault)
