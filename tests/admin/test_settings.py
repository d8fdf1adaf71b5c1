"""Settings: the first thing a fresh installation asks for, and who bills from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import seller, sessions
from billing.tables import User
from tests.admin.typed import chosen_in, value_of, words
from tests.web_fixtures import fresh_form_id
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.actors import Actor
    from tests.web_fixtures import Client
    from tests.world import World

PATH = "/admin/settings"


@pytest.fixture
def sam(world: World, sign_in_as: Callable[[Actor], Client]) -> Client:
    """Sam's browser."""
    return sign_in_as(world.sam)


def typed(**more: str) -> dict[str, str]:
    """The settings' form as it is sent."""
    return {
        "form_id": fresh_form_id(),
        "version": "1",
        "name": "Alder & Finch",
        "legal_name": "Alder & Finch Ltd",
        "address": "Unit 4\r\nBristol BS1 6QF",
        "country": "gb",
        "email": "billing@alderfinch.example",
        "currency": "GBP",
        "time_zone": "Europe/London",
        "locale": "en_GB",
        "number_prefix": "af",
        "terms_days": "21",
        "rounding_rule": "per_line",
        "bank": "Sort code: 20-45-77\r\nIBAN: GB33BUKB20201555555555",
    } | more


@pytest.fixture
def fresh(client: Client) -> Callable[[str], Client]:
    """A browser signed in on an installation that nobody has set up, by role."""

    def signed_in(role: str) -> Client:
        user = User.create(email=f"{role}@fresh.example", name="First", role=role, created_at=AT)
        client.carry("admin", sessions.start(user, "admin", at=AT))
        return client

    return signed_in


def test_a_fresh_installation_leads_an_admin_to_the_settings(fresh: Callable[[str], Client]) -> None:
    browser = fresh("admin")
    for path in ("/admin/invoices", "/admin/invoices/new", "/admin/customers/new"):
        reply = browser.get(path)
        assert (reply.status_code, reply.location) == (303, PATH)
    page = browser.get(PATH)
    assert "Enter your business details in Settings first." in words(page)
    assert (value_of(page, "version"), value_of(page, "number_prefix")) == ("0", "INV")


def test_a_fresh_installation_asks_a_viewer_to_ask_an_admin(fresh: Callable[[str], Client]) -> None:
    page = fresh("viewer").get(PATH)
    assert page.status_code == 200
    assert "Nobody has said who bills here" in words(page)
    assert "<form class=" not in page.text.partition("<main")[2]


def test_the_first_settings_set_the_seller_up(fresh: Callable[[str], Client]) -> None:
    browser = fresh("admin")
    reply = browser.post(PATH, data=typed(version="0"))
    assert (reply.status_code, reply.location) == (303, PATH)
    found = seller.get()
    assert (found.country, found.number_prefix, found.terms_days) == ("GB", "AF", 21)
    assert found.address == ["Unit 4", "Bristol BS1 6QF"]
    assert found.bank == [["Sort code", "20-45-77"], ["IBAN", "GB33BUKB20201555555555"]]
    assert "No invoices yet" in words(browser.get("/admin/invoices"))


def test_the_settings_are_shown_as_a_person_would_type_them(sam: Client) -> None:
    page = sam.get(PATH)
    assert value_of(page, "bank").splitlines() == ["Sort code: 20-45-77", "Account: 6317 0942"]
    assert value_of(page, "address").splitlines()[0] == "Unit 4, The Old Brewery"
    assert (chosen_in(page, "currency"), chosen_in(page, "rounding_rule")) == ("GBP", "per_tax_group")


def test_what_cannot_be_is_told_beside_its_field_and_everything_typed_comes_back(sam: Client) -> None:
    for field, text, said in (
        ("name", " ", "Enter your trading name"),
        ("address", "", "Enter your address"),
        ("country", "Britain", "Enter a two-letter country code"),
        ("email", "billing", "Enter an email address"),
        ("currency", "", "Choose a currency"),
        ("time_zone", "London", "Enter a time zone, like Europe/London"),
        ("number_prefix", "A-1", "Enter 1 to 12 letters or digits"),
        ("terms_days", "soon", "Enter a number of days from 0 to 365"),
        ("bank", "20-45-77", "Write each row as name: value"),
        ("bank", "IBAN: GB33BUKB20201555555556", "Check the IBAN: GB33BUKB20201555555556 is not one"),
        ("bank", "BIC: BUKB", "Check the BIC: BUKB is not one"),
        ("bank", "UPI ID: finch", "Check the UPI ID: finch is not one"),
    ):
        reply = sam.post(PATH, data=typed() | {field: text}, hx=True)
        assert reply.status_code == 422, field
        assert words(reply).count(said) >= 2, words(reply)
        if field != "currency":
            assert value_of(reply, field).strip() == text.strip()
        assert "<title>Error: Settings" in reply.text
    assert seller.get().version == 1


def test_settings_that_changed_meanwhile_are_not_overwritten_by_accident(sam: Client) -> None:
    sam.post(PATH, data=typed(phone="1"))
    reply = sam.post(PATH, data=typed(phone="2"), hx=True)
    assert reply.status_code == 409
    assert "Somebody changed these settings meanwhile" in words(reply)
    assert (value_of(reply, "phone"), value_of(reply, "version"), seller.get().phone) == ("2", "2", "1")


def test_an_issued_invoice_keeps_what_the_settings_said(world: World, sam: Client) -> None:
    issued = world.issued()
    sam.post(PATH, data=typed(legal_name="New Name Ltd"))
    page = words(sam.get(f"/admin/invoices/{issued.id}"))
    assert "From Alder & Finch Ltd Unit 4, The Old Brewery" in page
    assert "New Name Ltd" not in page


def test_a_viewer_sees_the_settings_and_changes_nothing(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    vic = sign_in_as(world.vic)
    page = vic.get(PATH)
    assert "Sort code: 20-45-77" in words(page)
    assert 'name="legal_name"' not in page.text
    assert vic.post(PATH, data=typed()).status_code == 403
    assert seller.get().version == 1
