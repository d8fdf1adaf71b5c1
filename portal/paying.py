"""Choosing what to pay: one invoice or several, in full or in part, with credit first, seen exactly before it is done.

The page is one form. It carries the seal of the quote it shows, so nobody pays what they have not seen; it is quoted
anew while somebody types, and without scripts when it is sent.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import abort, flash, redirect, request, url_for

from billing import cards, clock, credits, formatting, gateway, payments
from billing.errors import Conflict, Invalid, Missing, Refusal
from portal import portal
from portal.invoices import due_of, theirs, transfer_of
from web import filters, forms, hx
from web.limits import coarse
from web.people import customer_only, customer_or_guest, person

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from billing.payments import Flight, Quote
    from billing.tables import Attempt, Invoice

OFTEN = "240 per minute"
RETRY_AFTER_SECONDS = "5"
PAGE, PART = "portal/payments/choose.html", "portal/payments/_choose.html"
LOOK_AGAIN = "These amounts are new. Check them, then pay."
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the form says: the invoices, the texts typed beside them, the credits switched on (None: all), its seal."""

    invoices: list[Invoice]
    texts: dict[str, str]
    use: frozenset[credits.CreditKey] | None
    nonce: str
    seal: str
    instead_of: str
    card_id: int | None  # a saved card; None: the provider's page
    alone: str  # the number of the one invoice this form is about, "" for the form of several


@portal.get("/pay")
@customer_only
@coarse(OFTEN)
def choose_payment() -> AnyResponse:
    """The invoices that were ticked, with what paying them would do."""
    if not request.args.getlist("invoice"):
        return redirect(url_for(".invoices"), 303)
    choice = _chosen(_ticked())
    return _page(choice, _quote(choice))


@portal.get("/invoices/<number>/pay")
@customer_or_guest
@coarse(OFTEN)
def choose_amount(number: str) -> Response:
    """One invoice, to be paid in part or with credit."""
    choice = _chosen(_only(number), alone=number)
    return _page(choice, _quote(choice))


@portal.post("/pay/quote")
@customer_only
@coarse(OFTEN)
def quote_payment() -> Response:
    """The form as it is typed, with what paying so would do."""
    return _quoted(_chosen(_ticked()))


@portal.post("/invoices/<number>/pay/quote")
@customer_or_guest
@coarse(OFTEN)
def quote_amount(number: str) -> Response:
    """The same for one invoice."""
    return _quoted(_chosen(_only(number), alone=number))


@portal.get("/pay/selection")
@customer_only
@coarse(OFTEN)
def selection() -> Response:
    """How much the ticked invoices of the list come to."""
    numbers = request.args.getlist("invoice")
    problem, found = "", []
    try:
        found = _ticked() if numbers else []
    except Refusal as refusal:
        problem = refusal.message
    return hx.respond(
        "portal/payments/_selection.html",
        "portal/payments/_selection.html",
        count=len(found),
        total_minor=sum(invoice.balance_minor for invoice in found),
        currency=found[0].currency if found else "",
        problem=problem,
    )


@portal.post("/pay")
@customer_only
@coarse(OFTEN)
def pay_several() -> AnyResponse:
    """Pay exactly what the page showed, or show what it would be now."""
    return settle_form(_chosen(_ticked()))


def form_for(number: str) -> Choice:
    """The form about one invoice, as it was sent."""
    return _chosen(_only(number), alone=number)


def settle_form(choice: Choice) -> AnyResponse:
    """Do what the form says, where its seal is that of the quote as it is now."""
    if not _NONCE.fullmatch(choice.nonce):
        abort(400)
    forms.shown_again(PAGE, PART, **_context(choice, None))
    quote = _quote(choice)
    if quote.seal != choice.seal:
        return _page(choice, quote, notice=LOOK_AGAIN, status=409)
    try:
        attempt = _begin(choice, quote)
    except Missing:
        raise
    except gateway.OutcomeUnknown as unknown:
        response = _page(choice, quote, problem=unknown.message, status=503)
        response.headers["Retry-After"] = RETRY_AFTER_SECONDS
        return response
    except cards.CardRefused as refusal:
        return _page(replace(choice, card_id=None), quote, problem=refusal.message, status=422)
    except Refusal as refusal:
        return _page(choice, quote, problem=refusal.message, status=409 if isinstance(refusal, Conflict) else 422)
    if attempt is None:
        flash("Your credit is used. " + _words_after(choice.invoices), "success")
        return hx.go(_back(choice))
    return hx.go(onward(attempt))


def onward(attempt: Attempt) -> str:
    """The provider's page. A bank's own page is led to by a link or a header: no form may redirect there."""
    outcome = url_for(".payment", attempt_id=attempt.id)
    if attempt.status != "open" or not attempt.url:
        return outcome
    return outcome if attempt.kind != "checkout" and not hx.is_htmx() else str(attempt.url)


def _begin(choice: Choice, quote: Quote) -> Attempt | None:
    """Start the payment, or apply the credit where that is all it takes: then there is no attempt."""
    payer, at, plan = person().actor, clock.now(), quote.plan
    if choice.instead_of:
        payments.make_way(choice.instead_of, plan, nonce=choice.nonce, payer=payer, at=at)
    if not plan.minor:
        payments.pay_by_credit(plan, nonce=choice.nonce, payer=payer, at=at)
        payments.close_excessive(plan.invoice_ids, at=at)
        return None
    if choice.card_id is not None:
        return cards.pay(choice.card_id, plan, nonce=choice.nonce, payer=payer, at=at)
    return payments.start_checkout(
        customer_id=plan.customer_id,
        planned=plan.planned,
        uses=plan.uses,
        nonce=choice.nonce,
        payer=payer,
        at=at,
    )


def _ticked() -> list[Invoice]:
    customer = person().customer
    assert customer is not None, "only who acts for a customer comes here"
    return payments.numbered(customer.id, request.values.getlist("invoice"))


def _only(number: str) -> list[Invoice]:
    invoice = theirs(number)
    return payments.chosen(invoice.customer_id, [invoice.id])


def _chosen(found: list[Invoice], *, alone: str = "") -> Choice:
    """Read the form; asked for by GET it is as good as empty."""
    form = request.form
    use = frozenset(credits.key_of(text) for text in form.getlist("credit")) if "credits_shown" in form else None
    return Choice(
        invoices=found,
        texts={str(invoice.number): form.get(f"amount-{invoice.number}", "") for invoice in found},
        use=use,
        nonce=form.get("nonce", "") or secrets.token_urlsafe(18),
        seal=form.get("seal", ""),
        instead_of=form.get("take_over", ""),
        card_id=card_id_of(form.get("card")),
        alone=alone,
    )


def card_id_of(text: str | None) -> int | None:
    """The saved card a form names; None stands for the provider's page."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None


def _quoted(choice: Choice) -> Response:
    forms.shown_again(PAGE, PART, **_context(choice, None, live=True))
    return _page(choice, _quote(choice), live=True)


def _quote(choice: Choice) -> Quote:
    """What the form would do. Every amount that cannot be is named at once: those nobody can read and the others."""
    wishes: list[payments.Wish] = []
    problems: dict[str, str] = {}
    for invoice in choice.invoices:
        try:
            wishes += payments.wishes_of([invoice], choice.texts, locale=filters.locale())
        except Invalid as refusal:
            problems |= {field: f"{words}, for {invoice.number}" for field, words in refusal.problems.items()}
    quote = None
    try:
        quote = _quoted_for(choice, wishes) if wishes else None
    except Invalid as refusal:
        problems |= refusal.problems
    if problems or quote is None:
        fields = [f"amount-{invoice.number}" for invoice in choice.invoices]
        raise Invalid({field: problems[field] for field in fields if field in problems})
    return quote


def _quoted_for(choice: Choice, wishes: list[payments.Wish]) -> Quote:
    asker = person()
    mine = [attempt for attempt in _flights(choice).values() if attempt.payer == asker.actor.key]
    return payments.quote(
        choice.invoices[0].customer_id,
        wishes,
        use=choice.use,
        at=clock.now(),
        besides=mine[0].id if mine else "",
        for_guest=asker.customer is None,
    )


def _page(
    choice: Choice, quote: Quote, *, problem: str = "", notice: str = "", live: bool = False, status: int = 200
) -> Response:
    context = _context(choice, quote, problem=problem, notice=notice, live=live)
    return hx.respond(PAGE, PART, status, problems=[], errors={}, **context)


def _context(choice: Choice, quote: Quote | None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - a template's context
    """What the page is told. Without a quote it is shown again for the sake of its errors."""
    flights, asker = _flights(choice), person()
    others = [attempt for attempt in flights.values() if attempt.payer != asker.actor.key]
    mine = [attempt for attempt in flights.values() if attempt.payer == asker.actor.key]
    saved = cards.for_customer(asker.customer.id) if asker.customer else []
    currency = choice.invoices[0].currency
    told = {line.invoice.id: line for line in quote.lines} if quote else {}
    return {
        "choice": choice,
        "quote": quote,
        "rows": [
            {
                "invoice": invoice,
                "due": due_of(invoice),
                "text": choice.texts[str(invoice.number)] or _whole(invoice, told),
                "line": told.get(invoice.id),
            }
            for invoice in choice.invoices
        ],
        "cards": saved,
        "card_id": choice.card_id
        if "card" in request.form
        else next((card.id for card in saved if card.is_usual), None),
        "currency": currency,
        "symbol": symbol_of(currency),
        "on_its_way": [attempt for attempt in flights.values() if attempt.status == "processing"],
        "busy": others[0] if others else None,
        "mine": mine[0] if mine else None,
        "pay_url": url_for(".pay", number=choice.alone) if choice.alone else url_for(".pay_several"),
        "quote_url": url_for(".quote_amount", number=choice.alone) if choice.alone else url_for(".quote_payment"),
        "here": _address(choice),
        "shown_credits": partial(_credits, choice, quote),
        "transfer": transfer_of(choice.invoices[0]) if len(choice.invoices) == 1 else None,
        "fragment": hx.wants_fragment(),
        "problem": "",
        "notice": "",
        "live": False,
    } | more


def _credits(choice: Choice, quote: Quote | None) -> list[payments.QuotedCredit]:
    """The credits to choose from, also beside an amount that cannot be: then it is not known how much each is used."""
    customer = person().customer
    if quote or customer is None:
        return list(quote.credits) if quote else []
    known = credits.available(customer.id, choice.invoices[0].currency)
    return [
        payments.QuotedCredit(credit=credit, chosen=choice.use is None or credit.key in choice.use, used_minor=0)
        for credit in known
        if credit.available_minor
    ]


def _flights(choice: Choice) -> dict[int, Flight]:
    return payments.in_flight_on([invoice.id for invoice in choice.invoices], at=clock.now())


def _whole(invoice: Invoice, told: dict[int, Any]) -> str:
    line = told.get(invoice.id)
    minor = line.pay_minor + line.credit_minor if line else invoice.balance_minor
    return formatting.amount(minor, invoice.currency, locale=filters.locale())


def symbol_of(currency: str) -> str:
    """What stands before an amount that is typed: £."""
    parts = formatting.money_parts(0, currency, locale=filters.locale())
    return parts.major.strip("0\u00a0") or parts.minor.strip("0.,\u00a0") or currency


def _address(choice: Choice) -> str:
    if choice.alone:
        return url_for(".choose_amount", number=choice.alone)
    return url_for(".choose_payment", invoice=[invoice.number for invoice in choice.invoices])


def _back(choice: Choice) -> str:
    return url_for(".invoice", number=choice.invoices[0].number) if len(choice.invoices) == 1 else url_for(".invoices")


def _words_after(found: list[Invoice]) -> str:
    if len(found) > 1:
        return f"It was applied to {len(found)} invoices."
    return f"It was applied to invoice {found[0].number}."
