"""Refunds and chargebacks of Stripe, and its own list of what moved."""

from __future__ import annotations

from billing.stripe_gateway.calls import Calls


class MoneyBackCalls(Calls):
    """billing.gateway.MoneyBack by Stripe."""
