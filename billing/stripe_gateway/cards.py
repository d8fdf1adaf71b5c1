"""Saved cards of Stripe."""

from __future__ import annotations

from billing.stripe_gateway.calls import Calls


class CardCalls(Calls):
    """billing.gateway.Cards by Stripe."""
