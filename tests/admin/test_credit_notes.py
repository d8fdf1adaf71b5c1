"""The billing team's pages of credit notes: the form with its preview, the list, the page, moving what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from billing import check, credit_notes, invoices, write_offs
from billing.tables import CreditNote, Invoice, Seller
from tests.admin.arranged import statements
from tests.admin.typed import value_of, words
from tests.web_fixtures import fresh_form_id
from tests.world import AT, TODAY, line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from billing.actors import Actor
    from tests.web_fixtures import Client
    from tests.world import World


@pytest.fixture
def sam(world: World, sign_in_as: Callable[[Actor], Client]) -> Iterator[Client]:
    yield sign_in_as(world.sam)
    assert check.broken() == []


def filled(**fields: Any) -> dict[str, Any]:
    """The form as it is sent: all of it, for an error, to this invoice first."""
    usual = {
        "form_id": fresh_form_id(), "shape": "full", "reason_code": "error", "reason": "Billed twice",
        "destination": "proposal",
    }  # fmt: skip
    return usual | fields


def again(invoice: Invoice) -> Invoice:
    now: Invoice = Invoice.get_by_id(invoice.id)
    return now


def credited(world: World, minor: int = 24_000, *, keep: bool = False) -> CreditNote:
    said = credit_notes.CreditContent(
        shape="amount", reason_code="goodwill", reason="Late by a week", gross_minor=minor,
        destinations=credit_notes.Destinations() if keep else None,
    )  # fmt: skip
    return credit_notes.create(world.issued().id, said, by=world.sam, at=AT)


def test_an_invoice_is_credited_in_full_from_its_page(world: World, sam: Client) -> None:
    invoice = world.issued()
    assert f'href="/admin/invoices/{invoice.id}/credit"' in sam.get(f"/admin/invoices/{invoice.id}").text
    page = words(sam.get(f"/admin/invoices/{invoice.id}/credit"))
    assert "£1,164.00 of £1,164.00 can be credited" in page
    assert "Pays INV-2026-0001 £1,164.00" in page
    reply = sam.post(f"/admin/invoices/{invoice.id}/credit", data=filled())
    note = CreditNote.get()
    assert (reply.status_code, reply.location) == (303, f"/admin/credit-notes/{note.id}")
    assert "CN-2026-0001 is issued" in words(sam.get(reply.location))
    shown = words(sam.get(f"/admin/invoices/{invoice.id}"))
    assert "Credited" in shown
    assert "CN-2026-0001 −£1,164.00" in shown


def test_a_double_click_credits_once(world: World, sam: Client) -> None:
    invoice = world.issued()
    sent = filled(shape="amount", amount="100")
    first, second = (sam.post(f"/admin/invoices/{invoice.id}/credit", data=sent, hx=True) for _ in range(2))
    assert first.headers["HX-Redirect"] == second.headers["HX-Redirect"]
    assert CreditNote.select().count() == 1


def test_the_preview_says_what_it_comes_to_while_somebody_types(world: World, sam: Client) -> None:
    invoice = world.issued()
    path = f"/admin/invoices/{invoice.id}/credit/preview"
    part = words(sam.post(path, data=filled(shape="amount", amount="120", reason=""), hx=True))
    assert "£120.00" in part
    assert "VAT at 20% on £100.00 £20.00" in part
    assert "Left to credit after it £1,044.00" in part
    nothing = sam.post(path, data=filled(shape="amount", amount=""), hx=True)
    assert (nothing.status_code, "Enter an amount" in words(nothing)) == (200, True)
    assert CreditNote.select().count() == 0


def test_without_javascript_the_preview_is_a_button(world: World, sam: Client) -> None:
    invoice = world.issued()
    reply = sam.post(f"/admin/invoices/{invoice.id}/credit", data=filled(shape="amount", amount="120", then="preview"))
    assert reply.status_code == 200
    assert "Left to credit after it £1,044.00" in words(reply)
    assert CreditNote.select().count() == 0


def test_lines_are_credited_by_quantity_and_by_amount(world: World, sam: Client) -> None:
    invoice = world.issued(None, line(), line("Books", "1", "8", 0))
    first, second = (row.id for row in invoices.lines(invoice.id))
    sent = filled(shape="lines") | {f"quantity-{first}": "1", f"amount-{second}": "3.50"}
    assert sam.post(f"/admin/invoices/{invoice.id}/credit", data=sent).status_code == 303
    assert [row.net_minor for row in credit_notes.lines(CreditNote.get().id)] == [48_500, 350]


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"shape": "amount", "amount": "2000"}, 409, "Only £1,164.00 of invoice INV-2026-0001 is left to credit"),
        ({"shape": "amount", "amount": "much"}, 422, "Enter an amount, like 250 or 250.00"),
        ({"shape": "lines"}, 422, "Enter a quantity or an amount for at least one line"),
        ({"reason": ""}, 422, "Say why, in 500 characters at most. The customer reads it."),
        ({"reason_code": ""}, 422, "Choose a reason"),
        ({"destination": "refund"}, 422, "Choose how the money goes back"),
    ],
)
def test_what_is_wrong_is_said_beside_what_was_typed(
    world: World, sam: Client, fields: dict[str, str], status: int, said: str
) -> None:
    invoice = world.issued()
    reply = sam.post(f"/admin/invoices/{invoice.id}/credit", data=filled(**fields), hx=True)
    assert (reply.status_code, said in words(reply)) == (status, True), words(reply)
    assert reply.text.lstrip().startswith('<form class="split credit" id="credit"')
    assert "<title>Error: Credit INV-2026-0001" in reply.text
    assert CreditNote.select().count() == 0


def test_the_value_goes_where_the_form_says(world: World, sam: Client) -> None:
    invoice, other = world.issued(), world.issued()
    sent = filled(shape="amount", amount="100", destination="chosen") | {f"to-{other.id}": "40", f"to-{invoice.id}": ""}
    sam.post(f"/admin/invoices/{invoice.id}/credit", data=sent)
    assert (again(other).balance_minor, again(invoice).balance_minor) == (112_400, 116_400)
    assert CreditNote.get().free_minor == 6_000


def test_above_the_limit_the_form_asks_for_approval(world: World, sam: Client) -> None:
    Seller.update(approval_over_minor=10_000).execute()
    invoice = world.issued()
    assert "Ask for approval" in words(sam.get(f"/admin/invoices/{invoice.id}/credit"))
    reply = sam.post(f"/admin/invoices/{invoice.id}/credit", data=filled())
    page = words(sam.get(reply.location))
    assert "The credit note waits for a second person" in page
    assert "Waits for approval" in page
    assert "Nobody has decided yet" in page
    assert "waits for a second person" in words(sam.get(f"/admin/invoices/{invoice.id}"))


def test_the_list_finds_by_number_and_by_customer(world: World, sam: Client) -> None:
    assert "No credit notes yet" in words(sam.get("/admin/credit-notes"))
    credited(world)
    credited(world, keep=True)
    page = words(sam.get("/admin/credit-notes"))
    assert "CN-2026-0002 Acme INV-2026-0002 Goodwill" in page
    assert "£240.00 left" in page
    assert "CN-2026-0001" in words(sam.get("/admin/credit-notes?q=CN-2026-0001", hx=True))
    assert "2 credit notes" in words(sam.get("/admin/credit-notes?q=acme"))
    assert "No credit notes match “Zed”" in words(sam.get("/admin/credit-notes?q=Zed"))


def test_the_list_asks_as_often_however_long_it_is_and_leads_on_by_key(world: World, sam: Client) -> None:
    credited(world, 100)
    few = statements(sam, "/admin/credit-notes")
    for _ in range(51):
        credited(world, 100)
    assert statements(sam, "/admin/credit-notes") == few <= 4
    page = sam.get("/admin/credit-notes")
    assert "50 credit notes on this page" in words(page)
    rest = sam.get(page.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&"))
    assert "2 credit notes on this page" in words(rest)


def test_what_is_left_is_applied_and_taken_back(world: World, sam: Client) -> None:
    note, invoice = credited(world, keep=True), world.issued()
    path = f"/admin/credit-notes/{note.id}"
    assert "£240.00 can be used" in words(sam.get(path))
    sent = {"form_id": fresh_form_id(), "invoice_id": invoice.id, "amount": "100"}
    assert sam.post(f"{path}/apply", data=sent).status_code == 303
    assert (again(invoice).balance_minor, CreditNote.get().free_minor) == (106_400, 14_000)
    back = {"form_id": fresh_form_id(), "invoice_id": invoice.id, "amount": "60", "reason": "Wrong one"}
    assert sam.post(f"{path}/take-back", data=back).status_code == 303
    assert (again(invoice).balance_minor, CreditNote.get().free_minor) == (112_400, 20_000)


def test_a_move_that_cannot_be_is_refused_in_its_form(world: World, sam: Client) -> None:
    note, invoice = credited(world, keep=True), world.issued()
    path = f"/admin/credit-notes/{note.id}"
    for action, fields, status, said in (
        ("apply", {"amount": "500"}, 409, "Only £240.00 is left of credit note CN-2026-0001"),
        ("apply", {"amount": "x"}, 422, "Enter an amount"),
        ("take-back", {"amount": "1", "reason": "Wrong"}, 409, "Only £0.00 of credit note"),
        ("take-back", {"amount": "1", "reason": ""}, 422, "Say why"),
    ):
        sent = {"form_id": fresh_form_id(), "invoice_id": invoice.id} | fields
        reply = sam.post(f"{path}/{action}", data=sent, hx=True)
        assert (reply.status_code, said in words(reply)) == (status, True), words(reply)
        assert reply.text.lstrip().startswith('<div class="stack" id="uses"')


def test_a_refused_take_back_shows_its_form_as_it_was_typed(world: World, sam: Client) -> None:
    note, applied = credited(world), "Take back from an invoice"
    path = f"/admin/credit-notes/{note.id}"
    page = sam.get(path)
    assert (applied in words(page), '<details class="card" open>' in page.text) == (True, False)
    sent = {"form_id": fresh_form_id(), "invoice_id": note.invoice_id, "amount": "500", "reason": "Wrong one"}
    reply = sam.post(f"{path}/take-back", data=sent, hx=True)
    assert (reply.status_code, "Only £240.00" in words(reply)) == (409, True)
    assert (value_of(reply, "amount"), value_of(reply, "reason")) == ("500", "Wrong one")
    assert '<details class="card" open>' in reply.text


def test_the_pdf_comes_from_store_once_it_is_drawn(world: World, sam: Client) -> None:
    note = credited(world)
    reply = sam.get(f"/admin/credit-notes/{note.id}.pdf")
    assert reply.status_code == 503
    assert "The PDF is being prepared" in words(reply)
    assert f'href="/admin/credit-notes/{note.id}"' in reply.text


def test_what_cannot_be_credited_says_so(world: World, sam: Client) -> None:
    draft, done = world.draft(), world.issued()
    sam.post(f"/admin/invoices/{done.id}/credit", data=filled())
    for invoice, said in ((draft, "A draft is edited, not credited."), (done, "Nothing is left to credit")):
        reply = sam.post(f"/admin/invoices/{invoice.id}/credit", data=filled())
        assert (reply.status_code, said in words(reply)) == (409, True)


def test_a_viewer_looks_and_is_offered_nothing(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    note = credited(world, keep=True)
    vic = sign_in_as(world.vic)
    page = words(vic.get(f"/admin/credit-notes/{note.id}"))
    assert "CN-2026-0001" in page
    assert "Apply to an invoice" not in page
    assert vic.post(f"/admin/invoices/{note.invoice_id}/credit", data=filled()).status_code == 403


def test_an_invoice_credited_in_part_shows_it_in_its_totals(world: World, sam: Client) -> None:
    note = credited(world)
    page = words(sam.get(f"/admin/invoices/{note.invoice_id}"))
    assert "Credited CN-2026-0001 −£240.00" in page
    assert "Left to pay £924.00" in page
    assert invoices.status_of(again(note.invoice), TODAY) == "partially_paid"


def test_what_is_written_off_offers_its_reversal_and_no_credit(world: World, sam: Client) -> None:
    invoice = world.issued()
    write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    for path in (f"/admin/invoices/{invoice.id}", f"/admin/invoices/{invoice.id}/void"):
        page = sam.get(path)
        assert f'href="/admin/invoices/{invoice.id}/credit"' not in page.text
        assert f'href="/admin/invoices/{invoice.id}/write-off/reverse"' in page.text
    refused = sam.get(f"/admin/invoices/{invoice.id}/credit")
    assert (refused.status_code, "Reverse the write-off first" in words(refused)) == (409, True)
