"""The editor: what is typed is read, worked out and saved, or comes back whole with the words of a refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product
from typing import TYPE_CHECKING

import pytest

from admin import draft_form, tax_choices
from billing import invoices, seller
from billing.tables import AuditRow, Invoice
from tests.admin.typed import chosen_in, draft, line, value_of, words
from tests.world import AT, SELLER, content
from tests.world import line as world_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.actors import Actor
    from tests.web_fixtures import Client
    from tests.world import World

NEW = "/admin/invoices/new"
# What is typed where, and the words for it.
WRONG = (
    ("lines-0-unit_price", "a lot", "Enter a number, like 12 or 12.5"),
    ("lines-0-unit_price", "1923,48", "1923,48 can be read in two ways"),
    ("lines-0-unit_price", "-5", "Enter a price of 0 or more"),
    ("lines-0-quantity", "two", "Enter a number, like 12 or 12.5"),
    ("lines-0-discount", "120%", "Enter a number from 0 to 100"),
    ("lines-0-discount", "10.0055", "Enter at most 2 decimals"),
    ("lines-0-description", "  ", "Say what this line is for"),
    ("lines-0-tax", "S:", "Enter a number, like 12 or 12.5"),
    ("lines-0-tax", "AE:0", "Enter the reason for reverse charge"),
    ("lines-0-tax", "nonsense", "Choose a tax category from the list"),
    ("discount", "ten", "Enter an amount, like 250 or 250.00"),
    ("terms_days", "a month", "Enter a number of days from 0 to 365"),
    ("terms_days", "400", "Enter a number of days from 0 to 365"),
    ("issue_on", "tomorrow", "Enter a date, like 2026-11-22"),
    ("due_on", "2026-13-01", "Enter a date, like 2026-11-22"),
    ("subject", "x" * 201, "Use 200 characters at most"),
    ("customer_id", "", "Choose a customer"),
)


@pytest.fixture
def sam(world: World, sign_in_as: Callable[[Actor], Client]) -> Client:
    """Sam's browser."""
    return sign_in_as(world.sam)


def test_a_new_invoice_begins_with_one_line_at_the_usual_rate(world: World, sam: Client) -> None:
    page = sam.get(f"{NEW}?customer={world.globex.id}")
    assert chosen_in(page, "customer_id") == str(world.globex.id)
    assert chosen_in(page, "lines-0-tax") == "S:200000"
    assert "gina@globex.example" in words(page)


def test_a_draft_is_written_as_it_was_typed(world: World, sam: Client) -> None:
    sent = draft(
        world.acme,
        line(unit_price="£1,485.50", discount="10%", detail="Harbour Street\r\nDock Road", unit="months"),
        line(1, description="Books", quantity="3", unit_price="12.5", tax="Z:0"),
        line(2, description="Course", quantity="1", unit_price="100", tax="E:0", reason="Exempt: education"),
        discount="50.00",
        terms_days="14",
        due_on="2026-12-24",
        po="88213",
        notes="Thank you.",
    )
    reply = sam.post(NEW, data=sent)
    written = Invoice.select().get()
    assert (reply.status_code, reply.location) == (303, f"/admin/invoices/{written.id}")
    assert (written.terms_days, written.due_on, written.po) == (14, date(2026, 12, 24), "88213")
    assert (written.discount_kind, written.discount_value, written.discount_minor) == ("fixed", 5_000, 5_000)
    lease, books, course = invoices.lines(written.id)
    assert (lease.unit_price, lease.discount_kind, lease.discount_value, lease.net_minor) == (
        "1485.50", "percent", 100_000, 267_390,
    )  # fmt: skip
    assert (lease.detail, lease.unit) == ("Harbour Street\nDock Road", "months")
    assert (books.tax_category, books.net_minor) == ("Z", 3_750)
    assert (course.tax_category, course.tax_reason) == ("E", "Exempt: education")
    assert written.created_by_id == world.sam.user_id


def test_review_is_one_click_from_the_editor(world: World, sam: Client) -> None:
    reply = sam.post(NEW, data=draft(world.acme, then="review"), hx=True)
    written = Invoice.select().get()
    assert (reply.status_code, reply.headers["HX-Redirect"]) == (200, f"/admin/invoices/{written.id}/issue")


def test_sending_the_form_twice_writes_one_draft(world: World, sam: Client) -> None:
    sent = draft(world.acme)
    first, second = sam.post(NEW, data=sent), sam.post(NEW, data=sent)
    assert first.location == second.location
    assert Invoice.select().count() == 1


def test_lines_left_blank_say_nothing(world: World, sam: Client) -> None:
    blank = line(0, description="", quantity="1", unit_price="")
    sam.post(NEW, data=draft(world.acme, blank, line(5)))
    assert [found.description for found in invoices.lines(Invoice.select().get().id)] == ["Espresso machine lease"]


def test_what_cannot_be_is_told_beside_its_field_and_everything_typed_comes_back(world: World, sam: Client) -> None:
    for (field, typed, said), hx in product(WRONG, (False, True)):
        sent = draft(world.acme, line(detail="Harbour Street"), notes="Keep <this> & that") | {field: typed}
        reply = sam.post(NEW, data=sent, hx=hx)
        assert reply.status_code == 422, (field, typed)
        assert words(reply).count(said) >= 2, f"once in the summary, once beside {field}"
        assert value_of(reply, "notes") == "Keep <this> & that"
        assert value_of(reply, "lines-0-detail") == "Harbour Street"
        if not field.endswith(("tax", "customer_id")):
            assert value_of(reply, field) == typed
    assert Invoice.select().count() == 0


def test_several_problems_are_told_at_once(world: World, sam: Client) -> None:
    reply = sam.post(NEW, data=draft(world.acme, line(unit_price="x", description=""), terms_days="x"), hx=True)
    for said in ("Enter a number, like 12", "Say what this line is for", "Enter a number of days"):
        assert said in words(reply)
    assert reply.text.lstrip().startswith("<form")
    assert "<title>Error: New invoice" in reply.text


def test_a_refused_form_may_be_corrected_and_sent_again(world: World, sam: Client) -> None:
    sent = draft(world.acme, line(unit_price="x"))
    refused = sam.post(NEW, data=sent)
    assert value_of(refused, "form_id") == sent["form_id"]
    assert sam.post(NEW, data=sent | {"lines-0-unit_price": "5"}).status_code == 303


def test_a_stored_draft_is_shown_as_a_person_would_type_it(world: World, sam: Client) -> None:
    ten = invoices.DiscountContent(kind="percent", value=100_000)
    half = invoices.DiscountContent(kind="fixed", value=50)
    lease = world_line("Lease", "2.5", "1485.5", discount=ten)
    ink = world_line("Ink", "8", "0.125", 50_000, discount=half)
    kept = invoices.draft(world.acme.id, content(lease, ink), by=world.sam, at=AT)
    page = sam.get(f"/admin/invoices/{kept.id}/edit")
    shown = [value_of(page, f"lines-0-{name}") for name in ("quantity", "unit_price", "discount")]
    assert shown == ["2.5", "1,485.50", "10%"]
    assert value_of(page, "lines-1-discount") == "0.50"
    assert value_of(page, "lines-1-unit_price") == "0.125"
    assert chosen_in(page, "lines-1-tax") == "S:50000"
    before = [(row.quantity, row.unit_price, row.net_minor) for row in invoices.lines(kept.id)]
    sent = draft(None, version="1", **{name: value_of(page, name) for name in ("subject", "po")})
    for number in (0, 1):
        sent |= {
            f"lines-{number}-{name}": value_of(page, f"lines-{number}-{name}")
            for name in ("description", "quantity", "unit_price", "discount")
        }
        sent[f"lines-{number}-tax"] = chosen_in(page, f"lines-{number}-tax")
    assert sam.post(f"/admin/invoices/{kept.id}/edit", data=sent).status_code == 303
    after = [(row.quantity, row.unit_price, row.net_minor) for row in invoices.lines(kept.id)]
    assert [row[2] for row in after] == [row[2] for row in before]


def test_an_edit_replaces_what_the_draft_says(world: World, sam: Client) -> None:
    kept = world.draft()
    sent = draft(None, line(quantity="3"), version="1", subject="November services")
    reply = sam.post(f"/admin/invoices/{kept.id}/edit", data=sent)
    edited = invoices.get(kept.id)
    assert reply.location == f"/admin/invoices/{kept.id}"
    assert (edited.subject, edited.net_minor, edited.version) == ("November services", 145_500, 2)


def test_a_draft_that_changed_meanwhile_is_not_overwritten_by_accident(world: World, sam: Client) -> None:
    kept = world.draft()
    invoices.edit(kept.id, content(subject="Saved by Ada"), version=1, by=world.ada, at=AT)
    sent = draft(None, version="1", subject="Typed by Sam")
    reply = sam.post(f"/admin/invoices/{kept.id}/edit", data=sent, hx=True)
    assert reply.status_code == 409
    assert "Somebody changed this draft while the page was open" in words(reply)
    assert value_of(reply, "subject") == "Typed by Sam"
    assert invoices.get(kept.id).subject == "Saved by Ada"
    assert value_of(reply, "version") == "2"
    again = sam.post(f"/admin/invoices/{kept.id}/edit", data=sent | {"version": "2"})
    assert (again.status_code, invoices.get(kept.id).subject) == (303, "Typed by Sam")


def test_a_mistake_in_a_stale_form_does_not_hide_that_it_is_stale(world: World, sam: Client) -> None:
    kept = world.draft()
    invoices.edit(kept.id, content(subject="Saved by Ada"), version=1, by=world.ada, at=AT)
    reply = sam.post(f"/admin/invoices/{kept.id}/edit", data=draft(None, line(unit_price="x"), version="1"))
    assert (reply.status_code, value_of(reply, "version")) == (422, "1")


def test_a_version_that_nobody_was_given_is_a_stale_one(world: World, sam: Client) -> None:
    kept = world.draft()
    for version in ("", "x", "-1", "99999999999"):
        assert sam.post(f"/admin/invoices/{kept.id}/edit", data=draft(None, version=version)).status_code == 409


def test_an_issued_invoice_cannot_be_edited(world: World, sam: Client) -> None:
    issued = world.issued()
    for reply in (
        sam.get(f"/admin/invoices/{issued.id}/edit"),
        sam.post(f"/admin/invoices/{issued.id}/edit", data=draft(None, version="2")),
    ):
        assert reply.status_code == 409
        assert "is issued and cannot change" in words(reply)


def test_totals_are_worked_out_while_somebody_types_and_nothing_is_saved(world: World, sam: Client) -> None:
    sent = draft(
        world.acme, line(), line(1, description="", unit_price="10.005", tax="Z:0", quantity="1"), discount="10%"
    )
    reply = sam.post("/admin/invoices/totals", data=sent, hx=True)
    assert "Subtotal £980.01 Discount −£98.00 Net total £882.01" in words(reply)
    assert "Total £1,056.61" in words(reply)
    assert '<hx-partial hx-target="#lines-1-sum"' in reply.text
    assert Invoice.select().count() == 0


def test_totals_that_cannot_be_worked_out_say_why(world: World, sam: Client) -> None:
    reply = sam.post("/admin/invoices/totals", data=draft(world.acme, line(unit_price="1.923,4")), hx=True)
    assert reply.status_code == 200
    assert "The total appears once every line can be read" in words(reply)
    assert 'href="#lines-0-unit_price"' in reply.text


def test_totals_follow_the_customers_currency_before_and_after_a_draft_is_kept(world: World, sam: Client) -> None:
    world.acme.currency = "JPY"
    world.acme.save()
    sent = draft(world.acme, line(unit_price="485"))
    assert "Total JP¥1,164" in words(sam.post("/admin/invoices/totals", data=sent, hx=True))
    kept = invoices.draft(world.acme.id, content(), by=world.sam, at=AT)
    del sent["customer_id"]
    kept_reply = sam.post("/admin/invoices/totals", data=sent | {"invoice_id": str(kept.id)}, hx=True)
    assert "Total JP¥1,164" in words(kept_reply)


def test_a_line_is_added_and_removed_with_and_without_htmx(world: World, sam: Client) -> None:
    sent = draft(world.acme, line(), line(1, description="Books", unit_price="oops"))
    for hx in (False, True):
        added = sam.post("/admin/invoices/lines", data=sent | {"add": "1"}, hx=hx)
        assert added.status_code == 200
        assert value_of(added, "lines-1-unit_price") == "oops"
        assert value_of(added, "lines-2-quantity") == "1"
        removed = sam.post("/admin/invoices/lines", data=sent | {"remove": "0"}, hx=hx)
        assert value_of(removed, "lines-0-description") == "Books"
        assert "lines-1-description" not in removed.text
    assert "<!doctype html>" in sam.post("/admin/invoices/lines", data=sent | {"add": "1"}).text


def test_the_last_line_leaves_an_empty_one_behind(world: World, sam: Client) -> None:
    reply = sam.post("/admin/invoices/lines", data=draft(world.acme) | {"remove": "0"}, hx=True)
    assert value_of(reply, "lines-0-description") == ""


def test_removing_a_line_that_is_not_there_removes_none(world: World, sam: Client) -> None:
    for removed in ("", "x", "7", "-1"):
        reply = sam.post("/admin/invoices/lines", data=draft(world.acme) | {"remove": removed}, hx=True)
        assert value_of(reply, "lines-0-description") == "Espresso machine lease"


def test_a_tax_that_needs_a_reason_or_a_rate_asks_for_it(world: World, sam: Client) -> None:
    plain = sam.post("/admin/invoices/lines", data=draft(world.acme), hx=True)
    assert "Reason for no VAT" not in words(plain)
    exempt = sam.post("/admin/invoices/lines", data=draft(world.acme, line(tax="AE:0")), hx=True)
    assert "Reason for no VAT" in words(exempt)
    other = sam.post("/admin/invoices/lines", data=draft(world.acme, line(tax="S:", rate="12.5")), hx=True)
    assert value_of(other, "lines-0-rate") == "12.5"


def test_any_rate_may_be_typed_and_is_offered_from_then_on(world: World, sam: Client) -> None:
    sam.post(NEW, data=draft(world.acme, line(tax="S:", rate="12.5%")))
    kept = Invoice.select().get()
    assert [group.rate_ppm for group in invoices.taxes(kept.id)] == [125_000]
    page = sam.get(f"/admin/invoices/{kept.id}/edit")
    assert chosen_in(page, "lines-0-tax") == "S:125000"
    assert "12.5%" in words(page)


def test_a_seller_whose_rates_are_not_known_types_them() -> None:
    assert tax_choices.usual("DE") == draft_form.OTHER_RATE
    offered = tax_choices.choices("DE", chosen=["S:190000", "S:x", "Z:0"], locale="de_DE")
    assert next(words_ for _, words_ in offered) == "19\u00a0%"
    assert offered[-1][0] == draft_form.OTHER_RATE


def test_numbers_are_read_by_the_sellers_locale(world: World, sam: Client) -> None:
    seller.save(replace(SELLER, locale="de_DE"), version=1, by=world.sam, at=AT)
    sam.post(NEW, data=draft(world.acme, line(unit_price="1.485,50", quantity="2,5")))
    assert Invoice.select().get().net_minor == 371_375


def test_a_draft_is_removed_under_a_version_check(world: World, sam: Client) -> None:
    kept = world.draft()
    form = {"form_id": draft()["form_id"], "version": "1"}
    invoices.edit(kept.id, content(), version=1, by=world.ada, at=AT)
    stale = sam.post(f"/admin/invoices/{kept.id}/delete", data=form)
    assert (stale.status_code, Invoice.select().count()) == (409, 1)
    reply = sam.post(f"/admin/invoices/{kept.id}/delete", data=form | {"version": "2"})
    assert (reply.status_code, reply.location) == (303, "/admin/invoices?tab=draft")
    assert Invoice.select().count() == 0
    assert AuditRow.select().where(AuditRow.action == "invoice.removed").count() == 1


def test_an_issued_invoice_cannot_be_removed(world: World, sam: Client) -> None:
    issued = world.issued()
    form = {"form_id": draft()["form_id"], "version": str(issued.version)}
    assert sam.post(f"/admin/invoices/{issued.id}/delete", data=form).status_code == 409
    assert Invoice.select().count() == 1


def test_only_an_admin_writes(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    browser, kept = sign_in_as(world.vic), world.draft()
    for path in (NEW, f"/admin/invoices/{kept.id}/edit"):
        assert browser.get(path).status_code == 403
    for path in (NEW, f"/admin/invoices/{kept.id}/edit", f"/admin/invoices/{kept.id}/delete", "/admin/invoices/totals"):
        assert browser.post(path, data=draft(world.acme, version="1")).status_code == 403
    assert invoices.get(kept.id).version == 1


def test_a_form_without_its_token_or_id_is_refused(world: World, sam: Client) -> None:
    sent = draft(world.acme)
    assert sam.post(NEW, data=sent, csrf=False).status_code == 400
    del sent["form_id"]
    assert sam.post(NEW, data=sent).status_code == 400
    assert Invoice.select().count() == 0
