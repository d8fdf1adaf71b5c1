"""Settling: the money is booked once, whatever tells of it, in whatever order, and none of it is ever lost."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from peewee import fn

from billing import audit, gateway, inbox, invoices, ledger, payments
from billing.tables import Allocation, Customer, CustomerBalance, Invoice, Mail, Payment, Transfer
from billing.tables import Attempt as Attempts
from tests.billing import paying
from tests.world import AT, line

if TYPE_CHECKING:
    from billing.tables import Attempt
    from tests.billing.paying import Sandbox
    from tests.world import World


def paid(sandbox: Sandbox, attempt: Attempt, number: str = paying.GOOD_CARD) -> dict[str, Any]:
    """Pay a page at the sandbox; gives the payment intent, of which nobody has told us yet."""
    sandbox.pay(paying.page(attempt), number)
    return sandbox.objects("payment_intent")[0]


def stray_intent(sandbox: Sandbox, amount: int, currency: str = "gbp", **more: Any) -> str:
    """A payment on our Stripe account that our page did not make."""
    terms: Any = {"amount": amount, "currency": currency, "payment_method": "pm_card_visa"}
    made = sandbox.client().v1.payment_intents.create(terms | {"off_session": True, "confirm": True} | more)
    return str(made.id)


def sum_of(account: str, currency: str = "GBP") -> int:
    """Debits less credits of a ledger account, minor units."""
    debits = Transfer.select(fn.COALESCE(fn.SUM(Transfer.minor), 0)).where(
        (Transfer.debit == account) & (Transfer.currency == currency)
    )
    credits_ = Transfer.select(fn.COALESCE(fn.SUM(Transfer.minor), 0)).where(
        (Transfer.credit == account) & (Transfer.currency == currency)
    )
    return int(debits.scalar()) - int(credits_.scalar())


def credit_of(customer: Customer, currency: str = "GBP") -> int:
    row = CustomerBalance.get_or_none(
        (CustomerBalance.customer == customer.id) & (CustomerBalance.currency == currency)
    )
    return row.credit_minor if row else 0


def balance_of(invoice: Invoice) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def fee_of(payment: Payment) -> int:
    fee = Payment.get_by_id(payment.id).fee_minor
    assert fee is not None
    return int(fee)


def test_money_that_came_is_applied_booked_and_receipted(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    intent = paid(sandbox, attempt)
    payment = payments.settle(intent["id"], at=AT)
    assert payment is not None
    assert (payment.reference, payment.minor, payment.method) == (attempt.id, 116_400, "Visa ending 4242")
    now = Invoice.get_by_id(invoice.id)
    assert (now.balance_minor, now.paid_at) == (0, payment.received_at)
    assert paying.again(attempt).status == "succeeded"
    fee = fee_of(payment)
    assert fee > 0
    assert sum_of(ledger.RECEIVABLE) == 0
    assert sum_of(ledger.CUSTOMER_CREDIT) == 0
    assert sum_of(ledger.CARD_CLEARING) == 116_400 - fee
    assert sum_of(ledger.CARD_FEES) == fee
    mail = Mail.get(Mail.event == "receipt")
    assert (mail.recipient, mail.key) == ("alice@acme.example", f"receipt:{payment.id}:alice@acme.example")
    assert mail.context == {"payment_id": payment.id, "link_id": None}
    newest = invoices.activities(invoice.id, customer_sees_only=True)[0]
    assert (newest.kind, newest.to_status, newest.actor) == ("paid", None, "Alice Poole")
    assert newest.facts["minor"] == 116_400
    assert not audit.verify()


def test_a_guests_receipt_goes_where_the_link_went(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    guest = paying.guest_of(invoice)
    payments.settle(paid(sandbox, paying.begin(invoice, guest))["id"], at=AT)
    mail = Mail.get(Mail.event == "receipt")
    assert mail.recipient == "alice@acme.example"
    assert mail.context["link_id"] == guest.key.removeprefix("link:")


def test_settling_twice_changes_nothing(world: World, sandbox: Sandbox) -> None:
    intent = paid(sandbox, paying.begin(world.issued(), world.alice))
    payments.settle(intent["id"], at=AT)
    before = Transfer.select().count(), Mail.select().count(), Allocation.select().count()
    payments.settle(intent["id"], at=AT)
    assert (Transfer.select().count(), Mail.select().count(), Allocation.select().count()) == before


@pytest.mark.race
def test_twenty_at_once_book_one_payment(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    intent = paid(sandbox, paying.begin(invoice, world.alice))
    outcomes = paying.at_once(20, lambda: payments.settle(intent["id"], at=AT))
    assert outcomes == [Payment.get()] * 20
    assert Payment.select().count() == 1
    assert balance_of(invoice) == 0


@pytest.mark.race
def test_twenty_at_once_keep_one_unknown_payment(world: World, sandbox: Sandbox) -> None:
    intent_id = stray_intent(sandbox, 4_321)
    outcomes = paying.at_once(20, lambda: payments.settle(intent_id, at=AT))
    assert outcomes == [Payment.get()] * 20
    assert sum_of(ledger.SUSPENSE) == -4_321


def test_every_order_of_events_ends_the_same(world: World, sandbox: Sandbox) -> None:
    kinds = (
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    )
    for nonce, order in enumerate(itertools.permutations(kinds)):
        invoice = world.issued(None, line(quantity="1", unit_price="10.00", rate_ppm=0))
        attempt = paying.begin(invoice, world.alice, nonce=f"n-{nonce}")
        known = {event["id"] for event in sandbox.objects("event")}
        sandbox.pay(paying.page(attempt))
        told = {event["type"]: event for event in sandbox.objects("event") if event["id"] not in known}
        assert set(kinds) <= set(told)
        assert all(paying.deliver(told[kind]) for kind in order)
        assert paying.again(attempt).status == "succeeded", order
        assert balance_of(invoice) == 0, order
    assert Payment.select().count() == 24
    assert credit_of(world.acme) == 0


def test_a_bank_debit_is_paid_only_when_the_money_comes(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    sandbox.pay(paying.page(attempt), method="bacs_debit")
    first = sandbox.objects("event")
    assert all(paying.deliver(event) for event in first)
    assert paying.again(attempt).status == "processing"
    assert payments.outcome(paying.again(attempt), at=AT).state == "on_its_way"
    assert balance_of(invoice) == 116_400
    sandbox.control(f"payments/{paying.again(attempt).intent_id}/settle")
    late = [event for event in sandbox.objects("event") if event not in first]
    shuffled = late + first
    random.Random(7).shuffle(shuffled)
    assert all(paying.deliver(event) for event in shuffled)
    assert paying.again(attempt).status == "succeeded"
    assert balance_of(invoice) == 0
    assert Payment.get().method.startswith("Direct Debit ending ")


def test_a_bank_debit_that_bounces_leaves_the_invoice_open(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    sandbox.pay(paying.page(attempt), method="bacs_debit")
    payments.sync(attempt, at=AT)
    sandbox.control(f"payments/{paying.again(attempt).intent_id}/fail")
    payments.sync(paying.again(attempt), at=AT)
    failed = paying.again(attempt)
    assert failed.status == "failed"
    assert failed.failure
    assert balance_of(invoice) == 116_400
    newest = invoices.activities(invoice.id, customer_sees_only=True)[0]
    assert (newest.kind, newest.facts["payment"]) == ("payment_failed", attempt.id)
    afresh = paying.begin(invoice, world.alice)
    payments.settle(paid(sandbox, afresh)["id"], at=AT)
    assert balance_of(invoice) == 0


def test_a_declined_card_leaves_the_page_open_for_a_good_one(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    reply = sandbox.pay(paying.page(attempt), paying.DECLINED_CARD)
    assert reply.status_code == 402
    assert all(paying.deliver(event) for event in sandbox.objects("event"))
    assert (paying.again(attempt).status, paying.again(attempt).failure) == ("open", "generic_decline")
    assert not Payment.select().exists()
    sandbox.pay(paying.page(attempt))
    assert payments.sync(attempt, at=AT).status == "succeeded"
    assert paying.again(attempt).failure == ""
    assert balance_of(invoice) == 0


def test_money_for_an_invoice_voided_meanwhile_becomes_credit(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    intent = paid(sandbox, attempt)
    # Staff could not void while the page is open; money that arrives for a void invoice is kept all the same.
    Attempts.update(status="expired").where(Attempts.id == attempt.id).execute()
    invoices.void(invoice.id, reason="Ordered twice", by=world.sam, at=AT)
    payments.settle(intent["id"], at=AT)
    assert paying.again(attempt).status == "succeeded"
    assert Invoice.get_by_id(invoice.id).status == "void"
    assert credit_of(world.acme) == 116_400
    kept = inbox.waiting()[0].payment
    assert (kept.kept_reason, kept.free_minor, kept.customer_id) == (
        "invoice_no_longer_payable",
        116_400,
        world.acme.id,
    )
    alert = invoices.activities(invoice.id, customer_sees_only=False)[0]
    assert (alert.kind, alert.customer_sees) == ("money_unallocated", False)


def test_two_pages_paid_for_one_invoice_pay_it_once_and_keep_the_rest(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    first = paying.begin(invoice, world.alice, nonce="a")
    Attempts.update(status="expired").where(Attempts.id == first.id).execute()  # as if its closing were lost
    second = paying.begin(invoice, world.bob, nonce="b")
    intents = [paid(sandbox, first)["id"], paid(sandbox, second)["id"]]
    for intent_id in intents:
        payments.settle(intent_id, at=AT)
    assert balance_of(invoice) == 0
    assert Payment.select().count() == 2
    assert credit_of(world.acme) == 116_400
    receipt = payments.receipt(Payment.get(Payment.attempt == second.id).id)
    assert (receipt.applied, receipt.kept_minor, receipt.kept_reason) == (
        (),
        116_400,
        "invoice_no_longer_payable",
    )


def test_another_amount_than_planned_is_kept_whole_as_credit(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, paying.guest_of(invoice))
    payments.settle(stray_intent(sandbox, 100_000, metadata={"attempt_id": attempt.id}), at=AT)
    assert balance_of(invoice) == 116_400
    assert credit_of(world.acme) == 100_000
    assert inbox.waiting()[0].payment.kept_reason == "amount_mismatch"


def test_another_currency_is_kept_whole_in_its_own(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, paying.guest_of(invoice))
    payments.settle(stray_intent(sandbox, 116_400, "eur", metadata={"attempt_id": attempt.id}), at=AT)
    assert balance_of(invoice) == 116_400
    assert (credit_of(world.acme, "EUR"), credit_of(world.acme)) == (116_400, 0)
    assert inbox.waiting()[0].payment.kept_reason == "wrong_currency"


@pytest.mark.parametrize("payer", ["guest", "alice"])
def test_a_second_payment_that_names_a_paid_attempt_is_that_customers_credit(
    world: World, sandbox: Sandbox, payer: str
) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice if payer == "alice" else paying.guest_of(invoice))
    first = payments.settle(paid(sandbox, attempt)["id"], at=AT)
    assert first is not None
    stray = stray_intent(sandbox, 116_400, metadata={"attempt_id": attempt.id})
    second = payments.settle(stray, at=AT)
    assert second is not None
    assert payments.settle(stray, at=AT) == second

    assert sum_of(ledger.SUSPENSE) == 0
    assert credit_of(world.acme) == 116_400
    assert (first.attempt_id, second.attempt_id) == (attempt.id, None)
    assert second.reference != first.reference
    assert paying.again(attempt).intent_id == first.intent_id
    (kept,) = (row.payment for row in inbox.waiting())
    assert (kept.id, kept.kept_reason, kept.customer_id, kept.free_minor) == (
        second.id,
        "second_payment",
        world.acme.id,
        116_400,
    )
    receipts = list(Mail.select().where(Mail.event == "receipt").order_by(Mail.id))
    assert [mail.recipient for mail in receipts] == ["alice@acme.example"] * 2
    assert [mail.context["payment_id"] for mail in receipts] == [first.id, second.id]
    alert = invoices.activities(invoice.id, customer_sees_only=False)[0]
    assert (alert.kind, alert.facts["reason"], alert.customer_sees) == ("money_unallocated", "second_payment", False)


def test_a_second_payment_of_another_customer_is_nobodys(world: World, sandbox: Sandbox) -> None:
    paying.begin(world.issued(world.globex), world.gina, nonce="g")
    gina_at_stripe = Customer.get_by_id(world.globex.id).stripe_id
    attempt = paying.begin(world.issued(), world.alice)
    payments.settle(paid(sandbox, attempt)["id"], at=AT)
    stray = stray_intent(sandbox, 116_400, customer=gina_at_stripe, metadata={"attempt_id": attempt.id})
    payments.settle(stray, at=AT)
    assert (credit_of(world.acme), credit_of(world.globex)) == (0, 0)
    assert inbox.waiting()[0].payment.kept_reason == "wrong_customer"


def test_money_of_another_customer_pays_nobodys_invoice(world: World, sandbox: Sandbox) -> None:
    paying.begin(world.issued(world.globex), world.gina, nonce="g")
    gina_at_stripe = Customer.get_by_id(world.globex.id).stripe_id
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    intent_id = stray_intent(sandbox, 116_400, customer=gina_at_stripe, metadata={"attempt_id": attempt.id})
    payments.settle(intent_id, at=AT)
    assert balance_of(invoice) == 116_400
    assert (credit_of(world.acme), credit_of(world.globex)) == (0, 0)
    assert sum_of(ledger.SUSPENSE) == -116_400
    assert inbox.waiting()[0].payment.kept_reason == "wrong_customer"


def test_a_payment_that_no_page_of_ours_made_is_credit_where_the_customer_is_known(
    world: World, sandbox: Sandbox
) -> None:
    paying.begin(world.issued(), world.alice)
    known = Customer.get_by_id(world.acme.id).stripe_id
    payments.settle(stray_intent(sandbox, 4_321, customer=known), at=AT)
    assert credit_of(world.acme) == 4_321
    assert inbox.waiting()[0].payment.kept_reason == "unknown_attempt"


def test_a_payment_of_nobody_we_know_waits_in_suspense(world: World, sandbox: Sandbox) -> None:
    payments.settle(stray_intent(sandbox, 4_321, "eur"), at=AT)
    payment = Payment.get()
    assert (payment.customer_id, payment.attempt_id, payment.currency) == (None, None, "EUR")
    assert payment.reference.startswith("PAY-")
    assert sum_of(ledger.SUSPENSE, "EUR") == -4_321
    assert not Mail.select().where(Mail.event == "receipt").exists()


def test_a_currency_nobody_bills_in_is_kept_too(world: World, sandbox: Sandbox) -> None:
    payments.settle(stray_intent(sandbox, 5_000, "mxn"), at=AT)
    assert (Payment.get().minor, Payment.get().currency) == (5_000, "MXN")
    assert sum_of(ledger.SUSPENSE, "MXN") == -5_000


def test_a_payment_nobody_made_books_nothing(world: World, sandbox: Sandbox) -> None:
    made = sandbox.client().v1.payment_intents.create({"amount": 500, "currency": "gbp"})
    assert payments.settle(made.id, at=AT) is None
    assert not Payment.select().exists()


def test_a_fee_that_is_known_later_is_booked_then(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    intent = paid(sandbox, paying.begin(invoice, world.alice))
    real = sandbox.gateway()

    class FeeUnknown:
        """Stripe before it has worked the fee out."""

        livemode = False

        def intent(self, intent_id: str) -> gateway.Intent:
            return replace(real.intent(intent_id), fee=None)

    gateway.use(FeeUnknown())  # type: ignore[arg-type]  # the one call settle makes
    payment = payments.settle(intent["id"], at=AT)
    assert payment is not None
    assert (payment.fee_minor, sum_of(ledger.CARD_FEES)) == (None, 0)
    gateway.use(real)
    payments.settle(intent["id"], at=AT)
    fee = fee_of(Payment.get())
    assert fee > 0
    payments.settle(intent["id"], at=AT)
    assert sum_of(ledger.CARD_FEES) == fee


def test_a_failure_half_way_leaves_nothing_behind(
    world: World, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    intent = paid(sandbox, attempt)

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(audit, "record", full)
        with pytest.raises(OSError, match="no space"):
            payments.settle(intent["id"], at=AT)
    assert not Payment.select().exists()
    assert not Allocation.select().exists()
    assert (balance_of(invoice), paying.again(attempt).status) == (116_400, "open")
    payments.settle(intent["id"], at=AT)
    assert balance_of(invoice) == 0
