"""The whole machine: all rules on one life, and every operation by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.simulation.back_rules import BackRules
from tests.simulation.billing_rules import BillingRules
from tests.simulation.late_rules import LateRules
from tests.simulation.paying_rules import faults

if TYPE_CHECKING:
    from tests.simulation.bank.till import Fault


class Business(BillingRules, BackRules, LateRules):
    """A business with everything that can happen to its money."""

    @rule(job=st.integers(0, 7), tenths=st.integers(1, 10), also=st.booleans(), fault=faults)
    def worker(self, *, job: int, tenths: int, also: bool, fault: Fault) -> None:
        """One of the worker's jobs, at any time and any number of times."""
        if job == 0:
            self.sweep_payments()
        elif job == 1:
            self.sweep_cards()
        elif job == 2:
            self.charge_fees(dry=also)
        elif job == 3:
            self.sweep_back(all_of_them=also)
        elif job == 4:
            self.compare(pays_out=also, tenths=tenths)
        else:
            self.autopay_runs(fault)
