"""The list and the page of an invoice, as the billing team sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import documents, invoices, outbox, payments
from billing.db import transaction
from tests.admin.arranged import draw, paying, statements
from tests.admin.typed import words
from tests.world import AT, content, line

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.actors import Actor
    from billing.tables import Invoice
    from tests.web_fixtures import Client
    from tests.world import World


@pytest.fixture
def sam(world: World, sign_in_as: Callable[[Actor], Client]) -> Client:
    """Sam's browser."""
    return sign_in_as(world.sam)


def test_the_list_shows_each_invoice_with_customer_status_and_balance(world: World, sam: Client) -> None:
    late, draft = world.overdue(), world.draft(world.globex)
    page = words(sam.get("/admin/invoices"))
    assert f"{late.number} Acme" in page
    assert "20 days overdue" in page
    assert "£1,164.00" in page
    assert "Draft for Globex" in page
    assert f"/admin/invoices/{draft.id}/edit" in sam.get("/admin/invoices").text


def test_a_draft_without_dates_and_an_invoice_that_is_void_are_said_to_be_so(world: World, sam: Client) -> None:
    void = world.issued()
    invoices.void(void.id, reason="Twice", by=world.sam, at=AT)
    world.draft()
    page = words(sam.get("/admin/invoices"))
    assert "Not issued After issue Draft" in page
    assert "Not owed Void" in page


def test_each_tab_holds_its_own_with_its_count(world: World, sam: Client) -> None:
    late, issued, draft = world.overdue(), world.issued(world.globex), world.draft()
    assert "All 3 Draft 1 Open 2 Overdue 1 Paid 0 Credited 0 Written off 0 Void 0" in words(sam.get("/admin/invoices"))
    overdue = words(sam.get("/admin/invoices?tab=overdue"))
    assert str(late.number) in overdue
    assert str(issued.number) not in overdue
    drafts = sam.get("/admin/invoices?tab=draft").text
    assert f'href="/admin/invoices/{draft.id}"' in drafts
    assert str(late.number) not in drafts


def test_a_tab_with_more_than_a_thousand_counts_no_further(sam: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        invoices, "admin_counts", lambda **_: dict.fromkeys(invoices.ADMIN_TABS, invoices.listing.MOST_COUNTED + 1)
    )
    assert "All 1,000+ Draft 1,000+" in words(sam.get("/admin/invoices"))


def test_an_empty_tab_says_what_will_be_there(sam: Client) -> None:
    for tab, said in {
        "all": "No invoices yet",
        "draft": "No drafts",
        "open": "Nothing is open",
        "overdue": "Nothing is overdue",
        "paid": "Nothing is paid yet",
        "void": "Nothing is void",
        "nonsense": "No invoices yet",
    }.items():
        assert said in words(sam.get(f"/admin/invoices?tab={tab}"))


def test_a_search_finds_by_the_beginning_of_a_number_and_by_a_customers_name(world: World, sam: Client) -> None:
    first, second = world.issued(), world.issued(world.globex)
    by_number = words(sam.get("/admin/invoices?q=inv-2026-0001", hx=True))
    assert str(first.number) in by_number
    assert str(second.number) not in by_number
    by_name = words(sam.get("/admin/invoices?q=GLOB", hx=True))
    assert str(second.number) in by_name
    assert str(first.number) not in by_name


def test_a_search_by_htmx_answers_with_the_results_alone(world: World, sam: Client) -> None:
    world.issued()
    assert sam.get("/admin/invoices?q=acme", hx=True).text.lstrip().startswith('<div id="results">')
    assert "<!doctype html>" in sam.get("/admin/invoices?q=acme").text


def test_a_search_without_result_says_so_and_offers_all_tabs(world: World, sam: Client) -> None:
    world.issued()
    page = sam.get("/admin/invoices?tab=void&q=kettle <b>")
    assert "No invoices match “kettle <b>”" in words(page)
    assert "<b>”" not in page.text
    assert "We searched void invoices only" in words(page)
    assert "Search all invoices" in words(page)


def test_a_key_that_makes_no_sense_reads_as_the_first_page(world: World, sam: Client) -> None:
    number = world.issued().number
    for after in ("", "x", "1~2", "99999999999999999999", "2026-01-01~x"):
        assert str(number) in words(sam.get(f"/admin/invoices?tab=open&after={after}"))


def test_a_long_list_leads_on_by_key_and_back_to_its_beginning(world: World, sam: Client) -> None:
    numbers = [str(many_drafts(world, 51)[0].id)]
    first = sam.get("/admin/invoices")
    assert "Next" in words(first)
    assert f'href="/admin/invoices/{numbers[0]}"' not in first.text
    onward = next(part for part in first.text.split('"') if part.startswith("/admin/invoices?") and "after=" in part)
    second = sam.get(onward.replace("&amp;", "&"))
    assert f'href="/admin/invoices/{numbers[0]}"' in second.text
    assert "Back to the first page" in words(second)


def many_drafts(world: World, count: int) -> list[Invoice]:
    with transaction():
        return [world.draft() for _ in range(count)]


def test_a_currency_other_than_the_sellers_is_named(world: World, sam: Client) -> None:
    world.acme.currency = "EUR"
    world.acme.save()
    invoices.draft(world.acme.id, content(), by=world.sam, at=AT)
    assert "€1,164.00 EUR" in words(sam.get("/admin/invoices"))


def test_the_page_shows_the_document_as_it_was_frozen(world: World, sam: Client) -> None:
    issued = world.issued()
    world.acme.name = world.acme.legal_name = "Renamed"
    world.acme.save()
    page = words(sam.get(f"/admin/invoices/{issued.id}"))
    assert "Acme Ltd 12 Harbour Street" in page
    assert "VAT at 20% on £970.00 £194.00" in page
    assert "Amount due £1,164 .00" in page
    assert "Sam Reyes issued it to alice@acme.example, bob@acme.example" in page


def test_the_page_tells_of_each_mail_where_it_stands(world: World, sam: Client) -> None:
    issued = world.issued()
    waiting = words(sam.get(f"/admin/invoices/{issued.id}"))
    assert "PDF Waiting to be drawn" in waiting
    assert waiting.count("Invoice: waits for the PDF") == 2
    draw(issued)
    sent, failed = outbox.claim_due(AT)
    outbox.accepted(sent, AT)
    outbox.refused(failed, "550 no such mailbox")
    after = words(sam.get(f"/admin/invoices/{issued.id}"))
    assert "Invoice: accepted · Today, 10:00" in after
    assert "Invoice: refused · 550 no such mailbox" in after
    assert after.count("Link opens until 27 Dec 2027") == 2
    assert "Sent" in after


def test_the_page_tells_why_a_mail_was_dropped(world: World, sam: Client) -> None:
    issued = world.issued()
    draw(issued)
    for mail in outbox.claim_due(AT):
        outbox.drop(mail, "Not sent: the invoice was cancelled first.", AT)
    text = words(sam.get(f"/admin/invoices/{issued.id}"))
    assert text.count("Invoice: not sent: the invoice was cancelled first.") == 2
    assert "refused" not in text


def test_who_is_paying_now_is_shown(world: World, sam: Client) -> None:
    issued = world.issued()
    paying(issued, world)
    assert payments.in_flight(issued.id) is not None
    assert "Alice Poole is paying right now" in words(sam.get(f"/admin/invoices/{issued.id}"))


def test_a_viewer_sees_everything_and_is_offered_nothing(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    issued, draft, vic = world.issued(), world.draft(), sign_in_as(world.vic)
    for path in ("/admin/invoices", f"/admin/invoices/{issued.id}", f"/admin/invoices/{draft.id}"):
        page = vic.get(path)
        assert page.status_code == 200
        for change in ("/void", "/edit", "/issue", "/new", "/delete"):
            assert f'{change}"' not in page.text, (path, change)


def test_the_list_asks_the_database_six_times_however_long_it_is(world: World, sam: Client) -> None:
    paths = ("/admin/invoices", "/admin/invoices?q=acme", "/admin/invoices?tab=overdue")
    world.overdue()
    few = [statements(sam, path) for path in paths]
    many_drafts(world, 30)
    world.issued()
    many = [statements(sam, path) for path in paths]
    assert few == many
    assert max(many) <= 6, many


def test_the_page_asks_the_database_twelve_times_however_many_lines_it_has(world: World, sam: Client) -> None:
    small, large = world.issued(), world.issued(None, *(line(f"Item {number}") for number in range(60)))
    few, many = (statements(sam, f"/admin/invoices/{invoice.id}") for invoice in (small, large))
    assert few == many <= 12


def test_an_invoice_of_very_many_lines_shows_the_first_and_names_the_rest(world: World, sam: Client) -> None:
    large = world.issued(None, *(line(f"Item {number}.") for number in range(201)))
    page = words(sam.get(f"/admin/invoices/{large.id}"))
    assert "Item 199." in page
    assert "Item 200." not in page
    assert "The first 200 of 201 items" in page


def test_the_pdf_comes_from_store_and_only_once(world: World, sam: Client) -> None:
    issued = world.issued()
    draw(issued)
    first = sam.get(f"/admin/invoices/{issued.id}.pdf")
    assert (first.status_code, first.data, first.mimetype) == (200, b"%PDF", "application/pdf")
    assert first.headers["Content-Disposition"] == f"attachment; filename=Invoice-{issued.number}.pdf"
    again = sam.get(f"/admin/invoices/{issued.id}.pdf", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_pdf_that_is_not_drawn_yet_is_awaited_and_a_draft_has_none(world: World, sam: Client) -> None:
    issued, draft = world.issued(), world.draft()
    waiting = sam.get(f"/admin/invoices/{issued.id}.pdf")
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (503, "10")
    assert "The PDF is being prepared" in words(waiting)
    assert documents.state(documents.invoice(issued.id)) == "queued"
    assert sam.get(f"/admin/invoices/{draft.id}.pdf").status_code == 404
