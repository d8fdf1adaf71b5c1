"""Money that goes back, on the stage: refunds in each state, chargebacks, and what Stripe's list does not explain."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from billing import refunds
from billing.credits import CreditKey
from billing.tables import Approval, Chargeback, GatewayDifference, Payment, Refund
from tests.portal import scenes
from tests.world import AT

if TYPE_CHECKING:
    from billing.tables import Customer
    from tests.world import World


def arrange(world: World, customer: Customer) -> dict[str, str]:
    """Refunds and chargebacks of a customer of their own; gives what addresses name."""
    invoice = world.issued(customer)
    came = scenes.kept(customer, 90_000)
    sent = _ask(world, came, 10_000, "bank")
    Refund.update(needs_review=True).where(Refund.id == sent.id).execute()
    waiting: Refund = Refund.create(
        reference="REF-WAIT-WAIT-WAIT", customer=customer.id, payment=came.id, currency="GBP", minor=40_000,
        method="bank", status="awaiting", reason="Paid twice", created_at=AT, created_by=world.ada.key,
    )  # fmt: skip
    Approval.create(
        refund=waiting.id, customer=customer.id, minor=40_000, currency="GBP", requested_by=world.ada.user_id,
        requested_at=AT,
    )  # fmt: skip
    for number, (status, days) in enumerate((("needs_response", 9), ("lost", None), ("won", None))):
        Chargeback.insert(
            id=f"dp_stage_{number}", payment=came.id, status=status, reason="product_not_received", currency="GBP",
            minor=5_000, is_refundable=status == "won", respond_by=AT + timedelta(days=days) if days else None,
            opened_at=AT, closed_at=None if days else AT, checked_at=AT,
        ).execute()  # fmt: skip
    for number, resolved in enumerate((None, AT)):
        GatewayDifference.insert(
            id=f"txn_stage_{number}", kind="reserve_transaction", words="Reserve held", minor=-5_000, currency="GBP",
            found_at=AT, resolved_at=resolved, resolved_by="Sam Reyes" if resolved else "",
            note="Stripe keeps a reserve for new sellers" if resolved else "",
        ).execute()  # fmt: skip
    return {
        "refundable_id": str(scenes.kept(customer, 12_000).id),
        "spent_id": str(_spent(world, customer).id),
        "refund_sent_id": str(sent.id),
        "refund_waiting_id": str(waiting.id),
        "back_invoice_id": str(invoice.id),
    }


def _spent(world: World, customer: Customer) -> Payment:
    """A payment of which nothing is left."""
    payment = scenes.kept(customer, 3_000)
    _ask(world, payment, 3_000, "cash")
    return payment


def _ask(world: World, payment: Payment, minor: int, method: refunds.Method) -> Refund:
    return refunds.request(
        source=CreditKey("payment", payment.id), minor=minor, method=method, reason="Paid twice", by=world.sam, at=AT
    )
