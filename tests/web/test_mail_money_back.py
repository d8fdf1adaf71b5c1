"""Mails about money that goes back: what they say, to whom, and that nothing in them is left empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import chargebacks, links, payments, refunds
from billing.credits import CreditKey
from billing.tables import Mail
from tests.billing import paying
from tests.billing.money_back import paid
from web import letters

if TYPE_CHECKING:
    import pytest

    from tests.billing.paying import Sandbox
    from tests.world import World

from tests.billing.conftest import sandbox, sandbox_process  # noqa: F401 - fixtures that this file asks for
from tests.world import AT


def test_the_payer_reads_what_was_sent_and_that_it_came_back(world: World, sandbox: Sandbox) -> None:  # noqa: F811 - the fixture
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refund = refunds.send(
        refunds.request(
            source=CreditKey("payment", payment.id), minor=12_345, method="original", reason="Sent twice",
            from_invoice_id=invoice.id, by=world.sam, at=AT,
        ),
        at=AT,
    )  # fmt: skip
    letter = letters.write(Mail.get(Mail.event == "refund_sent"))
    assert letter.subject == "Refund: £123.45 from Alder & Finch"
    for words in ("to Visa ending 4242", "5 to 10 days", refund.reference, str(invoice.number)):
        assert words in letter.text
        assert words in letter.html
    sandbox.control(f"refunds/{refund.stripe_id}/fail", reason="lost_or_stolen_card")
    refunds.sync(str(refund.stripe_id), at=AT)
    letter = letters.write(Mail.get(Mail.event == "refund_failed"))
    assert letter.subject == "Your refund of £123.45 did not go through"
    assert "credit" in letter.text


def test_whoever_paid_reads_that_a_bank_debit_bounced_and_what_is_left_to_pay(
    world: World,
    sandbox: Sandbox,  # noqa: F811 - the fixture
) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    sandbox.pay(paying.page(attempt), method="bacs_debit")
    attempt = payments.sync(attempt, at=AT)
    assert not Mail.select().where(Mail.event == "payment_bounced").exists()
    sandbox.control(f"payments/{attempt.intent_id}/fail")
    for _ in range(2):
        payments.sync(paying.again(attempt), at=AT)
    mail = Mail.get(Mail.event == "payment_bounced")
    assert (mail.recipient, mail.invoice_id) == ("alice@acme.example", invoice.id)
    letter = letters.write(mail)
    assert letter.subject == "Your payment of £1,164.00 did not go through"
    for words in ("You have not been charged", attempt.id, f"/invoices/{invoice.number}", "£1,164.00 to pay, due "):
        assert words in letter.text
        assert words in letter.html


def test_a_guest_whose_bank_debit_bounced_is_led_to_their_invoice(
    world: World,
    sandbox: Sandbox,  # noqa: F811 - the fixture
) -> None:
    invoice = world.issued()
    guest = paying.guest_of(invoice)
    attempt = paying.begin(invoice, guest)
    sandbox.pay(paying.page(attempt), method="bacs_debit")
    attempt = payments.sync(attempt, at=AT)
    sandbox.control(f"payments/{attempt.intent_id}/fail")
    payments.sync(attempt, at=AT)
    letter = letters.write(Mail.get(Mail.event == "payment_bounced"))
    assert links.url(guest.key.removeprefix("link:")) in letter.text


def test_the_seller_reads_what_to_do_about_a_chargeback(
    world: World,
    sandbox: Sandbox,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    told = sandbox.control(f"payments/{payment.intent_id}/dispute")["id"]
    chargebacks.sync_dispute(told, at=AT)
    letter = letters.write(Mail.get(Mail.event == "chargeback_opened"))
    assert letter.subject == "A payment was taken back: £1,164.00, Acme"
    for words in (str(invoice.number), payment.reference, "fraudulent", f"/admin/chargebacks/{told}"):
        assert words in letter.text
        assert words in letter.html
    assert "Answer by 1 December 2026" in letter.html or "1 Dec" in letter.html
