"""Credits and past payments: what a customer has, where it went, using it, and receipts; each customer's own alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import check, documents, invoices, payments
from billing.credits import CreditKey
from billing.tables import Attempt, Invoice, Payment
from tests.admin.typed import words
from tests.billing import paying
from tests.portal.scenes import attempted, charged_back, kept, paid, refunded, statements
from tests.web_fixtures import fresh_form_id
from tests.world import AT, TODAY, Pen, content

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from billing.actors import Actor
    from tests.billing.paying import Sandbox
    from tests.web_fixtures import Client
    from tests.world import World

    SignIn = Callable[[Actor], Client]
    Guest = Callable[[Invoice], Client]


def use(browser: Client, credit: Payment, invoice: Invoice, minor: int, nonce: str = "") -> TestResponse:
    """Press the button for so much of the credit, on a page that showed what is owed now."""
    owed = Invoice.get_by_id(invoice.id).balance_minor if not nonce else invoice.total_minor
    form = {"nonce": nonce or fresh_form_id(), "invoice": invoice.number, "minor": str(minor), "owed": str(owed)}
    return browser.post(f"/credits/payment-{credit.id}/use", data=form)


def balance_of(invoice: Invoice) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def test_a_credit_says_from_what_and_where_it_went(world: World, sign_in_as: SignIn) -> None:
    invoice, credit = world.issued(), kept(world.acme, 50_000)
    kept(world.globex, 77_700)
    key = CreditKey("payment", credit.id)
    payments.apply_credit(key, invoice.id, 20_000, customer_id=world.acme.id, by=world.alice, at=AT)
    text = sign_in_as(world.alice).get("/credits").text
    assert "You paid in advance" in text
    assert "£300.00 left" in text
    assert str(invoice.number) in text
    assert "£200.00" in text
    assert "777" not in text


def test_nobody_without_credit_sees_an_empty_table(world: World, sign_in_as: SignIn) -> None:
    text = sign_in_as(world.gina).get("/credits").text
    assert "You have no credit" in text
    assert "<table" not in text


def test_a_credit_is_used_where_and_as_far_as_was_shown(world: World, sign_in_as: SignIn) -> None:
    first, second = world.overdue(), world.issued()
    credit = kept(world.acme, 50_000)
    browser, path = sign_in_as(world.alice), f"/credits/payment-{credit.id}/use"
    page = browser.get(path).text
    assert f"Use £500.00 on {first.number}" in page
    asked = browser.get(path, query_string={"invoice": second.number, "shown": second.number, "amount": "120.50"})
    assert f"Use £120.50 on {second.number}" in asked.text
    assert "£1,043.50" in asked.text
    assert balance_of(second) == 116_400
    nonce = fresh_form_id()
    assert [use(browser, credit, second, 12_050, nonce).status_code for _ in range(2)] == [303, 303]
    assert (balance_of(first), balance_of(second)) == (116_400, 104_350)
    assert check.broken() == []


def test_more_than_can_be_used_is_refused_at_the_field(world: World, sign_in_as: SignIn) -> None:
    invoice, credit = world.issued(), kept(world.acme, 50_000)
    browser = sign_in_as(world.alice)
    reply = browser.get(
        f"/credits/payment-{credit.id}/use",
        query_string={"invoice": invoice.number, "shown": invoice.number, "amount": "500.01"},
    )
    assert reply.status_code == 422
    assert "Enter an amount up to £500.00" in reply.text
    assert 'value="500.01"' in reply.text
    assert use(browser, credit, invoice, 50_001).status_code == 409
    assert balance_of(invoice) == 116_400


def test_no_credit_is_used_where_money_is_on_its_way_or_somebody_else_is_paying(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    coming, busy, credit = world.issued(), world.issued(), kept(world.acme, 50_000)
    attempted(coming, by=world.bob, status="processing")
    paying.begin(busy, world.bob)
    browser = sign_in_as(world.alice)
    reply = use(browser, credit, coming, 50_000)
    assert (reply.status_code, "is on its way" in reply.text) == (409, True)
    reply = use(browser, credit, busy, 50_000)
    assert (reply.status_code, "Somebody else is paying this right now" in reply.text) == (409, True)
    assert (balance_of(coming), balance_of(busy)) == (116_400, 116_400)
    assert sandbox.objects("checkout.session")[0]["status"] == "open"


def test_using_credit_closes_ones_own_page_for_more_than_is_left_to_pay(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    invoice, credit = world.issued(), kept(world.acme, 50_000)
    attempt = paying.begin(invoice, world.alice)
    assert use(sign_in_as(world.alice), credit, invoice, 50_000).status_code == 303
    assert balance_of(invoice) == 66_400
    assert paying.again(attempt).status == "superseded"
    assert sandbox.objects("checkout.session")[0]["status"] == "expired"


def test_an_amount_that_changed_since_the_page_and_one_too_small_are_refused(world: World, sign_in_as: SignIn) -> None:
    invoice, credit = world.issued(), kept(world.acme, 50_000)
    browser = sign_in_as(world.alice)
    stale = {"nonce": fresh_form_id(), "invoice": invoice.number, "minor": "100", "owed": "116401"}
    assert browser.post(f"/credits/payment-{credit.id}/use", data=stale).status_code == 409
    assert use(browser, credit, invoice, 99).status_code == 422
    asked = {"invoice": invoice.number, "shown": invoice.number, "amount": "0.99"}
    reply = browser.get(f"/credits/payment-{credit.id}/use", query_string=asked)
    assert (reply.status_code, "Enter £1.00 or more" in reply.text) == (422, True)
    assert balance_of(invoice) == 116_400


def test_credit_used_early_takes_the_discount_that_was_shown(world: World, sign_in_as: SignIn) -> None:
    draft = invoices.draft(world.acme.id, replace(content(), early_days=10, early_ppm=20_000), by=world.sam, at=AT)
    invoice = invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
    credit, browser = kept(world.acme, 200_000), sign_in_as(world.alice)
    page = browser.get(f"/credits/payment-{credit.id}/use").text
    assert f"Use £1,140.72 on {invoice.number}" in page
    assert "£23.28" in page
    assert use(browser, credit, invoice, 114_072).status_code == 303
    assert (balance_of(invoice), Invoice.get_by_id(invoice.id).credited_minor) == (0, 2_328)
    assert check.broken() == []


def test_a_stranger_neither_sees_nor_uses_it(world: World, sign_in_as: SignIn) -> None:
    invoice, credit = world.issued(world.globex), kept(world.acme, 50_000)
    browser = sign_in_as(world.gina)
    assert browser.get(f"/credits/payment-{credit.id}/use").status_code == 404
    assert use(browser, credit, invoice, 100).status_code == 404
    assert use(sign_in_as(world.alice), credit, invoice, 100).status_code == 404
    assert balance_of(invoice) == 116_400


def test_money_is_paid_ahead_from_the_credits_page(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    browser = sign_in_as(world.alice)
    assert "At least £1.00." in browser.get("/credits/pay-ahead").text
    nonce = fresh_form_id()
    assert browser.post("/credits/pay-ahead", data={"nonce": nonce, "amount": "0"}).status_code == 422
    wrong = browser.post("/credits/pay-ahead", data={"nonce": nonce, "amount": "0.50"})
    assert wrong.status_code == 422
    assert "Enter £1.00 or more" in wrong.text
    assert 'value="0.50"' in wrong.text
    reply = browser.post("/credits/pay-ahead", data={"nonce": nonce, "amount": "250"})
    sandbox.pay(reply.headers["Location"])
    payments.settle(sandbox.objects("payment_intent")[0]["id"], at=AT)
    text = browser.get("/credits").text
    assert "You paid in advance" in text
    assert "£250.00 left" in text
    page = browser.get(f"/payments/{Attempt.get().id}").text
    assert "You paid in advance" in page
    assert "Contact us if you want it back" not in page


def test_past_payments_tell_what_they_paid_and_what_was_sent_back(world: World, sign_in_as: SignIn) -> None:
    invoice = world.issued()
    payment = paid(invoice, 40_000, by=world.alice)
    for status in ("pending", "failed", "awaiting"):
        refunded(payment, status)
    paid(world.issued(world.globex), 55_500, by=world.gina)
    text = sign_in_as(world.alice).get("/payments").text
    assert payment.reference in text
    assert f"£400.00 on {invoice.number}" in text.replace('<span class="money">', "").replace("</span> on", " on")
    assert "on its way back to you" in text
    assert "could not be sent back" in text
    assert text.count("£10.00") == 2
    assert "555" not in text
    assert "Today, " not in text, "a transfer has a day and no time of day"


def test_past_payments_tell_what_the_payers_bank_took_back(world: World, sign_in_as: SignIn) -> None:
    payment = paid(world.issued(), 40_000, by=world.alice)
    for id_, status, withdrawn_minor in (("dp_1", "lost", 12_000), ("dp_2", "needs_response", 300), ("dp_3", "won", 0)):
        charged_back(payment, id_, status, withdrawn_minor)
    text = sign_in_as(world.alice).get("/payments").text
    assert '<span class="money">£123.00</span> taken back by your bank' in text


@pytest.mark.parametrize(
    ("why", "told", "due_again"),
    [
        ("chargeback", "Your bank took £333.60 back", "£333.60 is due again Your bank took £333.60 back on"),
        ("reversal", "£333.60 did not go through", "£333.60 is due again A payment of £333.60 did not go through on"),
        ("refund", "£333.60 is owed again, because it was given back", "£333.60 is due again We gave £333.60 back on"),
        ("unapplied", "£333.60 of PAY-1 taken off again", ""),
    ],
)
def test_an_invoice_says_why_money_no_longer_stands_on_it(
    world: World, sign_in_as: SignIn, why: str, told: str, due_again: str
) -> None:
    invoice, browser = world.issued(), sign_in_as(world.alice)
    facts = {"credit": "PAY-1", "minor": 33_360, "currency": "GBP", "balance_minor": 116_400, "why": why}
    invoices.add_activity(invoice.id, "credit_taken_back", by=world.sam, at=AT, facts=facts)
    text = words(browser.get(f"/invoices/{invoice.number}"))
    assert told in text
    assert due_again in text
    assert ("due again" in text) == bool(due_again)
    facts = {"payment": "PAY-2", "minor": 100, "currency": "GBP", "method": "Visa", "balance_minor": 116_300}
    invoices.add_activity(invoice.id, "paid", by=world.sam, at=AT, facts=facts)
    assert "due again" not in words(browser.get(f"/invoices/{invoice.number}")), "news is told until the next payment"


def test_past_payments_are_paged_by_key_at_a_fixed_cost(world: World, sign_in_as: SignIn) -> None:
    made = [kept(world.acme, 1_000 + number) for number in range(30)]
    browser = sign_in_as(world.alice)
    first = browser.get("/payments").text
    assert (made[29].reference in first, made[4].reference in first) == (True, False)
    second = browser.get(f"/payments?after={made[5].id}").text
    assert (made[4].reference in second, made[5].reference in second) == (True, False)
    costs = set()
    for address in ("/payments", f"/payments?after={made[28].id}", "/payments?after=nonsense"):
        with statements() as ran:
            assert browser.get(address).status_code == 200
        costs.add(len(ran))
    assert len(costs) == 1


def test_credits_are_paged_by_key_in_the_order_they_came(world: World, sign_in_as: SignIn) -> None:
    made = [kept(world.acme, 1_000 + number, at=AT - timedelta(days=number)) for number in range(30)]
    browser = sign_in_as(world.alice)
    page = payments.past_credits(world.acme.id)
    assert [past.credit.key.id for past in page.rows] == [payment.id for payment in made[:25]]
    rest = payments.past_credits(world.acme.id, after=page.after)
    assert [past.credit.key.id for past in rest.rows] == [payment.id for payment in made[25:]]
    assert (rest.after, rest.first) == (None, False)
    assert browser.get("/credits", query_string={"after": page.after}).status_code == 200
    assert payments.past_credits(world.acme.id, after="nonsense~payment-x").first


def test_a_receipt_is_drawn_once_and_is_the_payers_alone(
    world: World, sandbox: Sandbox, sign_in_as: SignIn, guest_of: Guest
) -> None:
    invoice = world.issued()
    guest = paying.guest_of(invoice)
    attempt = paying.begin(invoice, guest)
    sandbox.pay(paying.page(attempt))
    payments.settle(sandbox.objects("payment_intent")[0]["id"], at=AT)
    address = f"/payments/{attempt.id}/receipt.pdf"
    alice, own = sign_in_as(world.alice), guest_of(invoice)
    assert alice.get(address).status_code == 503
    documents.draw_due(Pen(), lambda snapshot: f"{snapshot['reference']} {snapshot['minor']}", at=AT)
    for browser in (alice, own):
        reply = browser.get(address)
        assert (reply.status_code, reply.mimetype) == (200, "application/pdf")
        assert f"{attempt.id} 116400".encode() in reply.data
    assert f"Receipt-{attempt.id}.pdf" in alice.get(address).headers["Content-Disposition"]
    assert sign_in_as(world.gina).get(address).status_code == 404
    assert guest_of(world.issued()).get(address).status_code == 404
    assert address in alice.get("/payments").text
