"""Paying in the portal: every plan, every way a page can end, and every way to hear of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from billing import credits as customer_credits
from billing import early_discounts, payments
from billing.tables import UNFINISHED, Attempt, Customer, Invoice
from tests.simulation.follower import Intention
from tests.simulation.life import MONEY, Life

if TYPE_CHECKING:
    from billing.actors import Actor
    from tests.simulation.bank.till import Fault
    from tests.simulation.oracle import Bill

SMALL = st.integers(0, 30)
FAULTS: tuple[Fault, ...] = ("", "", "", "", "lost before", "lost after")
faults = st.sampled_from(FAULTS)
HOW = st.integers(0, 11)  # what the payer does then: see pay_in


class PayingRules(Life):
    """What payers and their pages do."""

    @precondition(lambda self: any(bill.owes for bill in self.oracle.bills.values()))
    @rule(who=SMALL, first=SMALL, fault=faults, how=HOW)
    def pay_in_full(self, *, who: int, first: int, fault: Fault, how: int) -> None:
        """Press Pay on one invoice: all that is asked for."""
        self._pay("start paying in full", who=who, first=first, many=1, part=10, credit=False, fault=fault, how=how)

    @precondition(lambda self: self._may_save())
    @rule(who=SMALL, first=SMALL, how=st.integers(3, 9))
    def pay_early(self, *, who: int, first: int, how: int) -> None:
        """Whoever saves something by paying now does."""
        self._pay(
            "start paying in full", who=who, first=first, many=1, part=10, credit=False, fault="", how=how, early=True
        )

    @precondition(lambda self: any(bill.owes for bill in self.oracle.bills.values()))
    @rule(who=SMALL, first=SMALL, part=st.integers(1, 7), fault=faults, how=HOW)
    def pay_a_part(self, *, who: int, first: int, part: int, fault: Fault, how: int) -> None:
        """Another amount."""
        self._pay("start paying in part", who=who, first=first, many=1, part=part, credit=False, fault=fault, how=how)

    @precondition(lambda self: any(bill.owes for bill in self.oracle.bills.values()))
    @rule(who=SMALL, first=SMALL, many=st.integers(2, 3), part=st.integers(5, 10), fault=faults, how=HOW)
    def pay_several(self, *, who: int, first: int, many: int, part: int, fault: Fault, how: int) -> None:
        """Several invoices at once."""
        self._pay(
            "start paying several", who=who, first=first, many=many, part=part, credit=False, fault=fault, how=how
        )

    @precondition(lambda self: self._has_credit())
    @rule(who=SMALL, first=SMALL, many=st.integers(1, 3), part=st.integers(3, 10), fault=faults, how=HOW)
    def pay_with_credit(self, *, who: int, first: int, many: int, part: int, fault: Fault, how: int) -> None:
        """Own credit first, and the rest by card, if there is one."""
        self._pay(
            "start paying with credit", who=who, first=first, many=many, part=part, credit=True, fault=fault, how=how
        )

    @rule(who=SMALL, minor=st.integers(1, 9_000), fault=faults)
    def start_ahead(self, who: int, minor: int, fault: Fault) -> None:
        """Pay before anything is owed."""
        customer = self.pick(self.cast.customers, who)
        payer = self.cast.payers[customer.id][0]
        ahead = payments.Ahead(customer.currency, minor * 10)
        meant = Intention(customer_id=customer.id, uses=(), paid={})
        self.bank.fault = fault
        self.ask(
            "start paying ahead",
            lambda: payments.start_checkout(
                customer_id=customer.id, planned=(), nonce=self.nonce(), payer=payer, at=self.now, ahead=ahead
            ),
            keeps=MONEY,
            meant=meant,
        )

    @precondition(lambda self: self.follower.intentions)
    @rule(which=SMALL, who=SMALL)
    def take_over(self, which: int, who: int) -> None:
        """Another person of the customer pays instead, or a stranger tries."""
        attempt = self._attempt(which)
        bills = [self.oracle.bills[bill_id] for bill_id in self.follower.intentions[attempt.id].paid]
        bills = [bill for bill in bills if bill.owes]
        if not bills:
            return
        payer = self.pick(self.cast.payers[attempt.customer_id], who)
        planned, _ = self.plan(bills, 10, credit=False)
        meant = self.meant(attempt.customer_id, planned, [])
        self.ask(
            "take over",
            lambda: payments.take_over(
                attempt.id,
                customer_id=attempt.customer_id,
                planned=planned,
                nonce=self.nonce(),
                payer=payer,
                at=self.now,
            ),
            keeps=MONEY,
            meant=meant,
        )

    @precondition(lambda self: self.follower.intentions)
    @rule(which=SMALL)
    def cancel(self, which: int) -> None:
        """The payer thinks again."""
        attempt = self._attempt(which)
        payer = next((one for one in self.cast.payers[attempt.customer_id] if one.key == attempt.payer), None)
        if payer is not None:
            self.ask("cancel", lambda: payments.cancel(attempt, by=payer, at=self.now), keeps=MONEY)

    # In the page.

    @precondition(lambda self: self._open_pages())
    @rule(which=SMALL, how=HOW)
    def payer_pays(self, which: int, how: int) -> None:
        """The payer fills in the page; the bank takes it, later or not at all, or something else than was asked."""
        self.pay_in(self.pick(self._open_pages(), which), how)

    def pay_in(self, page: str, how: int) -> None:
        """At once by card mostly; else declined, otherwise than asked, or by a debit that takes days."""
        if how == 0:
            self.bank.decline(page)
            self.happens("payer is declined")
        elif how == 1:
            self.bank.pay(page, minor=self.bank.pages[page].minor + 100)
            self.happens("payer pays another amount")
        elif how == 2:
            self.bank.pay(page, currency="EUR")
            self.happens("payer pays in another currency")
        elif how in {3, 4}:
            self.bank.pay(page, delayed=True)
            self.happens("payer pays by debit")
        else:
            self.bank.pay(page, fee_is_known=how != 5)
            self.happens("payer pays by card")

    @precondition(lambda self: self._on_their_way())
    @rule(which=SMALL, lands=st.booleans())
    def debit_ends(self, *, which: int, lands: bool) -> None:
        """After days it lands, or bounces."""
        intent_id = self.pick(self._on_their_way(), which)
        if lands:
            self.bank.land(intent_id)
            self.happens("debit lands")
        else:
            self.bank.bounce(intent_id)
            self.happens("debit bounces")

    @rule(which=SMALL, minor=st.integers(30, 5_000), how=st.integers(0, 3))
    def stranger_pays(self, which: int, minor: int, how: int) -> None:
        """Money that no page asked for: of an attempt that has its money, of a known customer, of nobody."""
        refs = sorted(str(one.stripe_id) for one in Customer.select().where(Customer.stripe_id.is_null(False)))
        attempts = list(self.follower.intentions)
        customer_ref = self.pick(refs, which) if refs and how in {1, 3} else None
        reference = self.pick(attempts, which) if attempts and how in {2, 3} else ""
        currency = self.pick(self.cast.customers, which).currency
        self.bank.stranger(reference=reference, customer_ref=customer_ref, minor=minor * 10, currency=currency)
        self.happens("payment for an attempt comes from elsewhere" if reference else "stranger pays")

    # Hearing of it, in any order and any number of times.

    @precondition(lambda self: self.bank.monies)
    @rule(which=SMALL, newest=st.booleans())
    def hear_of_money(self, *, which: int, newest: bool) -> None:
        """A webhook of a payment: first, again, or late."""
        known = sorted(self.bank.untold & self.bank.monies.keys()) if newest else []
        intent_id = self.pick(known or list(self.bank.monies), which)
        self.ask("hear of money", lambda: payments.settle(intent_id, at=self.now), must=True)

    @precondition(lambda self: self.follower.intentions)
    @rule(which=SMALL)
    def hear_of_page(self, which: int) -> None:
        """A webhook of a page, or the return from it."""
        attempt = self._attempt(which)
        self.ask("ask about a page", lambda: payments.check(attempt, at=self.now), must=True)

    def sweep_payments(self) -> None:
        """The worker catches up."""
        self.ask("sweep payments", lambda: payments.sweep(self.now), must=True)

    # Plans.

    def nonce(self) -> str:
        """A page's own."""
        return f"page-{len(self.follower.intentions):04d}-{self.now.timestamp():.0f}"

    def _pay(
        self,
        name: str,
        *,
        who: int,
        first: int,
        many: int,
        part: int,
        credit: bool,
        fault: Fault,
        how: int,
        early: bool = False,
    ) -> None:
        """Agree to a plan, and go on to its page or not; half of those who paid are heard of at once."""
        owing = [bill for bill in self.oracle.issued() if bill.owes]
        if credit:
            owing = [bill for bill in owing if self.oracle.spendable(bill.customer_id, bill.currency)] or owing
        owing = self._may_save() or owing if early else owing
        chosen = self.some_of(self.pick(owing, first), many)
        customer_id = chosen[0].customer_id
        planned, uses = self.plan(chosen, part, credit=credit)
        page = self._begin(name, customer_id, planned, uses, self.pick(self.cast.payers[customer_id], who), fault)
        if page is not None and how < 10 and self.bank.is_open(page):
            self.pay_in(page, how)
            intent_id = self.bank.pages[page].intent_id
            if how % 2 and intent_id is not None:
                self.ask("hear of money", lambda: payments.settle(intent_id, at=self.now), must=True)

    def _begin(
        self,
        name: str,
        customer_id: int,
        planned: list[payments.Planned],
        uses: list[payments.CreditUse],
        payer: Actor,
        fault: Fault,
    ) -> str | None:
        nonce = self.nonce()
        meant = self.meant(customer_id, planned, uses)
        if not meant.paid:
            plan = payments.Plan(customer_id=customer_id, planned=tuple(planned), uses=tuple(uses))
            answer = self.ask(
                "pay by credit alone",
                lambda: payments.pay_by_credit(plan, nonce=nonce, payer=payer, at=self.now),
                keeps=MONEY,
            )
            if answer.done:
                self.follower.use_credit(meant)
                self.follower.settle_early({plan.invoice_id for plan in planned}, self.today)
            return None
        self.bank.fault = fault
        begun = self.ask(
            name,
            lambda: payments.start_checkout(
                customer_id=customer_id, planned=planned, uses=uses, nonce=nonce, payer=payer, at=self.now
            ),
            keeps=MONEY,
            meant=meant,
        )
        return begun.given.session_id if begun.done else None

    def meant(self, customer_id: int, planned: list[payments.Planned], uses: list[payments.CreditUse]) -> Intention:
        """A plan in the oracle's words."""
        return Intention(
            customer_id=customer_id,
            uses=tuple((str(use.key), use.invoice_id, use.minor) for use in uses),
            paid={plan.invoice_id: plan.minor for plan in planned if plan.minor},
        )

    def some_of(self, bill: Bill, many: int) -> list[Bill]:
        """An invoice and some more of the same customer."""
        others = [other for other in self.oracle.open_of(bill.customer_id) if other.id != bill.id]
        return [bill, *others[: many - 1]]

    def plan(
        self, bills: list[Bill], part: int, *, credit: bool
    ) -> tuple[list[payments.Planned], list[payments.CreditUse]]:
        """What the person sees and agrees to. Below 8 tenths a part is paid; else all, or what is asked for early."""
        free = {worth.key: worth.free for worth in self.oracle.spendable(bills[0].customer_id, bills[0].currency)}
        planned, uses = [], []
        for bill in bills:
            offer = early_discounts.offer(Invoice.get_by_id(bill.id), self.today)
            wanted = offer.pay_minor if offer else bill.owes
            if part < 8:
                step = 10 if bill.currency == "KWD" and part % 3 else 1  # cards take no single fils
                wanted = max(bill.owes * part // 10 // step * step, 1)
            by_credit = 0
            for key in free if credit else ():
                minor = min(free[key], wanted - by_credit)
                if minor:
                    uses.append(payments.CreditUse(customer_credits.key_of(key), bill.id, minor))
                    free[key] -= minor
                    by_credit += minor
            planned.append(payments.Planned(bill.id, wanted - by_credit, bill.owes))
        return planned, uses

    def _attempt(self, which: int) -> Attempt:
        """Any attempt, the unfinished ones first."""
        unfinished = [
            row.id
            for row in Attempt.select(Attempt.id).where(Attempt.status.in_(UNFINISHED)).order_by(Attempt.created_at)
        ]
        attempt: Attempt = Attempt.get_by_id(self.pick(unfinished or list(self.follower.intentions), which))
        return attempt

    def _may_save(self) -> list[Bill]:
        """The invoices that cost less today."""
        untouched = [bill for bill in self.oracle.issued() if bill.early_ppm and bill.owes and bill.owes == bill.total]
        return [
            bill
            for bill in untouched
            if bill.issue_on is not None and self.today <= bill.issue_on + timedelta(days=bill.early_days)
        ]

    def _has_credit(self) -> bool:
        owing = (bill for bill in self.oracle.bills.values() if bill.owes)
        return any(self.oracle.spendable(bill.customer_id, bill.currency) for bill in owing)

    def _open_pages(self) -> list[str]:
        return [page.id for page in self.bank.pages.values() if page.minor and self.bank.is_open(page.id)]

    def _on_their_way(self) -> list[str]:
        return [money.id for money in self.bank.monies.values() if money.status == "processing"]
