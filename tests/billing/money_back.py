"""Money that came at the sandbox and may go back, and what the books and the sandbox say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peewee import fn

from billing import db, ledger, payments
from billing.tables import Payment, Transfer
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
    with db.transaction():
        made = sandbox.client().v1.payment_intents.create(
            {
                "amount": invoice.total_minor, "currency": "gbp", "payment_method": "pm_card_visa",
                "off_session": True, "confirm": True, "metadata": {"attempt_id": attempt.id},
            }
        )  # fmt: skip
    payments.settle(made.id, at=AT)
    sandbox.pay(page)
    newest = sandbox.objects("payment_intent")[0]["id"]
    payment = payments.settle(newest, at=AT)
    assert payment is not None
    return payment


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
