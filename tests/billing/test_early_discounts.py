"""Early-payment discounts: earned to the minor unit and to the day, and settled by a credit note that makes itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from billing import check, credit_notes, credits, early_discounts, invoices, payments
from billing.db import transaction
from billing.early_discounts import Offer
from billing.errors import Invalid
from billing.tables import CreditNote, Invoice, Seller
from tests.portal.scenes import kept, paid
from tests.world import AT, TODAY, content, line

if TYPE_CHECKING:
    from billing.invoices import LineContent
    from tests.world import World

UNTIL = TODAY + timedelta(days=10)
TOTAL, SAVED = 116_400, 2_328


def offered(world: World, *lines: LineContent) -> Invoice:
    """An invoice of 1,164.00 to Acme at 2/10 net 30."""
    said = replace(content(*lines), early_days=10, early_ppm=20_000)
    draft = invoices.draft(world.acme.id, said, by=world.sam, at=AT)
    return invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)


def taken(invoice: Invoice, world: World, *, paid_on: date = TODAY) -> CreditNote | None:
    with transaction():
        return early_discounts.take_if_earned(invoice.id, paid_on=paid_on, by=world.alice, at=AT)


def again(invoice: Invoice) -> Invoice:
    return invoices.get(invoice.id)


def test_the_terms_are_frozen_with_what_paying_early_costs(world: World) -> None:
    assert offered(world).frozen["early"] == {
        "days": 10, "ppm": 20_000, "until": "2026-12-02", "saved_minor": SAVED, "pay_minor": 114_072,
    }  # fmt: skip
    assert world.issued().frozen["early"] is None


def test_the_offer_stands_to_its_last_day_and_no_longer(world: World) -> None:
    invoice = offered(world)
    assert early_discounts.offer(again(invoice), UNTIL) == Offer(pay_minor=114_072, until=UNTIL, saved_minor=SAVED)
    assert early_discounts.offer(again(invoice), UNTIL + timedelta(days=1)) is None
    assert early_discounts.offer(world.issued(), TODAY) is None


def test_paying_the_lower_sum_in_time_settles_the_invoice_by_a_credit_note(world: World) -> None:
    invoice = offered(world)
    paid(invoice, 114_072, by=world.alice)
    note = taken(invoice, world, paid_on=UNTIL)
    assert note is not None
    assert (note.total_minor, note.net_minor, note.tax_minor) == (SAVED, 1_940, 388)
    assert (note.reason_code, note.reason) == (
        "early_payment", "Early-payment discount of 2%: paid by 2 December 2026.",
    )  # fmt: skip
    after = again(invoice)
    assert (after.balance_minor, after.credited_minor) == (0, SAVED)
    assert after.paid_at is not None
    assert not check.broken()


def test_a_day_too_late_earns_nothing(world: World) -> None:
    invoice = offered(world)
    paid(invoice, 114_072, by=world.alice)
    assert taken(invoice, world, paid_on=UNTIL + timedelta(days=1)) is None
    assert again(invoice).balance_minor == SAVED


@pytest.mark.parametrize("minor", [114_071, 114_073, 100_000])
def test_nothing_is_credited_unless_exactly_the_discount_is_open(world: World, minor: int) -> None:
    invoice = offered(world)
    paid(invoice, minor, by=world.alice)
    assert taken(invoice, world) is None
    assert not CreditNote.select().exists()


def test_two_payments_in_time_earn_it_together(world: World) -> None:
    invoice = offered(world)
    paid(invoice, 100_000, by=world.alice)
    found = early_discounts.offer(again(invoice), TODAY)
    assert found is not None
    assert found.pay_minor == 14_072
    paid(again(invoice), 14_072, by=world.bob)
    assert taken(invoice, world) is not None
    assert again(invoice).balance_minor == 0


def test_an_invoice_paid_in_full_or_void_or_without_terms_earns_nothing(world: World) -> None:
    full, void, plain = offered(world), offered(world), world.issued()
    paid(full, TOTAL, by=world.alice)
    invoices.void(void.id, reason="Made twice", by=world.sam, at=AT)
    paid(plain, 114_072, by=world.alice)
    assert [taken(invoice, world) for invoice in (full, void, plain)] == [None, None, None]
    assert [early_discounts.offer(again(invoice), TODAY) for invoice in (full, void, plain)] == [None, None, None]


def test_the_discount_is_taken_once(world: World) -> None:
    invoice = offered(world)
    paid(invoice, 114_072, by=world.alice)
    assert taken(invoice, world) is not None
    assert taken(invoice, world) is None
    assert early_discounts.offer(again(invoice), TODAY) is None


def test_after_a_credit_the_discount_is_on_what_is_left_of_the_invoice(world: World) -> None:
    invoice = offered(world)
    with transaction():
        credit_notes.issue_amount(
            invoice.id, 16_400, reason_code="goodwill", reason="Late delivery", by=world.sam, at=AT
        )
    assert early_discounts.offer(again(invoice), TODAY) == Offer(pay_minor=98_000, until=UNTIL, saved_minor=2_000)
    paid(again(invoice), 98_000, by=world.alice)
    assert taken(invoice, world) is not None
    assert again(invoice).balance_minor == 0
    assert not check.broken()


def test_an_invoice_at_several_rates_is_credited_at_each(world: World) -> None:
    invoice = offered(world, line(), line("Books", "1", "100.00", 0))
    offer = early_discounts.offer(again(invoice), TODAY)
    assert offer is not None
    paid(invoice, offer.pay_minor, by=world.alice)
    note = taken(invoice, world)
    assert note is not None
    assert note.total_minor == 2_528
    assert note.tax_minor > 0
    assert not check.broken()


def test_a_discount_too_small_to_be_money_is_none(world: World) -> None:
    invoice = offered(world, line("Stamp", "1", "0.10", 0))
    assert invoice.frozen["early"] is None
    assert early_discounts.offer(again(invoice), TODAY) is None


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"early_days": 10}, "early_days"),
        ({"early_ppm": 20_000}, "early_days"),
        ({"early_days": 31, "early_ppm": 20_000}, "early_days"),
        ({"early_days": 10, "early_ppm": 500_001}, "early_rate"),
    ],
)
def test_terms_that_cannot_be_are_refused_at_their_field(world: World, terms: dict[str, int], field: str) -> None:
    said = replace(content(), terms_days=30)
    with pytest.raises(Invalid) as refused:
        invoices.draft(
            world.acme.id,
            replace(said, early_days=terms.get("early_days", 0), early_ppm=terms.get("early_ppm", 0)),
            by=world.sam,
            at=AT,
        )
    assert list(refused.value.problems) == [field]


def test_credit_that_staff_applies_in_time_earns_it_too(world: World) -> None:
    invoice, credit = offered(world), kept(world.acme, TOTAL)
    key = credits.key_of_source(credit)
    after = payments.apply_credit(key, invoice.id, TOTAL - SAVED, customer_id=world.acme.id, by=world.sam, at=AT)
    assert (after.balance_minor, after.credited_minor) == (0, SAVED)
    late = AT + timedelta(days=11)
    second = offered(world)
    more = credits.key_of_source(kept(world.acme, TOTAL))
    after = payments.apply_credit(more, second.id, TOTAL - SAVED, customer_id=world.acme.id, by=world.sam, at=late)
    assert (after.balance_minor, after.credited_minor) == (SAVED, 0)
    assert check.broken() == []


def test_money_comes_in_where_a_credit_note_waits_that_would_credit_all(world: World) -> None:
    invoice = offered(world)
    Seller.update(approval_over_minor=10_000).execute()
    whole = credit_notes.CreditContent(shape="full", reason_code="other", reason="The machine went back")
    assert credit_notes.create(invoice.id, whole, by=world.sam, at=AT).status == "awaiting"
    assert early_discounts.offer(again(invoice), TODAY) is None
    paid(invoice, 114_072, by=world.alice)
    assert taken(invoice, world) is None
    assert again(invoice).balance_minor == SAVED
