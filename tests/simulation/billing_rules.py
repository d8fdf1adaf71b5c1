"""Documents: drafted, edited, issued in every shape, voided; and moves that must be refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from billing import fee_rules, instalments, invoices, money, payments, seller
from billing.tables import Invoice, Seller
from tests.simulation.life import MONEY, Life
from tests.simulation.oracle import Bill

if TYPE_CHECKING:
    from billing.tables import Customer

SMALL = st.integers(0, 30)
RATES = (("S", 200_000), ("S", 50_000), ("S", 77_000), ("Z", 0), ("E", 0))
THRESHOLDS = (None, 100, 8_000, 100_000)
LEAST_PARTS = (0, 100, 300)
LATE_FEES = (
    fee_rules.Rule(),
    fee_rules.Rule(shape=fee_rules.FLAT, minor=4_000, grace_days=3),
    fee_rules.Rule(shape=fee_rules.PERCENT, ppm=50_000, grace_days=0, cap_ppm=100_000),
    fee_rules.Rule(shape=fee_rules.YEARLY, yearly_ppm=80_000, grace_days=5),
)
lines = st.lists(
    st.tuples(
        st.sampled_from(("1", "2", "0.5", "3")),
        st.integers(1, 60_000),
        st.integers(0, len(RATES) - 1),
    ),
    min_size=1,
    max_size=3,
)


class BillingRules(Life):
    """From a draft to a void."""

    @initialize(threshold=SMALL, least=SMALL, late=SMALL, per_line=st.booleans(), who=SMALL, rows=lines)
    def a_life_begins(
        self, *, threshold: int, least: int, late: int, per_line: bool, who: int, rows: list[tuple[str, int, int]]
    ) -> None:
        """Another policy in every life, and a few invoices to begin with."""
        policy = seller.SellerPolicy(
            least_part_minor=self.pick(LEAST_PARTS, least),
            late_fee=self.pick(LATE_FEES, late),
            approval_over_minor=self.pick(THRESHOLDS, threshold),
        )
        seller.save_policy(policy, version=seller.get().version, by=self.sam, at=self.now)
        if per_line:
            Seller.update(rounding_rule="per_line").execute()
        for shape in (1, 2, 5):  # plain, plain, with early terms
            self.bill(self.pick(self.cast.customers, who + shape), rows, 0, shape)

    @rule(who=SMALL, rows=lines, discount=SMALL, shape=SMALL)
    def draft(self, who: int, rows: list[tuple[str, int, int]], discount: int, shape: int) -> None:
        """Something new is billed."""
        self.bill(self.pick(self.cast.customers, who), rows, discount, shape)

    def bill(self, customer: Customer, rows: list[tuple[str, int, int]], discount: int, shape: int) -> None:
        """A draft, and most are issued soon. A deposit on next to nothing would be nothing, so it is refused."""
        content = self.content(customer, rows, discount, shape)
        answer = self.ask(
            "draft",
            lambda: invoices.draft(customer.id, content, by=self.sam, at=self.now),
            must=not content.parts,
        )
        if not answer.done:
            return
        made = answer.given
        self.oracle.bills[made.id] = Bill(
            id=made.id, customer_id=customer.id, currency=customer.currency, version=made.version
        )
        if shape % 3:
            self.issue_bill(self.oracle.bills[made.id])

    @precondition(lambda self: self._drafts())
    @rule(which=SMALL, rows=lines, shape=SMALL, deed=st.integers(0, 4))
    def redraft(self, *, which: int, rows: list[tuple[str, int, int]], shape: int, deed: int) -> None:
        """A draft changes or is thrown away; an issued invoice is not, nor what a page of yesterday shows."""
        bill = self._bill(which)
        if deed == 0:
            self._remove(bill)
            return
        customer = next(one for one in self.cast.customers if one.id == bill.customer_id)
        content = self.content(customer, rows, 0, shape)
        stale = deed == 1
        answer = self.ask(
            "edit a draft",
            lambda: invoices.edit(bill.id, content, version=bill.version - stale, by=self.sam, at=self.now),
        )
        if answer.done:
            assert bill.status == "draft", "only drafts change"
            assert not stale, "nobody overwrites what they have not seen"
            bill.version = answer.given.version

    def _remove(self, bill: Bill) -> None:
        """A draft is thrown away."""
        answer = self.ask(
            "remove a draft", lambda: invoices.remove_draft(bill.id, version=bill.version, by=self.sam, at=self.now)
        )
        if answer.done:
            assert bill.status == "draft", "documents stay"
            del self.oracle.bills[bill.id]

    def _bill(self, which: int) -> Bill:
        """A draft mostly, where there is one."""
        drafts = self._drafts()
        return self.pick(drafts if drafts and which % 4 else list(self.oracle.bills.values()), which // 4)

    def _drafts(self) -> list[Bill]:
        return [bill for bill in self.oracle.bills.values() if bill.status == "draft"]

    @precondition(lambda self: self._drafts())
    @rule(which=SMALL, yesterday=st.booleans())
    def issue(self, *, which: int, yesterday: bool) -> None:
        """Any invoice, also one that is issued or void."""
        self.issue_bill(self._bill(which), yesterday=yesterday)

    @precondition(lambda self: self.oracle.bills)
    @rule(which=SMALL, release=st.booleans())
    def void(self, *, which: int, release: bool) -> None:
        """Any invoice, after closing the pages in which it might be paid, or not."""
        bill = self.pick(list(self.oracle.bills.values()), which)
        if release and bill.status == "issued":
            self.ask("release", lambda: payments.release(bill.id, by=self.sam, at=self.now), keeps=MONEY)
        answer = self.ask("void", lambda: invoices.void(bill.id, reason="Twice", by=self.sam, at=self.now))
        if answer.done:
            assert (bill.status, bill.owes) == ("issued", bill.total), "only what had no effect"
            assert not any(bill.applied.values()), "only what had no effect"
            bill.status, bill.owes, bill.version = "void", 0, answer.given.version

    def issue_bill(self, bill: Bill, *, yesterday: bool = False) -> None:
        """Issue it today, or as of yesterday, which the numbers may forbid."""
        row: Invoice = Invoice.get_by_id(bill.id)
        name = "issue"
        if row.early_ppm:
            name = "issue with early terms"
        elif instalments.of_draft(row):
            name = "issue with instalments"
        on = self.today - timedelta(days=1) if yesterday else self.today
        answer = self.ask(name, lambda: invoices.issue(bill.id, on=on, version=bill.version, by=self.sam, at=self.now))
        if not answer.done:
            return
        made = answer.given
        assert bill.status == "draft", "issued once"
        bill.status, bill.version, bill.issue_on = "issued", made.version, made.issue_on
        bill.total = bill.owes = made.total_minor
        bill.early_days, bill.early_ppm = made.early_days, made.early_ppm

    def content(
        self, customer: Customer, rows: list[tuple[str, int, int]], discount: int, shape: int
    ) -> invoices.DraftContent:
        """What a draft says. Prices in dinars end in 0 mostly, so that a card can carry them."""
        step = 10 if customer.currency == "KWD" and discount % 4 else 1
        written = tuple(
            invoices.LineContent(
                description=f"Work {at}",
                quantity=Decimal(quantity),
                unit_price=money.to_decimal(price * step, customer.currency),
                tax_category=RATES[rate][0],
                tax_rate_ppm=RATES[rate][1] if step == 1 else 0,
                tax_reason="Exempt" if RATES[rate][0] == "E" else "",
            )
            if step == 1
            else invoices.LineContent(
                description=f"Work {at}",
                quantity=Decimal(1),
                unit_price=money.to_decimal(price * step, customer.currency),
                tax_category="Z",
            )
            for at, (quantity, price, rate) in enumerate(rows)
        )
        off = invoices.DiscountContent(kind="percent", value=100_000) if discount % 7 == 6 and step == 1 else None
        early = shape % 5 in {0, 4} and shape % 3 > 0
        parts: tuple[instalments.PartContent, ...] = ()
        if shape % 5 == 3:
            later = self.today + timedelta(days=40)
            parts = tuple(instalments.with_deposit(300_000, rest_on=later))
        return invoices.DraftContent(
            lines=written,
            terms_days=(0, 14, 30)[shape % 3],
            discount=off or invoices.DiscountContent(),
            early_days=10 if early else 0,
            early_ppm=20_000 if early else 0,
            parts=parts,
        )
