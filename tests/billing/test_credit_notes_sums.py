"""However an invoice is credited bit by bit: its credit notes sum to it exactly, tax group by tax group."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from billing import check, credit_notes, customers, invoices
from billing.credit_notes import CreditContent, LinePart
from billing.errors import Refusal
from billing.tables import Customer, Invoice, Seller
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.credit_notes import Remainder
    from tests.world import World

TAXES = (("S", 200_000, ""), ("S", 50_000, ""), ("S", 77_000, ""), ("Z", 0, ""), ("E", 0, "Training"))
PLACES = {"GBP": 2, "JPY": 0, "KWD": 3}


def discounts() -> st.SearchStrategy[invoices.DiscountContent]:
    percent = st.builds(
        invoices.DiscountContent, kind=st.just("percent"), value=st.integers(min_value=0, max_value=900_000)
    )
    return st.just(invoices.DiscountContent()) | percent


@st.composite
def contents(draw: st.DrawFn, places: int) -> invoices.DraftContent:
    rows = []
    for _ in range(draw(st.integers(min_value=1, max_value=4))):
        category, rate_ppm, reason = draw(st.sampled_from(TAXES))
        returned = draw(st.integers(min_value=0, max_value=9)) == 0
        quantity = Decimal(draw(st.integers(min_value=1, max_value=5_000))) / draw(st.sampled_from((1, 10, 1000)))
        rows.append(
            invoices.LineContent(
                description="Item",
                quantity=-quantity if returned else quantity,
                unit_price=Decimal(draw(st.integers(min_value=1, max_value=20_000))).scaleb(-places),
                discount=invoices.DiscountContent() if returned else draw(discounts()),
                tax_category=category,
                tax_rate_ppm=rate_ppm,
                tax_reason=reason,
            )
        )
    return invoices.DraftContent(lines=tuple(rows), discount=draw(discounts()))


def some_credit(draw: Callable[[st.SearchStrategy[Any]], Any], left: Remainder) -> CreditContent:
    """A part of what is left: an amount, or some lines by quantity or by amount."""
    content = CreditContent(shape="full", reason_code="goodwill", reason="A part")
    if draw(st.booleans()):
        return replace(content, shape="amount", gross_minor=draw(st.integers(1, left.total_minor)))
    parts = []
    for line in left.lines:
        if line.left_minor <= 0 or draw(st.booleans()):
            continue
        if draw(st.booleans()):
            parts.append(LinePart(line_id=line.line.id, net_minor=draw(st.integers(0, line.left_minor))))
        elif line.quantity_left > 0:
            share = draw(st.sampled_from((Decimal(1), Decimal("0.5"), Decimal("0.1"))))
            parts.append(LinePart(line_id=line.line.id, quantity=(line.quantity_left * share).normalize()))
    return replace(content, shape="lines", lines=tuple(parts))


def customer_in(world: World, currency: str) -> Customer:
    if currency == "GBP":
        return world.acme
    found: Customer | None = Customer.get_or_none(Customer.name == f"In {currency}")
    return found or customers.create(
        customers.CustomerDetails(
            name=f"In {currency}", legal_name=f"In {currency}", address=("1 Street",), country="GB", currency=currency,
            contacts=(customers.ContactDetails(name="Kay", email=f"kay@{currency.lower()}.example"),),
        ),
        by=world.sam,
        at=AT,
    )  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_credits_in_any_order_sum_to_the_invoice_group_by_group(world: World, data: st.DataObject) -> None:
    currency = data.draw(st.sampled_from(sorted(PLACES)))
    Seller.update(rounding_rule=data.draw(st.sampled_from(("per_tax_group", "per_line")))).execute()
    try:
        draft = invoices.draft(
            customer_in(world, currency).id, data.draw(contents(PLACES[currency])), by=world.sam, at=AT
        )
    except Refusal:
        assume(False)
    assume(draft.total_minor > 0)
    invoice = invoices.issue(draft.id, on=TODAY, version=1, by=world.sam, at=AT)
    for _ in range(data.draw(st.integers(min_value=0, max_value=5))):
        left = credit_notes.creditable(invoice.id)
        if not left.total_minor:
            break
        try:
            credit_notes.create(invoice.id, some_credit(data.draw, left), by=world.sam, at=AT)
        except Refusal:
            assert credit_notes.creditable(invoice.id) == left, "a refusal leaves everything as it was"
    if credit_notes.creditable(invoice.id).total_minor:
        rest = CreditContent(shape="full", reason_code="goodwill", reason="The rest")
        credit_notes.create(invoice.id, rest, by=world.sam, at=AT)
    credited: dict[tuple[str, int], tuple[int, int]] = {}
    for note in credit_notes.for_invoice(invoice.id):
        for group in credit_notes.taxes(note.id):
            base, tax_minor = credited.get((group.category, group.rate_ppm), (0, 0))
            credited[group.category, group.rate_ppm] = (base + group.base_minor, tax_minor + group.tax_minor)
    wanted = {
        (group.category, group.rate_ppm): (group.base_minor, group.tax_minor)
        for group in invoices.taxes(invoice.id)
        if (group.base_minor, group.tax_minor) != (0, 0)
    }
    assert {key: sums for key, sums in credited.items() if sums != (0, 0)} == wanted
    assert Invoice.get_by_id(invoice.id).credited_minor == invoice.total_minor
    assert check.broken() == []
