"""Settings: the first thing a fresh installation asks for, and who bills from then on."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from billing import fee_rules, seller, sessions
from billing.tables import User
from tests.admin.typed import chosen_in, value_of, words
from tests.web_fixtures import fresh_form_id
from tests.world import AT, TODAY

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


# Payments and fees

PAYMENTS = "/admin/settings/payments"


def typed_policy(**more: str) -> dict[str, str]:
    """The form of payments and fees as it is sent."""
    return {
        "form_id": fresh_form_id(),
        "version": "1",
        "least_part": "25.00",
        "early_rate": "2%",
        "early_days": "10",
        "late_fee": "interest",
        "late_fee_yearly": "8",
        "late_fee_grace": "7",
        "late_fee_cap_rate": "10",
        "late_fee_since": "2026-11-22",
        "approval_over": "500",
        "methods": "PayPal\r\nPostal order\r\n",
        "credit_prefix": "cr",
    } | more


def test_payments_and_fees_are_kept_as_they_were_typed(sam: Client) -> None:
    reply = sam.post(PAYMENTS, data=typed_policy())
    assert (reply.status_code, reply.location) == (303, PAYMENTS)
    assert seller.policy_of(seller.get()) == seller.SellerPolicy(
        least_part_minor=25_00,
        early_days=10,
        early_ppm=20_000,
        late_fee=fee_rules.Rule(
            shape="interest", yearly_ppm=80_000, grace_days=7, cap_ppm=100_000, since=date(2026, 11, 22)
        ),
        approval_over_minor=500_00,
        methods=("PayPal", "Postal order"),
        credit_prefix="CR",
    )
    page = sam.get(PAYMENTS)
    assert (value_of(page, "least_part"), value_of(page, "early_rate")) == ("25.00", "2%")
    assert (value_of(page, "late_fee_yearly"), value_of(page, "approval_over")) == ("8%", "500.00")
    assert (value_of(page, "methods").splitlines(), value_of(page, "version")) == (["PayPal", "Postal order"], "2")


def test_a_rule_for_late_fees_that_is_not_there_yet_begins_today(sam: Client) -> None:
    assert value_of(sam.get(PAYMENTS), "late_fee_since") == TODAY.isoformat()


def test_what_is_emptied_is_gone(sam: Client) -> None:
    sam.post(PAYMENTS, data=typed_policy())
    emptied = dict.fromkeys(typed_policy(), "") | {
        "form_id": fresh_form_id(), "version": "2", "late_fee": "none", "credit_prefix": "CN",
    }  # fmt: skip
    assert sam.post(PAYMENTS, data=emptied).status_code == 303
    assert seller.policy_of(seller.get()) == seller.SellerPolicy(least_part_minor=0)


@pytest.mark.parametrize(
    ("field", "more", "said"),
    [
        ("least_part", {"least_part": "some"}, "Enter"),
        ("early_days", {"early_days": ""}, "Enter both a percentage and a number of days, or neither"),
        ("early_days", {"early_days": "366"}, "Enter a number of days from 1 to 365"),
        ("early_rate", {"early_rate": "51"}, "Enter a percentage up to 50"),
        ("late_fee", {"late_fee": "double"}, "Choose a late fee, or none"),
        ("late_fee_yearly", {"late_fee_yearly": ""}, "Enter a percentage up to 100"),
        ("late_fee_minor", {"late_fee": "flat"}, "Enter the late fee"),
        ("late_fee_rate", {"late_fee": "percent"}, "Enter a percentage up to 100"),
        ("late_fee_grace", {"late_fee_grace": "soon"}, "Enter a number of days from 0 to 365"),
        ("late_fee_cap", {"late_fee_cap": "0"}, "Enter more than zero, or nothing"),
        ("late_fee_since", {"late_fee_since": "today"}, "Enter a date, like 2026-11-22"),
        ("methods", {"methods": "PayPal\r\npaypal"}, "Name each way to be paid once"),
        ("methods", {"methods": "x" * 41}, "Name up to 20 ways to be paid, each in 40 characters at most"),
        ("credit_prefix", {"credit_prefix": "C-N"}, "Enter 1 to 12 letters or digits"),
        ("credit_prefix", {"credit_prefix": "INV"}, "Credit notes need another prefix than invoices"),
    ],
)
def test_a_policy_that_cannot_be_is_told_beside_its_field(
    sam: Client, field: str, more: dict[str, str], said: str
) -> None:
    reply = sam.post(PAYMENTS, data=typed_policy(**more), hx=True)
    assert reply.status_code == 422
    assert f'href="#{field}"' in reply.text
    assert said in words(reply)
    assert value_of(reply, "approval_over") == "500"
    assert seller.policy_of(seller.get()) == seller.SellerPolicy()


def test_each_problem_begins_with_the_name_of_its_field(sam: Client) -> None:
    reply = words(
        sam.post(PAYMENTS, data=typed_policy(least_part="some", late_fee_cap="much", early_days="x"), hx=True)
    )
    assert "Least part payment: Enter an amount" in reply
    assert "At most, as a sum: Enter an amount" in reply
    assert "Paid early within: Enter a number of days" in reply


def test_payments_and_fees_that_somebody_changed_meanwhile_are_not_overwritten(sam: Client) -> None:
    assert sam.post(PAYMENTS, data=typed_policy()).status_code == 303
    reply = sam.post(PAYMENTS, data=typed_policy(least_part="1.00"))
    assert reply.status_code == 409
    assert "Somebody changed these settings meanwhile" in words(reply)
    assert seller.get().least_part_minor == 25_00


def test_invoices_need_another_prefix_than_credit_notes(sam: Client) -> None:
    reply = sam.post(PATH, data=typed(number_prefix="cn"))
    assert reply.status_code == 422
    assert "Invoices need another prefix than credit notes" in words(reply)


def test_a_viewer_reads_payments_and_fees_and_cannot_change_them(
    world: World, sign_in_as: Callable[[Actor], Client]
) -> None:
    vic = sign_in_as(world.vic)
    assert "Least part payment £1.00" in words(vic.get(PAYMENTS))
    assert vic.post(PAYMENTS, data=typed_policy()).status_code == 403


def test_a_new_draft_begins_with_the_usual_terms_for_paying_early(sam: Client) -> None:
    sam.post(PAYMENTS, data=typed_policy())
    page = sam.get("/admin/invoices/new")
    assert (value_of(page, "early_rate"), value_of(page, "early_days")) == ("2%", "10")
