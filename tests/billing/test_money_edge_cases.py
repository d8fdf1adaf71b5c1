"""Where money goes another way than planned: each case by its name, and what the books say then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import chargebacks, check, credits, gateway, inbox, invoices, payments, refunds, stripe_events
from billing.allocations import AllocationExceedsOpenBalance, NotEnoughLeft
from billing.credits import CreditKey
from billing.settings import Settings
from billing.tables import Activity, Invoice, Payment, Refund, StripeEvent
from tests.billing import paying
from tests.billing.money_back import balance_there, books, paid, pay_too_much, stray
from tests.world import AT

if TYPE_CHECKING:
    from billing.tables import Invoice as InvoiceRow
    from tests.billing.paying import Sandbox
    from tests.world import World


def owed(invoice: InvoiceRow) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def free(payment: Payment) -> int:
    return int(Payment.get_by_id(payment.id).free_minor)


def settled(intent_id: str) -> Payment:
    """The payment of an intent, as the books have it now."""
    assert payments.settle(intent_id, at=AT) is not None
    payment: Payment = Payment.get(Payment.intent_id == intent_id)
    return payment


def give_back(world: World, payment: Payment, minor: int, invoice: InvoiceRow | None = None) -> Refund:
    refund = refunds.request(
        source=CreditKey("payment", payment.id), minor=minor, method="original", reason="Agreed",
        from_invoice_id=invoice.id if invoice else None, by=world.sam, at=AT,
    )  # fmt: skip
    return refunds.send(refund, at=AT)


def deliver_all(sandbox: Sandbox) -> None:
    for event in reversed(sandbox.objects("event")):
        assert paying.deliver(event)


def test_invoice_paid_otherwise_or_voided_while_customer_was_on_the_page(world: World, sandbox: Sandbox) -> None:
    """What is still due is applied; the rest is credit, staff is asked to look, and it can be given back."""
    otherwise, voided = world.issued(), world.issued()
    page = paying.begin(otherwise, world.alice, nonce="a")
    credit = pay_too_much(world, sandbox, world.issued())
    payments.apply_credit(
        CreditKey("payment", credit.id), otherwise.id, 100_000, customer_id=world.acme.id, by=world.sam, at=AT
    )
    sandbox.pay(paying.page(page))
    deliver_all(sandbox)
    payment = Payment.get(Payment.attempt == page.id)
    assert (owed(otherwise), free(payment)) == (0, 100_000)
    assert (payment.kept_reason, payment.waiting) == ("invoice_no_longer_payable", True)

    late = paying.begin(voided, world.alice, nonce="b")
    payments.release(voided.id, by=world.sam, at=AT)
    invoices.void(voided.id, reason="Made twice", by=world.sam, at=AT)
    after = settled(stray(sandbox, voided.total_minor, reference=late.id))
    assert (free(after), after.kept_reason) == (after.minor, "invoice_no_longer_payable")
    assert give_back(world, after, after.minor).status == "succeeded"
    assert free(after) == 0


def test_overpayment_and_an_amount_that_differs_from_the_attempt(world: World, sandbox: Sandbox) -> None:
    """What arrived is booked, none of it by the plan."""
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    payment = settled(stray(sandbox, invoice.total_minor + 500, reference=attempt.id))
    assert (payment.minor, free(payment), payment.kept_reason) == (
        invoice.total_minor + 500, invoice.total_minor + 500, "amount_mismatch",
    )  # fmt: skip
    assert owed(invoice) == invoice.total_minor


def test_currency_differs(world: World, sandbox: Sandbox) -> None:
    """Nothing is applied and nothing converted: it waits in its own currency."""
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    payment = settled(stray(sandbox, invoice.total_minor, "usd", reference=attempt.id))
    assert (payment.currency, free(payment), payment.kept_reason) == ("USD", payment.minor, "wrong_currency")
    assert owed(invoice) == invoice.total_minor


def test_payment_intent_without_a_known_attempt(world: World, sandbox: Sandbox) -> None:
    """Of a customer we know it is credit, of nobody it is suspense; a person looks at both."""
    paying.begin(world.issued(), world.alice)
    known = sandbox.objects("customer")[0]["id"]
    mine = settled(stray(sandbox, 700, customer=known))
    nobodys = settled(stray(sandbox, 800))
    assert (mine.customer_id, mine.kept_reason) == (world.acme.id, "unknown_attempt")
    assert (nobodys.customer_id, nobodys.kept_reason) == (None, "unknown_attempt")
    assert books("suspense") == -800
    assert {row.payment.id for row in inbox.waiting()} == {mine.id, nobodys.id}
    assert give_back(world, Payment.get_by_id(nobodys.id), 800).status == "succeeded"
    assert books("suspense") == 0


def test_credit_use(world: World, sandbox: Sandbox) -> None:
    """By choice alone, of the same customer and currency, never above the balance or what is left."""
    credit = pay_too_much(world, sandbox, world.issued())
    invoice, theirs = world.issued(), world.issued(world.globex)
    assert owed(invoice) == invoice.total_minor, "nothing applies itself"
    key = CreditKey("payment", credit.id)
    with pytest.raises(AllocationExceedsOpenBalance):
        payments.apply_credit(
            key, invoice.id, invoice.total_minor + 1, customer_id=world.acme.id, by=world.alice, at=AT
        )
    with pytest.raises(credits.NoSuchCredit):
        payments.apply_credit(key, theirs.id, 100, customer_id=world.globex.id, by=world.gina, at=AT)
    payments.apply_credit(key, invoice.id, 60_000, customer_id=world.acme.id, by=world.alice, at=AT)
    with pytest.raises(NotEnoughLeft):
        payments.apply_credit(key, world.issued().id, 60_000, customer_id=world.acme.id, by=world.alice, at=AT)
    assert (owed(invoice), free(credit)) == (invoice.total_minor - 60_000, credit.minor - 60_000)


def test_partial_refunds(world: World, sandbox: Sandbox) -> None:
    """One entry for each refund, by its own amount and never by the charge's running total; captured is the limit."""
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    for minor in (10_000, 2_000):
        give_back(world, payment, minor, invoice)
    sandbox.control(f"payments/{payment.intent_id}/refund", amount=300)
    deliver_all(sandbox)
    assert sorted(row.minor for row in Refund.select()) == [300, 2_000, 10_000]
    assert (owed(invoice), refunds.refundable(payment)) == (12_300, payment.minor - 12_300)
    with pytest.raises(refunds.RefundExceedsPayment):
        give_back(world, payment, payment.minor - 12_299, invoice)
    assert books("card_clearing") == balance_there(sandbox)


def test_refund_order(world: World, sandbox: Sandbox) -> None:
    """Ours takes credit that is left, or off the invoice that was chosen; the dashboard's takes credit first."""
    first, second = world.issued(), world.issued()
    payment = paid(world, sandbox, first, second)
    credits.take_back(CreditKey("payment", payment.id), second.id, 500, reason="Agreed", by=world.sam, at=AT)
    places = [(place.number, place.minor) for place in refunds.places(Payment.get_by_id(payment.id))]
    assert places == [("", 500), (second.number, second.total_minor - 500), (first.number, first.total_minor)]
    give_back(world, payment, 200)
    give_back(world, payment, 1_000, first)
    assert (free(payment), owed(first), owed(second)) == (300, 1_000, 500)
    sandbox.control(f"payments/{payment.intent_id}/refund", amount=900)
    deliver_all(sandbox)
    assert (free(payment), owed(first), owed(second)) == (0, 1_000, 1_100)
    assert refunds.to_review()


def test_refund_fails_later(world: World, sandbox: Sandbox) -> None:
    """Opposite entries: the value is credit again, the invoice stays open, staff is told."""
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refund = give_back(world, payment, 4_000, invoice)
    sandbox.control(f"refunds/{refund.stripe_id}/fail", reason="lost_or_stolen_card")
    deliver_all(sandbox)
    assert (Refund.get().status, free(payment), owed(invoice)) == ("failed", 4_000, 4_000)
    assert Payment.get_by_id(payment.id).waiting
    kinds = [row.kind for row in Activity.select().where(Activity.invoice == invoice.id)]
    assert kinds.count("refund_failed") == 1
    assert give_back(world, payment, 4_000).status == "succeeded"


def test_refund_while_disputed(world: World, sandbox: Sandbox) -> None:
    """Any dispute of the charge forbids it, and an inquiry does not."""
    invoice, asked = world.issued(), world.issued()
    payment = paid(world, sandbox, invoice)
    told = sandbox.control(f"payments/{payment.intent_id}/dispute", amount=100)["id"]
    chargebacks.sync_dispute(told, at=AT)
    with pytest.raises(refunds.ChargebackOpen):
        give_back(world, payment, 100, invoice)
    inquired = paid(world, sandbox, asked)
    told = sandbox.control(f"payments/{inquired.intent_id}/dispute", inquiry=True)["id"]
    chargebacks.sync_dispute(told, at=AT)
    assert give_back(world, inquired, 100, asked).status == "succeeded"


def test_dispute(world: World, sandbox: Sandbox) -> None:
    """Created alone moves nothing; each movement of the money does, by its own id, with its fee as an expense."""
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    fees = books("card_fees")
    told = sandbox.control(f"payments/{payment.intent_id}/dispute", inquiry=True)["id"]
    deliver_all(sandbox)
    assert (owed(invoice), books("card_fees")) == (0, fees)
    sandbox.control(f"disputes/{told}/escalate")
    deliver_all(sandbox)
    assert (owed(invoice), books("card_fees")) == (invoice.total_minor, fees + 1_500)
    assert chargebacks.open_on([invoice.id]) == {invoice.id}
    sandbox.control(f"disputes/{told}/win")
    deliver_all(sandbox)
    assert (owed(invoice), free(payment)) == (invoice.total_minor, payment.minor)
    assert books("card_clearing") == balance_there(sandbox)


def test_sepa_or_ach_return_after_success(world: World, sandbox: Sandbox) -> None:
    """A debit that was paid and comes back days later arrives as a dispute that is lost at once."""
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    sandbox.pay(paying.page(attempt), "", method="bacs_debit")
    intent = sandbox.objects("payment_intent")[0]["id"]
    sandbox.control(f"payments/{intent}/settle")
    deliver_all(sandbox)
    assert owed(invoice) == 0
    sandbox.control(f"payments/{intent}/return", reason="insufficient_funds")
    deliver_all(sandbox)
    assert owed(invoice) == invoice.total_minor
    (row,) = chargebacks.page()
    assert (row.status, row.is_open, row.reason) == ("lost", False, "insufficient_funds")


def test_test_event_in_live_or_reverse(world: World, sandbox: Sandbox) -> None:
    """Kept, answered, never acted on, and staff is told; the mode is the key's, and a strange key is refused."""
    invoice = world.issued()
    sandbox.pay(paying.page(paying.begin(invoice, world.alice)))
    for event in sandbox.objects("event"):
        assert paying.deliver(event | {"livemode": True})
    assert {row.status for row in StripeEvent.select()} == {"wrong_mode"}
    assert stripe_events.troubles(AT + timedelta(days=1)).wrong_mode == StripeEvent.select().count()
    assert owed(invoice) == invoice.total_minor
    assert not gateway.current().livemode
    live = Settings(
        secret_key="x" * 40, public_base_url="http://x.test", trusted_hosts=("x.test",), environment="test",
        stripe_secret_key="sk_live_x", stripe_webhook_secrets=("whsec",), stripe_api_base=sandbox.base,
    )  # fmt: skip
    assert "A live Stripe key must never be sent to STRIPE_API_BASE." in live.refusals()
    assert not check.broken()
