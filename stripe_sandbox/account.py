"""The merchant's own account at Stripe, as far as it is asked: whose money this is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import shapes

if TYPE_CHECKING:
    from stripe_sandbox.api import Call
    from stripe_sandbox.errors import Json

USUAL_ID = "acct_sandbox"


def retrieve(call: Call) -> Json:
    """GET /v1/account. The control plane may make it another's."""
    return shapes.blank(
        "account",
        id=call.store.switch("account_id", USUAL_ID),
        business_type="company",
        capabilities={"card_payments": "active", "transfers": "active"},
        charges_enabled=True,
        country="US",
        created=1_700_000_000,
        default_currency="usd",
        details_submitted=True,
        email="owner@example.com",
        metadata={},
        payouts_enabled=True,
        type="standard",
    )
