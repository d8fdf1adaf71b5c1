"""Payments for the billing team: finding them, recording what came outside Stripe, taking parts back, reversing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import check, payments, write_offs
from billing.payments import Planned, Received
from billing.tables import Invoice, Mail, Payment
from tests.admin.typed import value_of, words
from tests.portal import scenes
from tests.web_fixtures import fresh_form_id
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.actors import Actor
    from tests.web_fixtures import Client
    from tests.world import World

RECORD = "/admin/payments/record"


@pytest.fixture
def sam(world: World, sign_in_as: Callable[[Actor], Client]) -> Client:
    """Sam's browser."""
    return sign_in_as(world.sam)


def typed(world: World, parts: dict[int, str] | None = None, **more: str) -> dict[str, str]:
    """The form as it is sent: a bank transfer from Acme today."""
    return {
        "form_id": fresh_form_id(),
        "customer": str(world.acme.id),
        "currency": "GBP",
        "amount": "1,500.00",
        "received_on": TODAY.isoformat(),
        "method": "Bank transfer",
        "bank_reference": "thank you",
        **{f"part-{invoice_id}": text for invoice_id, text in (parts or {}).items()},
        **more,
    }


def came(
    world: World, minor: int = 150_000, *parts: tuple[int, int], bank_reference: str = "", payer: str = ""
) -> Payment:
    """Money from Acme that was recorded by hand and is not split."""
    received = Received(
        customer_id=world.acme.id,
        minor=minor,
        currency="GBP",
        method="Cheque",
        received_on=TODAY,
        parts=tuple(Planned(*part) for part in parts),
        mails_receipt=False,
        bank_reference=bank_reference,
        payer=payer,
    )
    return payments.record(received, by=world.sam, at=AT, anyway=True)


def newest() -> Payment:
    found: Payment = Payment.select().order_by(Payment.id.desc()).get()
    return found


def owed(invoice: Invoice) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def test_a_transfer_is_recorded_and_split_as_it_was_typed(world: World, sam: Client) -> None:
    first, second = world.issued(), world.issued()
    more = {"rest_is_credit": "1", "mails_receipt": "1", "payer": "ACME LTD"}
    reply = sam.post(RECORD, data=typed(world, {first.id: "1164", second.id: "£100.00"}, **more))
    payment = newest()
    assert (reply.status_code, reply.location) == (303, f"/admin/payments/{payment.id}")
    assert (owed(first), owed(second), payment.free_minor, payment.waiting) == (0, 106_400, 23_600, False)
    assert Mail.select().where(Mail.payment == payment.id).count() == 2
    page = words(sam.get(reply.location))
    for said in ("The payment is recorded.", "£1,500.00", "ACME LTD", "Recorded by Sam Reyes", "Bank and cash"):
        assert said in page
    assert check.broken() == []


def test_what_was_not_split_waits_and_no_receipt_is_mailed_where_nobody_ticked_it(world: World, sam: Client) -> None:
    sam.post(RECORD, data=typed(world))
    assert (newest().waiting, Mail.select().where(Mail.payment == newest().id).exists()) == (True, False)
    assert "Waiting" in words(sam.get("/admin/payments?tab=waiting"))


def test_money_of_an_unknown_payer_is_recorded_in_any_currency(world: World, sam: Client) -> None:
    page = sam.get(RECORD)
    assert "Payer unknown" in words(page)
    sam.post(RECORD, data=typed(world, customer="", currency="EUR", amount="20"))
    assert (newest().customer_id, newest().currency, newest().minor, newest().waiting) == (None, "EUR", 2_000, True)


def test_the_form_offers_the_customers_open_invoices_oldest_due_first_and_given_up_debts_last(
    world: World, sam: Client
) -> None:
    old, gone, new, stranger = world.overdue(), world.issued(), world.issued(), world.issued(world.globex)
    write_offs.create(gone.id, reason="Bankrupt.", by=world.sam, at=AT)
    page = words(sam.get(f"{RECORD}?customer={world.acme.id}"))
    assert page.index(str(old.number)) < page.index(str(new.number)) < page.index(str(gone.number))
    assert "Written off; it owes again if money is applied" in page
    assert str(stranger.number) not in page


def test_a_given_up_debt_may_be_paid(world: World, sam: Client) -> None:
    gone = world.issued()
    write_offs.create(gone.id, reason="Bankrupt.", by=world.sam, at=AT)
    assert sam.post(RECORD, data=typed(world, {gone.id: "1164.00"})).status_code == 303
    after = Invoice.get_by_id(gone.id)
    assert (after.balance_minor, after.written_off_minor) == (0, 0)
    assert check.broken() == []


def test_split_it_for_me_proposes_and_records_nothing(world: World, sam: Client) -> None:
    old, named = world.overdue(), world.issued()
    sent = typed(world, amount="1200", bank_reference=f"for {named.number}", split="1")
    reply = sam.post(RECORD, data=sent, hx=True)
    assert reply.status_code == 200
    assert (value_of(reply, f"part-{named.id}"), value_of(reply, f"part-{old.id}")) == ("1164.00", "36.00")
    assert "Nothing is left" in words(reply)
    assert not Payment.select().exists()


def test_what_is_left_is_told_while_somebody_types(world: World, sam: Client) -> None:
    invoice = world.issued()
    for parts, said in (
        ({invoice.id: "1000"}, f"{invoice.number} owes £164.00 then £1,000.00 £500.00 left"),
        ({invoice.id: "1164"}, "paid then £1,164.00 £336.00 left"),
        ({invoice.id: "1600"}, "£100.00 more than there is"),
        ({invoice.id: "some"}, "Enter the amounts to see what is left."),
    ):
        reply = sam.post(f"{RECORD}/left", data=typed(world, parts), hx=True)
        assert said in words(reply)
        assert "<html" not in reply.text
    assert "Record payment" in words(sam.post(f"{RECORD}/left", data=typed(world)))  # without JavaScript: the page
    assert not Payment.select().exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"amount": ""}, "Enter"),
        ({"amount": "lots"}, "Enter"),
        ({"amount": "0"}, "Enter the amount that came"),
        ({"received_on": ""}, "Enter the day it came"),
        ({"received_on": "2026-11-23"}, "The day cannot be in the future"),
        ({"method": "Barter"}, "Choose how it was paid"),
        ({"currency": "XXX"}, "Choose a currency"),
        ({"bank_reference": "x" * 201}, "Use at most 200 characters"),
    ],
)
def test_what_cannot_be_is_told_and_everything_typed_comes_back(
    world: World, sam: Client, more: dict[str, str], said: str
) -> None:
    invoice = world.issued()
    reply = sam.post(RECORD, data=typed(world, {invoice.id: "7.50"}) | more, hx=True)
    assert reply.status_code == 422
    assert words(reply).count(said) >= 2, words(reply)
    assert "<title>Error: Record payment" in reply.text
    if more.get("currency") != "XXX":
        assert value_of(reply, f"part-{invoice.id}") == "7.50"
    assert not Payment.select().exists()


def test_a_part_that_is_too_large_is_told_at_its_invoice(world: World, sam: Client) -> None:
    invoice = world.issued()
    reply = sam.post(RECORD, data=typed(world, {invoice.id: "1164.01"}))
    assert reply.status_code == 422
    assert f'href="#part-{invoice.id}"' in reply.text
    assert "Enter £1,164.00 or less. That is what it owes" in words(reply)


def test_the_same_money_is_recorded_a_second_time_only_on_purpose(world: World, sam: Client) -> None:
    sam.post(RECORD, data=typed(world))
    reply = sam.post(RECORD, data=typed(world), hx=True)
    assert reply.status_code == 409
    assert f"was recorded already ({newest().reference})" in words(reply)
    assert "The money came twice: record it anyway" in words(reply)
    assert Payment.select().count() == 1
    assert sam.post(RECORD, data=typed(world, anyway="1")).status_code == 303
    assert Payment.select().count() == 2


def test_a_form_sent_twice_records_once(world: World, sam: Client) -> None:
    sent = typed(world)
    first, again = sam.post(RECORD, data=sent), sam.post(RECORD, data=sent)
    assert (first.location, Payment.select().count()) == (again.location, 1)


def test_payments_are_found_by_reference_payer_words_customer_and_amount(world: World, sam: Client) -> None:
    wanted = came(world, 123_450, bank_reference="Order 88213", payer="Acme Holding")
    other = scenes.kept(world.globex)
    for q in (wanted.reference, wanted.reference[:8].lower(), "order 88", "holding", "acme", "1,234.50", "£1234.50"):
        page = words(sam.get("/admin/payments", query_string={"q": q}))
        assert wanted.reference in page, q
        assert other.reference not in page, q
    assert "No payments match" in words(sam.get("/admin/payments?q=%25"))


def test_the_list_is_paged_by_key_newest_first(world: World, sam: Client) -> None:
    made = [scenes.kept(world.acme).reference for _ in range(52)]
    first = sam.get("/admin/payments")
    assert [made[-1] in first.text, made[1] in first.text] == [True, False]
    rest = sam.get(f"/admin/payments?after={Payment.get(Payment.reference == made[2]).id}")
    assert [reference in rest.text for reference in made[:3]] == [True, True, False]


def test_a_part_is_taken_back_and_waits_for_another_place(world: World, sam: Client) -> None:
    invoice = world.issued()
    payment = came(world, 116_400, (invoice.id, 116_400))
    sent = {"form_id": fresh_form_id(), "invoice_id": str(invoice.id), "amount": "64.00", "reason": "The other one"}
    reply = sam.post(f"/admin/payments/{payment.id}/take-back", data=sent)
    assert (reply.status_code, owed(invoice)) == (303, 6_400)
    page = words(sam.get(reply.location))
    assert "It was taken off an invoice, and waits for another place." in page
    assert f"{invoice.number} Taken back Today, 10:00 −£64.00" in page
    assert payment.reference in words(sam.get("/admin/inbox"))
    assert check.broken() == []


def test_taking_back_asks_why_and_never_takes_more_than_was_applied(world: World, sam: Client) -> None:
    invoice = world.issued()
    payment = came(world, 50_000, (invoice.id, 50_000))
    path = f"/admin/payments/{payment.id}/take-back"
    sent = {"form_id": fresh_form_id(), "invoice_id": str(invoice.id), "amount": "500.01", "reason": "Wrong"}
    reply = sam.post(path, data=sent, hx=True)
    assert (reply.status_code, value_of(reply, "amount")) == (409, "500.01")
    assert "Only £500.00" in words(reply)
    assert "Say why" in words(sam.post(path, data=sent | {"reason": " ", "amount": "1"}, hx=True))
    assert owed(invoice) == 66_400


def test_a_payment_that_went_back_says_so_and_offers_no_further_refund(world: World, sam: Client) -> None:
    invoice = world.issued()
    payment = came(world, 10_000, (invoice.id, 10_000))
    address = f"/admin/payments/{payment.id}"
    assert f"{payment.reference} Applied" in words(sam.get(address))
    for amount, word, may_refund in (("40.00", "Partly refunded", True), ("60.00", "Refunded", False)):
        sent = {
            "place": str(invoice.id),
            "amount": amount,
            "way": "bank",
            "sent_on": TODAY.isoformat(),
            "reason": "Asked for",
        }
        assert sam.post(f"{address}/refund", data=sent | {"form_id": fresh_form_id()}).status_code == 303
        page = sam.get(address)
        assert f"{payment.reference} {word}" in words(page)
        assert (f'href="{address}/refund"' in page.text) is may_refund
        assert word in words(sam.get("/admin/payments"))


def test_an_invoice_leads_to_recording_all_it_owes(world: World, sam: Client) -> None:
    invoice = world.issued()
    page = sam.get(f"/admin/invoices/{invoice.id}").text
    link = f"{RECORD}?customer={world.acme.id}&amp;invoice={invoice.id}"
    assert link in page
    form = sam.get(link.replace("&amp;", "&"))
    assert (value_of(form, "amount"), value_of(form, f"part-{invoice.id}")) == ("1164.00", "1164.00")


def test_a_bounced_cheque_is_reversed_with_a_reason(world: World, sam: Client) -> None:
    invoice = world.issued()
    payment = came(world, 120_000, (invoice.id, 116_400))
    path = f"/admin/payments/{payment.id}/reverse"
    assert f"{invoice.number} owes again £1,164.00" in words(sam.get(path))
    assert "Say why" in words(sam.post(path, data={"form_id": fresh_form_id(), "reason": ""}, hx=True))
    reply = sam.post(path, data={"form_id": fresh_form_id(), "reason": "The cheque was returned."})
    assert (reply.status_code, owed(invoice)) == (303, 116_400)
    page = words(sam.get(reply.location))
    assert "Reversed" in page
    assert "The cheque was returned." in page
    again = sam.get(path)
    assert (again.status_code, "was reversed already" in words(again)) == (409, True)
    assert check.broken() == []


def test_money_that_came_by_card_is_not_reversed(world: World, sam: Client) -> None:
    payment = scenes.paid(world.issued(), by=world.alice)
    reply = sam.get(f"/admin/payments/{payment.id}/reverse")
    assert reply.status_code == 409
    assert "Refund it instead." in words(reply)
    assert "Reverse" not in words(sam.get(f"/admin/payments/{payment.id}"))


def test_a_viewer_looks_and_is_offered_no_change(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    payment, vic = came(world), sign_in_as(world.vic)
    for path in ("/admin/payments", f"/admin/payments/{payment.id}", "/admin/inbox"):
        page = vic.get(path)
        assert page.status_code == 200
        assert "Record payment" not in words(page)
        assert 'method="post"' not in page.text.partition("<main")[2]
    assert vic.get(f"{RECORD}/for").status_code == 403
