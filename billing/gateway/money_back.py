"""Money that goes back."""

from __future__ import annotations

from typing import Protocol


class MoneyBack(Protocol):
    """Refunds, chargebacks, and the provider's own list of what moved. Methods may raise OutcomeUnknown or Declined."""
