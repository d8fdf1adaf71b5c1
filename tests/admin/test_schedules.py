"""The editor's schedule and its discount for paying early: proposed, typed, kept, and refused at their field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import instalments, invoices, seller
from billing.instalments import PartContent
from billing.tables import Invoice
from tests.admin.typed import draft, line, value_of, words
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from billing.actors import Actor
    from tests.web_fixtures import Client
    from tests.world import World

NEW, SCHEDULE = "/admin/invoices/new", "/admin/invoices/schedule"


@pytest.fixture
def sam(world: World, sign_in_as: Callable[[Actor], Client]) -> Client:
    """Sam's browser."""
    return sign_in_as(world.sam)


def parts(*typed: tuple[str, str]) -> dict[str, str]:
    """The schedule as it is sent: pairs of day and amount."""
    sent: dict[str, str] = {}
    for at, (due_on, amount) in enumerate(typed):
        sent |= {f"parts-{at}-due_on": due_on, f"parts-{at}-amount": amount}
    return sent


def shown(reply: TestResponse, count: int) -> list[tuple[str, str]]:
    """The schedule as the reply shows it."""
    return [(value_of(reply, f"parts-{at}-due_on"), value_of(reply, f"parts-{at}-amount")) for at in range(count)]


@pytest.mark.parametrize("hx", [True, False])
def test_a_total_is_split_into_equal_parts_a_month_apart_from_the_due_date(
    world: World, sam: Client, *, hx: bool
) -> None:
    reply = sam.post(SCHEDULE, data=draft(world.acme, split="3", terms_days="30"), hx=hx)
    assert reply.status_code == 200
    assert shown(reply, 3) == [("2026-12-22", "388.00"), ("2027-01-22", "388.00"), ("2027-02-22", "388.00")]
    assert ("<html" in reply.text) != hx
    assert not Invoice.select().exists()


def test_equal_parts_begin_on_the_due_date_that_was_typed_and_take_its_place(world: World, sam: Client) -> None:
    reply = sam.post(SCHEDULE, data=draft(world.acme, split="2", due_on="2027-01-31"))
    assert shown(reply, 2) == [("2027-01-31", "582.00"), ("2027-02-28", "582.00")]
    assert value_of(reply, "due_on") == ""


def test_a_deposit_is_due_on_the_day_of_issue_and_the_rest_by_the_terms(world: World, sam: Client) -> None:
    reply = sam.post(SCHEDULE, data=draft(world.acme, deposit="1", terms_days="14", issue_on="2026-11-20"), hx=True)
    assert shown(reply, 2) == [("", "30%"), ("2026-12-04", "70%")]
    assert "£349.20" in words(reply)


def test_nothing_is_proposed_while_the_total_is_unknown(world: World, sam: Client) -> None:
    reply = sam.post(SCHEDULE, data=draft(world.acme, line(unit_price="a lot"), split="3"), hx=True)
    assert "Enter the items first: the total is not known yet" in words(reply)
    assert "parts-0-due_on" not in reply.text


def test_parts_are_added_and_removed_without_losing_what_was_typed(world: World, sam: Client) -> None:
    typed = parts(("2026-12-01", "500"), ("soon", "a third"))
    more = sam.post(SCHEDULE, data=draft(world.acme, add_part="1", **typed), hx=True)
    assert shown(more, 3) == [("2026-12-01", "500"), ("soon", "a third"), ("", "")]
    fewer = sam.post(SCHEDULE, data=draft(world.acme, remove_part="0", **typed), hx=True)
    assert shown(fewer, 1) == [("soon", "a third")]
    none = sam.post(SCHEDULE, data=draft(world.acme, no_parts="1", **typed), hx=True)
    assert "parts-0-due_on" not in none.text


def test_a_draft_is_saved_with_its_schedule_and_shows_it_again(world: World, sam: Client) -> None:
    typed = parts(("", "30%"), ("", ""), ("2026-12-31", "814.80"))
    assert sam.post(NEW, data=draft(world.acme, **typed)).status_code == 303
    written = Invoice.select().get()
    assert instalments.of_draft(written) == [
        PartContent(ppm=300_000, minor=34_920),
        PartContent(due_on=TODAY.replace(month=12, day=31), minor=81_480),
    ]
    assert shown(sam.get(f"/admin/invoices/{written.id}/edit"), 2) == [("", "30%"), ("2026-12-31", "814.80")]
    page = words(sam.get(f"/admin/invoices/{written.id}"))
    assert "Payment schedule Part 1, due 22 Nov 2026 £349.20 Part 2, due 31 Dec 2026 £814.80" in page


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ([("2026-12-01", "500"), ("2027-01-01", "500")], "parts", "The parts come to £1,000.00, the invoice to"),
        ([("2026-12-01", "some"), ("2027-01-01", "50%")], "parts-0-amount", "Enter an amount"),
        ([("2026-12-01", "50%"), ("soon", "50%")], "parts-1-due_on", "Enter a date, like 2026-11-22"),
        ([("2026-12-01", "50%"), ("", "50%")], "parts-1-due_on", "Enter a date"),
        ([("2027-01-01", "50%"), ("2026-12-01", "50%")], "parts-1-due_on", "Enter a later date than that of the part"),
        ([("2026-12-01", "50%"), ("2027-01-01", "")], "parts-1-amount", "Enter more than zero"),
        ([("2026-12-01", "100%")], "parts", "Enter 2 parts at least and 60 at most, or none"),
    ],
)
def test_a_schedule_that_cannot_be_comes_back_with_words_at_its_field(
    world: World, sam: Client, typed: list[tuple[str, str]], field: str, said: str
) -> None:
    reply = sam.post(NEW, data=draft(world.acme, **parts(*typed)), hx=True)
    assert reply.status_code == 422
    assert f'href="#{field}"' in reply.text
    assert f'id="{field}"' in reply.text
    assert said in words(reply)
    assert shown(reply, len(typed)) == typed
    assert not Invoice.select().exists()


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({"early_rate": "two"}, "early_rate", "Enter a number"),
        ({"early_rate": "60"}, "early_rate", "Enter a percentage up to 50"),
        ({"early_days": ""}, "early_days", "Enter both a percentage and a number of days, or neither"),
        ({"early_days": "soon"}, "early_days", "Enter a number of days from 0 to 365"),
        ({"early_days": "31", "terms_days": "30"}, "early_days", "The discount ends on the due date at the latest"),
        (
            parts(("2026-12-01", "50%"), ("2027-01-01", "50%")),
            "early_days",
            "An invoice is paid in parts or early, not both",
        ),
    ],
)
def test_terms_for_paying_early_that_cannot_be_come_back(
    world: World, sam: Client, more: dict[str, str], field: str, said: str
) -> None:
    reply = sam.post(NEW, data=draft(world.acme, **{"early_rate": "2%", "early_days": "10"} | more), hx=True)
    assert reply.status_code == 422
    assert f'href="#{field}"' in reply.text
    assert said in words(reply)


def test_terms_for_paying_early_are_kept_shown_and_told_before_issue(world: World, sam: Client) -> None:
    assert sam.post(NEW, data=draft(world.acme, early_rate="2", early_days="10")).status_code == 303
    written = Invoice.select().get()
    assert (written.early_ppm, written.early_days) == (20_000, 10)
    page = sam.get(f"/admin/invoices/{written.id}/edit")
    assert (value_of(page, "early_rate"), value_of(page, "early_days")) == ("2%", "10")
    review = words(sam.get(f"/admin/invoices/{written.id}/issue"))
    assert "Pay £1,140.72 by 2 December 2026 and save £23.28 : 2% off for paying within 10 days." in review


def test_the_usual_terms_for_paying_early_change_no_draft_that_is_there(world: World, sam: Client) -> None:
    written = world.draft()
    policy = seller.SellerPolicy(early_days=10, early_ppm=20_000)
    seller.save_policy(policy, version=1, by=world.sam, at=AT)
    assert value_of(sam.get(f"/admin/invoices/{written.id}/edit"), "early_rate") == ""


def test_the_totals_tell_what_a_share_comes_to_while_somebody_types(world: World, sam: Client) -> None:
    typed = draft(world.acme, line(unit_price="100"), **parts(("", "25%"), ("2026-12-31", "75%")))
    reply = sam.post("/admin/invoices/totals", data=typed, hx=True)
    assert 'hx-target="#parts-0-sum"' in reply.text
    assert "£60.00" in words(reply)


def test_a_draft_whose_first_part_is_past_is_not_issued_and_says_why(world: World, sam: Client) -> None:
    sam.post(NEW, data=draft(world.acme, issue_on="2026-11-20", **parts(("2026-11-21", "50%"), ("2026-12-21", "50%"))))
    written = Invoice.select().get()
    sent = {"issue_on": TODAY.isoformat(), "version": "1"} | {"form_id": draft()["form_id"]}
    reply = sam.post(f"/admin/invoices/{written.id}/issue", data=sent, hx=True)
    assert reply.status_code == 422
    assert "A part of the schedule is due before this day." in words(reply)
    assert invoices.get(written.id).status == "draft"
