"""Hosted pages of the play bank, and what payers do in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.gateway import CheckoutSession, Intent, NoSuchObject, NotOpen, TooSmall
from tests.simulation.bank.till import LEAST_MINOR, Money, Till

if TYPE_CHECKING:
    from datetime import datetime

    from billing.gateway import CheckoutRequest, SessionStatus


@dataclass(slots=True, kw_only=True)
class Page:
    """A checkout session; one that saves a card has a setup instead of an amount."""

    id: str
    reference: str
    customer_ref: str | None
    currency: str
    minor: int
    made_at: datetime
    expires_at: datetime
    status: SessionStatus = "open"
    intent_id: str | None = None
    setup_id: str | None = None


class Pages(Till):
    """billing.gateway.Checkout."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, Page] = {}
        self.customer_refs: dict[str, str] = {}  # by our reference

    def create_customer(self, *, name: str, email: str, reference: str, key: str) -> str:
        def make() -> str:
            self.customer_refs[reference] = self.new_id("cus")
            return self.customer_refs[reference]

        return self.once(key, (name, email, reference), make)

    def create_session(self, request: CheckoutRequest, *, key: str) -> CheckoutSession:
        def make() -> CheckoutSession:
            if request.minor < LEAST_MINOR:
                raise TooSmall(request.minor, request.currency)
            return self._open(
                Page(
                    id=self.new_id("cs"),
                    reference=request.reference,
                    customer_ref=request.customer_ref,
                    currency=request.currency,
                    minor=request.minor,
                    made_at=self.at,
                    expires_at=request.expires_at,
                )
            )

        return self.once(key, request, make)

    def session(self, session_id: str) -> CheckoutSession:
        page = self._page(session_id)
        return CheckoutSession(
            id=page.id,
            status=page.status,
            url=f"https://play.example/{page.id}" if page.status == "open" else None,
            reference=page.reference,
            intent_id=page.intent_id,
            setup_id=page.setup_id,
        )

    def find_session(self, reference: str, *, since: datetime, until: datetime) -> CheckoutSession | None:
        made = (page for page in self.pages.values() if since <= page.made_at <= until)
        found = next((page for page in made if page.reference == reference), None)
        return self.session(found.id) if found else None

    def expire(self, session_id: str) -> CheckoutSession:
        page = self._page(session_id)
        if page.status != "open":
            raise NotOpen
        page.status = "expired"
        return self.session(page.id)

    def intent(self, intent_id: str) -> Intent:
        money = self.monies.get(intent_id)
        if money is None:
            raise NoSuchObject("intent", intent_id)
        came = money.status == "succeeded"
        fee = money.fee if money.fee_is_known else None
        if came and money.fee_is_known:
            self.tell(money.id)
        money.fee_is_known = True
        return Intent(
            id=money.id,
            status=money.status,
            reference=money.reference,
            currency=money.currency,
            received_minor=money.minor if came else 0,
            customer_ref=money.customer_ref,
            charge_id=money.charge_id,
            charged_at=money.charged_at,
            method=money.method,
            fee=fee,
            failure=money.failure,
        )

    def _page(self, session_id: str) -> Page:
        page = self.pages.get(session_id)
        if page is None:
            raise NoSuchObject("session", session_id)
        if page.status == "open" and self.at >= page.expires_at:
            page.status = "expired"
        return page

    def _open(self, page: Page) -> CheckoutSession:
        self.pages[page.id] = page
        return self.session(page.id)

    # What payers do.

    def is_open(self, session_id: str) -> bool:
        """Whether somebody could still pay in it."""
        return self._page(session_id).status == "open"

    def pay(
        self,
        session_id: str,
        *,
        delayed: bool = False,
        minor: int | None = None,
        currency: str | None = None,
        fee_is_known: bool = True,
    ) -> str:
        """Somebody pays in a page, at once or by a debit that takes days; gives the intent's id.

        Another amount or currency than was asked for comes of conversions and of mistakes.
        """
        page = self._page(session_id)
        assert page.status == "open", "nobody can pay in it"
        money = self._money_of(page)
        money.minor, money.currency = minor or money.minor, currency or money.currency
        page.status = "complete"
        if delayed:
            money.status, money.method = "processing", "Bank debit ending 6789"
        else:
            self.take(money, fee_is_known=fee_is_known)
        return money.id

    def decline(self, session_id: str) -> str:
        """The bank says no; the page stays open."""
        money = self._money_of(self._page(session_id))
        money.failure = "card_declined"
        return money.id

    def land(self, intent_id: str) -> None:
        """The debit arrived."""
        assert self.monies[intent_id].status == "processing", "on its way"
        self.take(self.monies[intent_id])

    def bounce(self, intent_id: str) -> None:
        """The debit was returned."""
        money = self.monies[intent_id]
        assert money.status == "processing", "on its way"
        money.status, money.failure = "requires_payment_method", "insufficient_funds"

    def stranger(self, *, reference: str, customer_ref: str | None, minor: int, currency: str) -> str:
        """Money that no page of ours asked for."""
        money = self._money(reference=reference, customer_ref=customer_ref, minor=minor, currency=currency)
        self.take(money)
        return money.id

    def _money_of(self, page: Page) -> Money:
        if page.intent_id is not None:
            return self.monies[page.intent_id]
        money = self._money(
            reference=page.reference, customer_ref=page.customer_ref, minor=page.minor, currency=page.currency
        )
        page.intent_id = money.id
        return money

    def _money(self, *, reference: str, customer_ref: str | None, minor: int, currency: str) -> Money:
        made = Money(
            id=self.new_id("pi"),
            reference=reference,
            currency=currency,
            minor=minor,
            customer_ref=customer_ref,
            method="Visa ending 4242",
            made_at=self.at,
        )
        self.monies[made.id] = made
        return made
