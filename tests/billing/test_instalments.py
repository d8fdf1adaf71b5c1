"""Instalments: parts that sum exactly, due one after another, filled from the earliest."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import IntegrityError

from billing import check, instalments, invoices, tax
from billing.errors import Invalid
from billing.instalments import Part, PartContent
from billing.tables import Instalment, Invoice
from tests.portal.scenes import paid
from tests.world import AT, TODAY, content

if TYPE_CHECKING:
    from tests.world import World

MAY, JUNE, JULY = date(2027, 5, 31), date(2027, 6, 30), date(2027, 7, 31)
TOTAL = 116_400


def scheduled(world: World, *parts: PartContent, on: date = TODAY) -> Invoice:
    """An invoice of 1,164.00 to Acme, issued with a schedule."""
    said = replace(content(), parts=parts)
    draft = invoices.draft(world.acme.id, said, by=world.sam, at=AT)
    return invoices.issue(draft.id, on=on, version=draft.version, by=world.sam, at=AT)


def thirds(first_on: date = TODAY) -> list[PartContent]:
    return instalments.equal_parts(TOTAL, 3, first_on=first_on)


def again(invoice: Invoice) -> Invoice:
    return invoices.get(invoice.id)


# Parts


@given(st.integers(1, 10**12), st.integers(2, 60))
def test_equal_parts_sum_to_the_total_and_differ_by_one_minor_unit_at_most(total: int, count: int) -> None:
    minors = instalments.amounts(instalments.equal_parts(total, count, first_on=MAY), total)
    assert sum(minors) == total
    assert max(minors) - min(minors) <= 1


@given(st.integers(1, 10**12), st.integers(1, 999_999))
def test_a_deposit_and_its_rest_sum_to_the_total(total: int, ppm: int) -> None:
    assert sum(instalments.amounts(instalments.with_deposit(ppm, rest_on=MAY), total)) == total


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=60), st.integers(1, 10**12))
def test_shares_that_make_a_whole_always_sum_to_the_total(weights: list[int], total: int) -> None:
    shares = [max(1, tax.PPM * weight // sum(weights)) for weight in weights]
    shares[0] += tax.PPM - sum(shares)
    if shares[0] > 0:
        assert sum(instalments.amounts([PartContent(ppm=share) for share in shares], total)) == total


def test_parts_a_month_apart_keep_to_the_end_of_the_month() -> None:
    days = [part.due_on for part in instalments.equal_parts(TOTAL, 4, first_on=date(2028, 1, 31))]
    assert days == [date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 31), date(2028, 4, 30)]


@pytest.mark.parametrize(
    ("parts", "field", "words"),
    [
        ([PartContent(due_on=MAY, minor=TOTAL)], "parts", "Enter 2 parts at least and 60 at most, or none"),
        (
            [PartContent(due_on=MAY, minor=100_00), PartContent(due_on=JUNE, minor=100_00)],
            "parts",
            "The parts come to £200.00, the invoice to £1,164.00. Change a part so that they agree",
        ),
        ([PartContent(minor=164_00), PartContent(minor=1000_00)], "parts-1-due_on", "Enter a date"),
        (
            [PartContent(due_on=JUNE, minor=164_00), PartContent(due_on=JUNE, minor=1000_00)],
            "parts-1-due_on",
            "Enter a later date than that of the part before",
        ),
        (
            [PartContent(due_on=date(2027, 1, 1), minor=164_00), PartContent(due_on=JUNE, minor=1000_00)],
            "parts-0-due_on",
            "Enter the issue date or a later one",
        ),
        (
            [PartContent(due_on=MAY, minor=0), PartContent(due_on=JUNE, minor=TOTAL)],
            "parts-0-amount",
            "Enter more than zero",
        ),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_at_its_field(parts: list[PartContent], field: str, words: str) -> None:
    assert instalments.problems(parts, TOTAL, "GBP", issue_on=date(2027, 2, 1))[field] == words


def test_a_schedule_may_mix_a_share_and_a_sum() -> None:
    parts = [PartContent(ppm=300_000), PartContent(due_on=MAY, minor=81_480)]
    assert instalments.problems(parts, TOTAL, "GBP") == {}
    assert instalments.amounts(parts, TOTAL) == [34_920, 81_480]


# On a draft


def test_a_draft_keeps_its_schedule_as_it_was_asked_for_until_it_is_edited(world: World) -> None:
    parts = tuple(instalments.with_deposit(300_000, rest_on=MAY))
    draft = invoices.draft(world.acme.id, replace(content(), parts=parts), by=world.sam, at=AT)
    assert instalments.of_draft(draft) == [
        PartContent(ppm=300_000, minor=34_920),
        PartContent(due_on=MAY, ppm=700_000, minor=81_480),
    ]
    edited = invoices.edit(draft.id, content(), version=draft.version, by=world.sam, at=AT)
    assert (edited.parts, instalments.of_draft(edited)) == (0, [])
    assert not Instalment.select().exists()


def test_a_draft_with_a_schedule_can_be_removed(world: World) -> None:
    draft = invoices.draft(world.acme.id, replace(content(), parts=tuple(thirds())), by=world.sam, at=AT)
    invoices.remove_draft(draft.id, version=draft.version, by=world.sam, at=AT)
    assert not Instalment.select().exists()


def test_a_draft_refuses_a_schedule_beside_a_due_date_or_a_discount_for_paying_early(world: World) -> None:
    said = replace(content(), parts=tuple(thirds()), due_on=JULY, early_days=10, early_ppm=20_000)
    with pytest.raises(Invalid) as refused:
        invoices.draft(world.acme.id, said, by=world.sam, at=AT)
    assert sorted(refused.value.problems) == ["due_on", "early_days"]


# Issued


def test_issue_freezes_the_schedule_and_the_deposit_is_due_at_once(world: World) -> None:
    invoice = scheduled(world, *instalments.with_deposit(300_000, rest_on=MAY))
    assert (invoice.due_on, again(invoice).next_due_on) == (MAY, TODAY)
    assert invoice.frozen["schedule"] == [
        {"due_on": TODAY.isoformat(), "minor": 34_920},
        {"due_on": MAY.isoformat(), "minor": 81_480},
    ]
    assert instalments.of(invoice) == [
        Part(position=1, due_on=TODAY, minor=34_920, settled_minor=0),
        Part(position=2, due_on=MAY, minor=81_480, settled_minor=0),
    ]
    assert not check.broken()


def test_an_invoice_whose_part_would_be_due_before_its_issue_is_not_issued(world: World) -> None:
    draft = invoices.draft(
        world.acme.id, replace(content(), parts=tuple(thirds(TODAY - timedelta(days=1)))), by=world.sam, at=AT
    )
    with pytest.raises(Invalid) as refused:
        invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
    assert "issue_on" in refused.value.problems
    assert invoices.get(draft.id).status == "draft"


def test_what_is_paid_fills_the_earliest_part_first_and_moves_the_next_due_day(world: World) -> None:
    invoice = scheduled(world, *thirds())
    paid(invoice, 50_000, by=world.alice)
    now = again(invoice)
    assert [(part.settled_minor, part.open_minor) for part in instalments.of(now)] == [
        (38_800, 0), (11_200, 27_600), (0, 38_800),
    ]  # fmt: skip
    assert now.next_due_on == date(2026, 12, 22)
    paid(now, now.balance_minor, by=world.alice)
    assert (again(invoice).next_due_on, again(invoice).balance_minor) == (date(2027, 1, 22), 0)
    assert not check.broken()


@pytest.mark.parametrize(
    ("on", "overdue"),
    [
        (date(2026, 11, 22), 0),
        (date(2026, 11, 23), 28_800),
        (date(2026, 12, 22), 28_800),
        (date(2026, 12, 23), 67_600),
        (date(2027, 1, 23), 106_400),
    ],
)
def test_overdue_is_what_was_due_before_less_what_is_paid(world: World, on: date, overdue: int) -> None:
    invoice = scheduled(world, *thirds())
    paid(invoice, 10_000, by=world.alice)
    assert instalments.overdue_minor(again(invoice), on) == overdue
    assert invoices.is_overdue(again(invoice), on) == bool(overdue)


def test_the_next_open_part_is_the_earliest_that_needs_something(world: World) -> None:
    invoice = scheduled(world, *thirds())
    paid(invoice, 50_000, by=world.alice)
    found = instalments.next_open(again(invoice))
    assert found is not None
    assert (found.position, found.open_minor) == (2, 27_600)
    paid(again(invoice), again(invoice).balance_minor, by=world.alice)
    assert instalments.next_open(again(invoice)) is None
    assert instalments.next_open(world.issued()) is None


def test_an_invoice_without_a_schedule_is_overdue_as_a_whole(world: World) -> None:
    invoice = world.overdue()
    assert instalments.overdue_minor(again(invoice), TODAY) == TOTAL
    assert instalments.overdue_minor(again(invoice), date(2026, 11, 2)) == 0


def test_sums_and_tabs_count_only_what_is_due(world: World) -> None:
    scheduled(world, *thirds(TODAY))
    on = date(2026, 12, 18)
    summary = invoices.portal_summary(world.acme.id, currency="GBP", on=on, soon_until=on + timedelta(days=7))
    (found,) = summary.sums
    assert (found.owed_minor, found.overdue_minor, found.overdue_count) == (TOTAL, 38_800, 1)
    assert (found.soon_minor, found.soon_count, found.soon_due_on) == (38_800, 1, date(2026, 12, 22))
    assert [row.due_on for row in invoices.portal_page(world.acme.id, tab="overdue", on=on).rows] == [TODAY]
    assert invoices.portal_page(world.acme.id, tab="overdue", on=TODAY).rows == []
    assert [row.id for row in invoices.admin_page(tab="overdue", on=on).rows]


def test_the_database_refuses_a_schedule_that_does_not_sum_to_its_invoice(world: World) -> None:
    draft = invoices.draft(world.acme.id, replace(content(), parts=tuple(thirds())), by=world.sam, at=AT)
    Instalment.update(minor=1).where((Instalment.invoice == draft.id) & (Instalment.position == 1)).execute()
    with pytest.raises(IntegrityError, match="the instalments of an invoice add up to its total"):
        Invoice.update(status="issued").where(Invoice.id == draft.id).execute()


def test_the_database_refuses_a_change_of_an_issued_schedule(world: World) -> None:
    invoice = scheduled(world, *thirds())
    with pytest.raises(IntegrityError, match="never change"):
        Instalment.update(due_on=JULY).where(Instalment.invoice == invoice.id).execute()
    with pytest.raises(IntegrityError, match="never change"):
        Instalment.delete().where(Instalment.invoice == invoice.id).execute()
