"""The money inbox: what waits, one click that does what was suggested, and splitting by hand."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from billing import check, inbox, payments
from billing.payments import Received
from billing.tables import Invoice, Payment
from tests.admin.typed import value_of, words
from tests.portal import scenes
from tests.web_fixtures import fresh_form_id
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from billing.actors import Actor
    from billing.tables import Customer
    from tests.web_fixtures import Client
    from tests.world import World

INBOX = "/admin/inbox"


@pytest.fixture
def sam(world: World, sign_in_as: Callable[[Actor], Client]) -> Client:
    """Sam's browser."""
    return sign_in_as(world.sam)


def came(
    world: World, minor: int = 116_400, owner: Customer | None = None, *, bank_reference: str = "", payer: str = ""
) -> Payment:
    """Money that waits, of nobody known where no owner is given."""
    received = Received(
        customer_id=owner.id if owner else None,
        minor=minor,
        currency="GBP",
        method="Bank transfer",
        received_on=TODAY,
        mails_receipt=False,
        bank_reference=bank_reference,
        payer=payer,
    )
    return payments.record(received, by=world.sam, at=AT, anyway=True)


def owed(invoice: Invoice) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def form_of(reply: TestResponse, action: str) -> dict[str, str]:
    """The fields of the first form of a page that leads to an address."""
    form = re.search(rf'<form[^>]* action="{re.escape(action)}".*?</form>', reply.text, re.DOTALL)
    assert form, f"no form leads to {action}"
    fields = re.findall(r'<input[^>]* name="([^"]*)"[^>]* value="([^"]*)"', form[0])
    return {name: html.unescape(value) for name, value in fields}


def test_every_page_says_how_much_waits(world: World, sam: Client) -> None:
    assert "Money inbox Credit notes Approvals Customers" in words(sam.get("/admin/invoices"))
    came(world)
    came(world, 5_000)
    page = words(sam.get("/admin/invoices"))
    assert "Money inbox 2 waiting Credit notes Approvals Customers" in page
    assert "Inbox 2 waiting Customers More" in page


def test_one_click_does_exactly_what_was_suggested(world: World, sam: Client) -> None:
    invoice = world.issued()
    payment = came(world, 116_400, world.acme, bank_reference=f"inv {invoice.number}")
    page = sam.get(INBOX)
    assert f"The reference names {invoice.number}. {invoice.number} gets £1,164.00 , then is paid" in words(page)
    reply = sam.post(f"/admin/payments/{payment.id}/apply", data=form_of(page, f"/admin/payments/{payment.id}/apply"))
    assert (reply.status_code, reply.location, owed(invoice)) == (303, INBOX, 0)
    after = words(sam.get(INBOX))
    assert f"{payment.reference} is applied to 1 invoice." in after
    assert "Nothing waits" in after
    assert check.broken() == []


def test_an_unknown_payers_money_becomes_the_customers_with_the_same_click(world: World, sam: Client) -> None:
    invoice = world.issued()
    payment = came(world, 100_000, payer="ACME LIMITED")
    page = sam.get(INBOX)
    assert "The payer's name is like Acme." in words(page)
    assert "It becomes Acme’s money." in words(page)
    assert "then owes £164.00" in words(page)
    sam.post(f"/admin/payments/{payment.id}/apply", data=form_of(page, f"/admin/payments/{payment.id}/apply"))
    after = Payment.get_by_id(payment.id)
    assert (after.customer_id, after.waiting, owed(invoice)) == (world.acme.id, False, 16_400)
    assert check.broken() == []


def test_a_suggestion_somebody_was_quicker_with_is_refused_with_words(world: World, sam: Client) -> None:
    invoice = world.issued()
    payment = came(world, 116_400, world.acme)
    path = f"/admin/payments/{payment.id}/apply"
    sent = form_of(sam.get(INBOX), path)
    inbox.apply(payment.id, [payments.Planned(invoice.id, 116_400)], customer_id=world.acme.id, by=world.ada, at=AT)
    reply = sam.post(path, data=sent, hx=True)
    assert reply.status_code == 409
    assert f"Nothing of payment {payment.reference} is free any more." in words(reply)
    assert reply.headers["HX-Retarget"] == "#messages"


def test_nothing_is_applied_without_parts(world: World, sam: Client) -> None:
    payment = came(world, 100, world.acme)
    sent = {"form_id": fresh_form_id(), "customer": str(world.acme.id), "pay-1": "-5"}
    reply = sam.post(f"/admin/payments/{payment.id}/apply", data=sent)
    assert reply.status_code == 422
    assert "Enter how much of it goes to which invoice" in words(reply)


def test_money_is_split_by_hand_and_the_rest_waits_on(world: World, sam: Client) -> None:
    first, second = world.issued(), world.issued()
    payment = came(world, 200_000, world.acme)
    path = f"/admin/payments/{payment.id}/place"
    assert "£2,000.00 to apply" in words(sam.get(path))
    sent = {f"part-{first.id}": "1,164.00", f"part-{second.id}": "36", "form_id": fresh_form_id()}
    told = words(sam.post(f"{path}/left", data=sent, hx=True))
    assert f"{second.number} owes £1,128.00 then £36.00 £800.00 left" in told
    reply = sam.post(path, data=sent)
    assert (reply.status_code, reply.location) == (303, f"/admin/payments/{payment.id}")
    assert (owed(first), owed(second), Payment.get_by_id(payment.id).free_minor) == (0, 112_800, 80_000)
    assert "of £2,000.00" in words(sam.get(INBOX))
    assert check.broken() == []


def test_split_it_for_me_fills_in_the_oldest_due_first(world: World, sam: Client) -> None:
    old, new = world.overdue(), world.issued()
    payment = came(world, 120_000, world.acme)
    reply = sam.post(f"/admin/payments/{payment.id}/place", data={"form_id": fresh_form_id(), "split": "1"}, hx=True)
    assert (value_of(reply, f"part-{old.id}"), value_of(reply, f"part-{new.id}")) == ("1164.00", "36.00")
    assert owed(old) == 116_400


def test_what_cannot_be_split_so_comes_back_as_it_was_typed(world: World, sam: Client) -> None:
    invoice = world.issued()
    payment = came(world, 100_000, world.acme)
    path, name = f"/admin/payments/{payment.id}/place", f"part-{invoice.id}"
    for text, status, said in (
        ("soon", 422, "Enter an amount"),
        ("1100", 409, "Only £1,000.00 is left"),
        ("1164.01", 422, f"{invoice.number} owes £1,164.00. Enter that or less."),
        ("", 422, "Enter how much of it goes to which invoice"),
    ):
        reply = sam.post(path, data={name: text, "form_id": fresh_form_id()}, hx=True)
        assert (reply.status_code, value_of(reply, name)) == (status, text), text
        assert said in words(reply), words(reply)
    assert owed(invoice) == 116_400


def test_a_person_says_whose_money_it_is_first_and_what_for_later(world: World, sam: Client) -> None:
    payment = came(world, 5_000)
    path = f"/admin/payments/{payment.id}/place"
    asked = sam.get(path, query_string={"q": "glob"})
    assert "Globex" in words(asked)
    assert "Acme" not in words(asked).partition("Whose money is it?")[2]
    assert "It is Globex’s money" in words(sam.get(path, query_string={"customer": str(world.globex.id)}))
    sent = {"form_id": fresh_form_id(), "customer": str(world.globex.id)}
    reply = sam.post(f"/admin/payments/{payment.id}/payer", data=sent)
    after = Payment.get_by_id(payment.id)
    assert (reply.location, after.customer_id, after.waiting) == (path, world.globex.id, True)
    assert "Say what it is for." in words(sam.get(path))
    assert check.broken() == []


def test_the_customers_to_choose_from_lead_on_to_what_the_money_is_there_for(world: World, sam: Client) -> None:
    payment = came(world, 5_000)
    place, record = f"/admin/payments/{payment.id}/place", "/admin/payments/record"
    for path, leads_to, nobody in (
        (place, f"{place}?customer={world.globex.id}", "Try another part of the name."),
        (f"{record}/for", f"{record}?customer={world.globex.id}", "or record it without a customer."),
    ):
        found = sam.get(path, query_string={"q": "glob"}, hx=True)
        assert found.text.lstrip().startswith('<div id="payers"')
        assert f'href="{leads_to}"' in found.text
        assert nobody in words(sam.get(path, query_string={"q": "zzz"}, hx=True))


def test_money_that_was_looked_at_stays_credit_but_nobodys_money_does_not(world: World, sam: Client) -> None:
    known, unknown = came(world, 700, world.acme), came(world, 800)
    page = sam.get(INBOX)
    reply = sam.post(f"/admin/payments/{known.id}/keep", data=form_of(page, f"/admin/payments/{known.id}/keep"))
    assert (reply.location, Payment.get_by_id(known.id).waiting) == (INBOX, False)
    assert f"/admin/payments/{unknown.id}/keep" not in page.text
    refused = sam.post(f"/admin/payments/{unknown.id}/keep", data={"form_id": fresh_form_id()})
    assert refused.status_code == 409
    assert "Say first who paid" in words(refused)
    assert Payment.get_by_id(unknown.id).waiting


def test_money_from_stripe_waits_here_with_its_reason(world: World, sam: Client) -> None:
    payment = scenes.kept(world.acme, reason="second_payment")
    Payment.update(waiting=True).where(Payment.id == payment.id).execute()
    assert "The same payment page brought money twice." in words(sam.get(INBOX))


def test_the_inbox_is_paged_oldest_first(world: World, sam: Client) -> None:
    made = [came(world, 100 + number).id for number in range(12)]
    first, rest = sam.get(INBOX), sam.get(f"{INBOX}?after={made[9]}")
    shown = [re.findall(r'id="payment-(\d+)"', page.text) for page in (first, rest)]
    assert shown == [[str(id_) for id_ in made[:10]], [str(id_) for id_ in made[10:]]]
    assert f"{INBOX}?after={made[9]}" in first.text


def test_the_customers_page_leads_to_recording_its_payment(world: World, sam: Client) -> None:
    assert f"/admin/payments/record?customer={world.acme.id}" in sam.get(f"/admin/customers/{world.acme.id}").text
