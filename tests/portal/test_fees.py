"""Fees, instalments and paying early as a customer reads them, on pages and in mails."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from billing import documents, fees, instalments, invoices, seller
from billing.fee_rules import Rule
from billing.rendering import invoice_html
from billing.tables import FeeCharge, Invoice, Mail
from tests.admin.typed import words
from tests.portal.scenes import paid
from tests.world import AT, TODAY, Pen, content
from web import letters

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.actors import Actor
    from tests.web_fixtures import Client
    from tests.world import World


@pytest.fixture
def alice(world: World, sign_in_as: Callable[[Actor], Client]) -> Client:
    """Alice's browser."""
    return sign_in_as(world.alice)


@pytest.fixture
def charge(world: World) -> FeeCharge:
    """A flat fee of 40.00 on an invoice of Acme that was due 20 days ago."""
    policy = seller.SellerPolicy(late_fee=Rule(shape="flat", minor=40_00))
    seller.save_policy(policy, version=1, by=world.sam, at=AT)
    invoice = world.overdue()
    fees.charge_due(TODAY, AT)
    return fees.of(invoice.id)[0]


def issued(world: World, **terms: Any) -> Invoice:
    """An invoice of 1,164.00 to Acme with more terms than a due date."""
    draft = invoices.draft(world.acme.id, replace(content(), **terms), by=world.sam, at=AT)
    return invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)


def in_parts(world: World) -> Invoice:
    return issued(world, parts=tuple(instalments.equal_parts(116_400, 3, first_on=TODAY)))


def mailed(invoice: Invoice) -> letters.Letter:
    """What Alice is mailed of an invoice."""
    documents.draw_due(Pen(), invoice_html, at=AT)
    return letters.write(Mail.get((Mail.invoice == invoice.id) & (Mail.recipient == "alice@acme.example")))


def page(browser: Client, invoice: Invoice) -> str:
    return words(browser.get(f"/invoices/{invoice.number}"))


def test_an_overdue_invoice_leads_to_its_fee_and_the_fee_back_to_it(alice: Client, charge: FeeCharge) -> None:
    overdue = alice.get("/invoices/INV-2026-0001")
    assert "late fee INV-2026-0002 of £40.00. It is paid apart from this invoice." in words(overdue)
    assert 'href="/invoices/INV-2026-0002"' in overdue.text
    assert "Late fee of £40.00 charged by INV-2026-0002" in words(overdue)
    document = alice.get("/invoices/INV-2026-0002")
    assert "Late fee INV-2026-0002" in words(document)
    assert "This is a late fee on invoice INV-2026-0001 . £1,164.00 was due on 2 November 2026" in words(document)
    assert charge.words in words(document)
    assert 'href="/invoices/INV-2026-0001"' in document.text


def test_a_guest_of_a_fee_is_told_its_invoice_without_a_link(
    charge: FeeCharge, guest_of: Callable[[Invoice], Client]
) -> None:
    reply = guest_of(charge.fee_invoice).get("/invoices/INV-2026-0002")
    assert "on invoice INV-2026-0001. £1,164.00 was due" in words(reply)
    assert 'href="/invoices/INV-2026-0001"' not in reply.text


def test_a_waived_fee_is_no_longer_asked_for(world: World, alice: Client, charge: FeeCharge) -> None:
    fees.waive(charge.id, reason="A favour", by=world.sam, at=AT)
    shown = page(alice, invoices.get(charge.invoice_id))
    assert "Paying late has a price" not in shown
    assert "INV-2026-0002 waived: A favour" in shown


def test_the_mail_of_a_fee_says_what_it_is_about_and_how_it_was_worked_out(charge: FeeCharge) -> None:
    letter = mailed(charge.fee_invoice)
    assert letter.subject == "Late fee INV-2026-0002 from Alder & Finch: £40.00, due 22 Dec"
    assert "About: Invoice INV-2026-0001, which was due on 2 November 2026" in letter.text
    assert f"Worked out: {charge.words}" in letter.text


def test_the_paper_of_a_fee_is_headed_as_one(charge: FeeCharge) -> None:
    html = invoice_html(charge.fee_invoice.frozen)
    assert '<p class="kind">Late fee</p>' in html
    assert "About invoice" in html
    assert "Outside the scope of VAT" in html


def test_a_schedule_is_shown_with_what_is_settled_of_each_part(world: World, alice: Client) -> None:
    invoice = in_parts(world)
    paid(invoice, 50_000, by=world.alice)
    shown = page(alice, invoice)
    assert "22 Nov 2026 £388.00 Settled 22 Dec 2026 £388.00 £276.00 to pay 22 Jan 2027 £388.00" in shown
    assert "Due in 30 days" in shown
    assert "£276.00 of it is due then, the rest in later parts." in shown
    assert "The next part £276.00 Pay £276.00 Pay all £664.00" in shown


def test_the_mail_and_the_paper_tell_each_part(world: World) -> None:
    invoice = in_parts(world)
    letter = mailed(invoice)
    assert letter.subject == "Invoice INV-2026-0001 from Alder & Finch: £1,164.00, the first part due 22 Nov"
    assert "Part 2: £388.00, due 22 December 2026" in letter.text
    html = invoice_html(invoice.frozen)
    assert "in 3 parts, the first by 22 November 2026" in html
    assert "Part 3, due 22 January 2027" in html


def test_paying_early_is_offered_on_the_page_in_the_mail_and_on_paper(world: World, alice: Client) -> None:
    invoice = issued(world, early_days=10, early_ppm=20_000)
    assert "Pay £1,140.72 by 2 December 2026 and save £23.28" in page(alice, invoice)
    assert "Pay early: £1,140.72 by 2 December 2026, and save £23.28" in mailed(invoice).text
    assert "Pay £1,140.72 by 2 December 2026 and save £23.28" in invoice_html(invoice.frozen)


def test_an_invoice_with_plain_terms_says_nothing_of_them(world: World, alice: Client) -> None:
    invoice = world.issued()
    shown = page(alice, invoice) + mailed(invoice).text + invoice_html(invoice.frozen)
    for absent in ("Payment schedule", "Pay early", "and save", "late fee"):
        assert absent not in shown


def test_a_document_frozen_before_there_were_such_terms_is_drawn_as_it_was(world: World) -> None:
    frozen = {
        name: said for name, said in world.issued().frozen.items() if name not in {"kind", "about", "early", "schedule"}
    }
    assert '<p class="kind">Invoice</p>' in invoice_html(frozen)
