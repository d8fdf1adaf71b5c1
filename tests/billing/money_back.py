"""Money that came at the sandbox and may go back, and what the books and the sandbox say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peewee import fn

from billing import db, ledger, payments, refunds
from billing.credits import CreditKey
from billing.tables import Chargeback, GatewayDifference, Payment, Transfer
from tests.billing import paying
from tests.world import AT

if TYPE_CHECKING:
    from billing.tables import Invoice
    from tests.billing.paying import Sandbox
    from tests.world import World


def paid(world: World, sandbox: Sandbox, *invoices: Invoice | str) -> Payment:
    """Alice paid these invoices together, and we know it; a text among them is the card's number."""
    chosen = [one for one in invoices if not isinstance(one, str)]
    number = next((one for one in invoices if isinstance(one, str)), paying.GOOD_CARD)
    attempt = payments.start_checkout(
        customer_id=chosen[0].customer_id,
        planned=[payments.Planned(one.id, one.balance_minor) for one in chosen],
        nonce=f"n-{'-'.join(str(one.id) for one in chosen)}",
        payer=world.alice,
        at=AT,
    )
    sandbox.pay(paying.page(attempt), number)
    payments.sync(attempt, at=AT)
    payment: Payment = Payment.get(Payment.attempt == attempt.id)
    return payment


def pay_too_much(world: World, sandbox: Sandbox, invoice: Invoice) -> Payment:
    """Alice paid an invoice that was paid already: a payment of which all is credit."""
    attempt = paying.begin(invoice, world.alice)
    page = paying.page(attempt)
    payments.settle(stray(sandbox, invoice.total_minor, reference=attempt.id), at=AT)
    sandbox.pay(page)
    newest = sandbox.objects("payment_intent")[0]["id"]
    payment = payments.settle(newest, at=AT)
    assert payment is not None
    return payment


def stray(sandbox: Sandbox, amount: int, currency: str = "gbp", *, reference: str = "", **more: Any) -> str:
    """A payment on our contract that no page of ours made; it may carry the reference of an attempt."""
    terms: Any = {
        "amount": amount, "currency": currency, "payment_method": "pm_card_visa", "off_session": True, "confirm": True,
    }  # fmt: skip
    if reference:
        terms["metadata"] = {"attempt_id": reference}
    return str(sandbox.client().v1.payment_intents.create(terms | more).id)


def by_hand(world: World, minor: int) -> Payment:
    """Acme paid so much in cash, and all of it is credit."""
    with db.transaction():
        made: Payment = Payment.create(
            reference="PAY-HAND", customer=world.acme.id, currency="GBP", minor=minor, method="Cash", received_at=AT,
            kind="manual",
        )  # fmt: skip
        leg = ledger.Leg(
            debit=ledger.BANK, credit=ledger.CUSTOMER_CREDIT, minor=minor, currency="GBP",
            customer_id=world.acme.id, payment_id=made.id,
        )  # fmt: skip
        ledger.post(f"payment:{made.id}", "payment_received", [leg], on=AT.date(), at=AT)
    return made


def things(world: World) -> dict[str, dict[str, str]]:
    """A payment that may go back, a refund of it, a chargeback and a difference: rows alone, without a provider."""
    came = by_hand(world, 10_000)
    refund = refunds.request(
        source=CreditKey("payment", came.id), minor=1_000, method="bank", reason="Paid twice", by=world.sam, at=AT
    )
    Chargeback.insert(
        id="dp_1", payment=came.id, status="needs_response", reason="fraudulent", currency="GBP", minor=500,
        is_refundable=False, respond_by=AT, opened_at=AT, checked_at=AT,
    ).execute()  # fmt: skip
    GatewayDifference.insert(
        id="txn_1", kind="reserve_transaction", words="Reserve", minor=-500, currency="GBP", found_at=AT
    ).execute()
    return {
        "came": {"payment_id": str(came.id)},
        "refund": {"refund_id": str(refund.id)},
        "chargeback": {"chargeback_id": "dp_1"},
        "difference": {"difference_id": "txn_1"},
    }


def books(ledger_account: str, currency: str = "GBP") -> int:
    """Debits less credits of a ledger account, minor units."""
    total = 0
    for side, sign in ((Transfer.debit, 1), (Transfer.credit, -1)):
        rows = Transfer.select(fn.COALESCE(fn.SUM(Transfer.minor), 0)).where(
            (side == ledger_account) & (Transfer.currency == currency)
        )
        total += sign * int(rows.scalar())
    return total


def balance_there(sandbox: Sandbox, currency: str = "gbp") -> int:
    """What the sandbox holds for us: the sum of its own list of what moved."""
    listed = sandbox.client().v1.balance_transactions.list({"limit": 100, "currency": currency})
    return sum(row.net for row in listed.auto_paging_iter())
