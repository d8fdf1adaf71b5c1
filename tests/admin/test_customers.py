"""Customers: found by name, added and changed with their contacts, shown with what they owe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import customers, invoices
from billing.db import transaction
from billing.tables import Contact, Customer
from tests.admin.arranged import statements
from tests.admin.typed import chosen_in, value_of, words
from tests.web_fixtures import fresh_form_id
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.actors import Actor
    from tests.web_fixtures import Client
    from tests.world import World

NEW = "/admin/customers/new"


@pytest.fixture
def sam(world: World, sign_in_as: Callable[[Actor], Client]) -> Client:
    """Sam's browser."""
    return sign_in_as(world.sam)


def typed(**more: str) -> dict[str, str]:
    """The customer's form as it is sent."""
    return {
        "form_id": fresh_form_id(),
        "version": "0",
        "name": "Brightwater Cafés",
        "legal_name": "Brightwater Cafés Ltd",
        "address": "12 Harbour Street\r\n\r\nFalmouth TR11 3XA",
        "country": "gb",
        "currency": "GBP",
        "locale": "en_GB",
        "terms_days": "14",
        "contacts-0-name": "Bea",
        "contacts-0-email": "Bea@brightwater.example",
        "contacts-0-receives_invoices": "1",
    } | {name.replace("__", "-"): value for name, value in more.items()}


def test_the_list_shows_each_customer_with_what_it_owes(world: World, sam: Client) -> None:
    world.issued()
    page = words(sam.get("/admin/customers"))
    assert "Acme Acme Ltd 30 days £1,164.00" in page
    assert "Globex Globex Ltd 30 days Nothing" in page


def test_a_search_finds_by_part_of_the_name_and_says_when_nothing_was_found(sam: Client) -> None:
    found = sam.get("/admin/customers?q=LOB", hx=True)
    assert "Globex" in words(found)
    assert "Acme" not in words(found)
    assert "No customers match “<i>”" in words(sam.get("/admin/customers?q=<i>"))


def test_a_long_list_leads_on_by_key(world: World, sam: Client) -> None:
    add_customers(world, 60)
    first = sam.get("/admin/customers")
    onward = next(part for part in first.text.split('"') if part.startswith("/admin/customers?after="))
    second = words(sam.get(onward.replace("&amp;", "&")))
    assert "Globex" in second
    assert "Back to the first page" in second
    assert "Acme Acme Ltd" not in second


def test_a_key_that_makes_no_sense_reads_as_the_first_page(sam: Client) -> None:
    for after in ("x", "|", "x|y", "x|" + "9" * 30, "|1|"):
        assert "Acme Ltd" in words(sam.get("/admin/customers", query_string={"after": after}))


def add_customers(world: World, count: int) -> None:
    with transaction():
        for number in range(count):
            details = customers.CustomerDetails(
                name=f"Bakery {number:03}",
                legal_name=f"Bakery {number}",
                address=("1 Mill Lane",),
                country="GB",
                currency="GBP",
            )
            customers.create(details, by=world.sam, at=AT)


def test_the_list_asks_the_database_five_times_however_long_it_is(world: World, sam: Client) -> None:
    few = statements(sam, "/admin/customers")
    add_customers(world, 40)
    assert few == statements(sam, "/admin/customers") <= 5


def test_a_customer_is_added_with_its_contacts(world: World, sam: Client) -> None:
    sent = typed(contacts__1__name="", contacts__1__email="ben@brightwater.example", contacts__2__name="")
    reply = sam.post(NEW, data=sent)
    added = Customer.get(Customer.name == "Brightwater Cafés")
    assert reply.location == f"/admin/customers/{added.id}"
    assert (added.address, added.country, added.terms_days) == (["12 Harbour Street", "Falmouth TR11 3XA"], "GB", 14)
    assert [(row.name, row.email, row.receives_invoices) for row in customers.contacts(added.id)] == [
        ("Bea", "bea@brightwater.example", True),
        ("ben", "ben@brightwater.example", False),
    ]
    assert "Brightwater Cafés is added" in words(sam.get(reply.location))


def test_a_new_customer_begins_with_the_sellers_own_ways(sam: Client) -> None:
    page = sam.get(NEW)
    assert (value_of(page, "country"), value_of(page, "terms_days")) == ("GB", "30")
    assert (chosen_in(page, "currency"), chosen_in(page, "locale")) == ("GBP", "en_GB")


def test_sending_the_form_twice_adds_one(sam: Client) -> None:
    sent = typed()
    assert sam.post(NEW, data=sent).location == sam.post(NEW, data=sent).location
    assert Customer.select().count() == 3


def test_what_cannot_be_is_told_beside_its_field_and_everything_typed_comes_back(sam: Client) -> None:
    for field, text, said in (
        ("name", "", "Enter the customer's name"),
        ("country", "UK1", "Enter a two-letter country code"),
        ("currency", "XXX", "Choose a currency"),
        ("terms_days", "soon", "Enter a number of days from 0 to 365"),
        ("contacts-0-email", "bea", "Enter an email address"),
    ):
        reply = sam.post(NEW, data=typed() | {field: text}, hx=True)
        assert reply.status_code == 422, field
        assert words(reply).count(said) == 2, words(reply)
        assert value_of(reply, "address").startswith("12 Harbour Street")
        assert value_of(reply, "contacts-0-name") == "Bea"
        assert "<title>Error: New customer" in reply.text
    assert Customer.select().count() == 2


def test_a_contact_row_is_added_with_and_without_htmx_and_nothing_is_saved(sam: Client) -> None:
    for hx in (False, True):
        reply = sam.post(NEW, data=typed(add="1", name="Half typed"), hx=hx)
        assert reply.status_code == 200
        assert value_of(reply, "name") == "Half typed"
        assert value_of(reply, "contacts-1-email") == ""
    assert Customer.select().count() == 2


def test_an_edit_changes_the_customer_and_leaves_out_who_was_taken_away(world: World, sam: Client) -> None:
    path = f"/admin/customers/{world.acme.id}/edit"
    shown = sam.get(path)
    assert value_of(shown, "contacts-1-email") == "bob@acme.example"
    sent = typed(version="1", contacts__0__email="alice@acme.example", tax_id="GB 123 4567 89")
    assert sam.post(path, data=sent).location == f"/admin/customers/{world.acme.id}"
    changed = customers.get(world.acme.id)
    assert (changed.name, changed.tax_id, changed.version) == ("Brightwater Cafés", "GB 123 4567 89", 2)
    assert [contact.email for contact in customers.recipients(world.acme.id)] == ["alice@acme.example"]
    assert Contact.select().where(Contact.customer == world.acme.id).count() == 2


def test_a_customer_that_changed_meanwhile_is_not_overwritten_by_accident(world: World, sam: Client) -> None:
    path = f"/admin/customers/{world.acme.id}/edit"
    sam.post(path, data=typed(version="1", name="Saved by Ada"))
    reply = sam.post(path, data=typed(version="1", name="Typed by Sam"), hx=True)
    assert reply.status_code == 409
    assert "Somebody changed this customer meanwhile" in words(reply)
    assert (value_of(reply, "name"), value_of(reply, "version")) == ("Typed by Sam", "2")
    assert customers.get(world.acme.id).name == "Saved by Ada"


def test_a_currency_with_invoices_stays(world: World, sam: Client) -> None:
    world.draft()
    reply = sam.post(f"/admin/customers/{world.acme.id}/edit", data=typed(version="1", currency="EUR"), hx=True)
    assert reply.status_code == 409
    assert words(reply).count("so its currency stays") == 2
    assert value_of(reply, "version") == "1"


def test_the_page_shows_what_is_owed_who_gets_mail_and_the_invoices(world: World, sam: Client) -> None:
    issued, foreign = world.issued(), world.issued(world.globex)
    page = words(sam.get(f"/admin/customers/{world.acme.id}"))
    assert "Owes now £1,164 .00" in page
    assert "Alice alice@acme.example Receives invoices" in page
    assert str(issued.number) in page
    assert str(foreign.number) not in page
    assert invoices.get(issued.id).customer_id == world.acme.id


def test_a_customer_nobody_of_whom_gets_mail_is_pointed_out(world: World, sam: Client) -> None:
    Contact.update(receives_invoices=False).where(Contact.customer == world.acme.id).execute()
    page = words(sam.get(f"/admin/customers/{world.acme.id}"))
    assert "Nobody receives invoices, so none can be issued" in page
    assert "No invoices yet" in page


def test_a_viewer_sees_all_and_changes_nothing(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    vic = sign_in_as(world.vic)
    for path in ("/admin/customers", f"/admin/customers/{world.acme.id}"):
        page = vic.get(path)
        assert page.status_code == 200
        assert '/edit"' not in page.text
        assert '/new"' not in page.text
    assert vic.post(NEW, data=typed()).status_code == 403
    assert vic.post(f"/admin/customers/{world.acme.id}/edit", data=typed(version="1")).status_code == 403
    assert customers.get(world.acme.id).version == 1


def test_a_customer_can_be_left_out_of_late_fees_and_back_in(world: World, sam: Client) -> None:
    assert world.acme.late_fees
    sam.post(NEW, data=typed(no_late_fees="1"))
    left_out = Customer.get(Customer.name == "Brightwater Cafés")
    assert not left_out.late_fees
    assert "Late fees Never charged" in words(sam.get(f"/admin/customers/{left_out.id}"))
    page = sam.get(f"/admin/customers/{left_out.id}/edit")
    assert 'name="no_late_fees" value="1" checked' in page.text
    sam.post(f"/admin/customers/{left_out.id}/edit", data=typed(version=value_of(page, "version")))
    assert Customer.get_by_id(left_out.id).late_fees
