"""Balance transactions: every movement of the merchant's money, with Stripe's fee."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import listing, shapes
from stripe_sandbox.store import Store, new_id

if TYPE_CHECKING:
    from stripe_sandbox.api import Call
    from stripe_sandbox.errors import Json

FEE_PER_MILLE, FIXED_FEE_MINOR = 29, 30  # 2.9 per cent + 30, whatever the currency or the method
DAYS_UNTIL_AVAILABLE = 2


def charge_fee_minor(amount_minor: int) -> int:
    """What Stripe keeps of a charge, rounded half up."""
    return (amount_minor * FEE_PER_MILLE + 500) // 1000 + FIXED_FEE_MINOR


def move(
    store: Store,
    source: Json,
    amount_minor: int,
    *,
    kind: str,
    category: str,
    fee_minor: int = 0,
    fee_words: str = "Stripe processing fees",
    description: str | None = None,
) -> str:
    """Book a movement; positive is money for the merchant. Returns its id."""
    fees = [
        {
            "amount": fee_minor,
            "application": None,
            "currency": source["currency"],
            "description": fee_words,
            "type": "stripe_fee",
        }
    ]
    movement = store.add(
        shapes.blank(
            "balance_transaction",
            id=new_id("txn_1"),
            amount=amount_minor,
            available_on=store.now() + DAYS_UNTIL_AVAILABLE * 86_400,
            balance_type="payments",
            created=store.now(),
            currency=source["currency"],
            description=description,
            fee=fee_minor,
            fee_details=fees if fee_minor else [],
            net=amount_minor - fee_minor,
            reporting_category=category,
            source=source["id"],
            status="pending",
            type=kind,
        )
    )
    return str(movement["id"])


def retrieve(call: Call, transaction: str) -> Json:
    """GET /v1/balance_transactions/{id}."""
    return call.store.asked("balance_transaction", transaction, param="id", in_path=True)


def list_all(call: Call) -> Json:
    """GET /v1/balance_transactions."""
    return listing.page(call, "balance_transaction", "/v1/balance_transactions", equal=("currency", "source", "type"))
