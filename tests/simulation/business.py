"""The whole machine: all rules on one life, and every operation by its name."""

from __future__ import annotations

from tests.simulation.billing_rules import BillingRules
from tests.simulation.paying_rules import PayingRules


class Business(BillingRules, PayingRules):
    """A business with everything that can happen to its money."""
