"""Saved cards: saving one, and charging it without the payer at the screen."""

from __future__ import annotations

from typing import Protocol


class Cards(Protocol):
    """Saved ways to pay. Methods may raise OutcomeUnknown or Declined."""
