"""Refunds for the billing team: asking for one, deciding about one, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import flash, render_template, request, url_for

from admin import admin, reading
from admin.afterwards import after_refund
from admin.approvals import decision_sent
from admin.settings import selling
from billing import approvals, clock, credits, money, refunds
from billing.allocations import name_of
from billing.errors import Refusal
from web import forms, hx
from web.filters import today
from web.people import person, staff_only, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.typing import ResponseReturnValue

    from billing.allocations import Source

FORM = ("admin/refunds/new.html", "admin/refunds/_form.html")
WAYS = (("bank", "Bank transfer"), ("cheque", "Cheque"), ("cash", "Cash"), ("other", "Another way"))
ORIGINAL = "original-"
FIELDS = ("place", "amount", "way", "sent_on", "reason")
MOST_TYPED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a refund would do before it is asked for: so much off one place, back to `card` ("" another way)."""

    minor: int
    place: refunds.Place
    is_too_much: bool
    card: str
    needs_approval: bool


@admin.get("/refunds", endpoint="refunds")
@staff_only
def show_refunds() -> ResponseReturnValue:
    """Every refund, newest first, and those that somebody must look at."""
    before = reading.number(request.args.get("before", ""))
    page = refunds.page(before=before if before > 0 else None)
    return render_template("admin/refunds/list.html", page=page, first=before <= 0, to_review=refunds.to_review())


@admin.get("/refunds/<int:refund_id>", endpoint="refund")
@staff_only
def show_refund(refund_id: int) -> ResponseReturnValue:
    """One refund: where it comes from, where it goes, and what became of it."""
    refund = refunds.get(refund_id)
    approval = approvals.about(refund_id=refund_id)
    return render_template(
        "admin/refunds/show.html",
        refund=refund,
        approval_words=approvals.words_of(approval) if approval else "",
        may_decide=refund.status == "awaiting"
        and approval is not None
        and approval.requested_by_id != person().actor.user_id
        and approvals.may_decide(person().actor),
    )


@admin.route("/payments/<int:payment_id>/refund", methods=["GET", "POST"], endpoint="refund_payment")
@staff_role("admin")
@once
def refund_payment(payment_id: int) -> ResponseReturnValue:
    """Give a payment back, or a part of it."""
    source = credits.source_of(credits.CreditKey("payment", payment_id))
    back = url_for(".payment", payment_id=payment_id)
    return _ask(source, action=url_for(".refund_payment", payment_id=payment_id), back=back)


@admin.route("/credit-notes/<int:credit_note_id>/refund", methods=["GET", "POST"], endpoint="refund_credit_note")
@staff_role("admin")
@once
def refund_credit_note(credit_note_id: int) -> ResponseReturnValue:
    """Pay out what a credit note gives."""
    source = credits.source_of(credits.CreditKey("credit_note", credit_note_id))
    back = url_for(".credit_note", credit_note_id=credit_note_id)
    return _ask(source, action=url_for(".refund_credit_note", credit_note_id=credit_note_id), back=back)


@admin.post("/refunds/<int:refund_id>/decide", endpoint="decide_refund")
@staff_role("admin", "approver")
@once
def decide_refund(refund_id: int) -> ResponseReturnValue:
    """A second person's word."""
    waiting = refunds.get(refund_id)
    approved, note = decision_sent()
    refund = refunds.decide(waiting.id, approved=approved, note=note, by=person().actor, at=clock.now())
    after_refund(refund)
    flash("The refund is approved." if approved else "The refund is declined.", "success")
    return hx.go(url_for(".refund", refund_id=refund_id))


@admin.post("/refunds/<int:refund_id>/send", endpoint="send_refund")
@staff_role("admin")
def send_refund(refund_id: int) -> ResponseReturnValue:
    """Ask Stripe again, under the same key: it is never sent twice."""
    refunds.send_again(refund_id, at=clock.now())
    return hx.go(url_for(".refund", refund_id=refund_id))


@admin.post("/refunds/<int:refund_id>/reviewed", endpoint="review_refund")
@staff_role("admin")
def review_refund(refund_id: int) -> ResponseReturnValue:
    """Somebody looked at a refund that was made in Stripe's dashboard."""
    refunds.reviewed(refund_id, by=person().actor, at=clock.now())
    flash("Marked as looked at.", "success")
    return hx.go(url_for(".refund", refund_id=refund_id))


def _ask(source: Source, *, action: str, back: str) -> ResponseReturnValue:
    places, charges = refunds.places(source), refunds.charges(source)
    shown: dict[str, Any] = {
        "action": action,
        "back": back,
        "source": source,
        "name": name_of(source),
        "places": places,
        "ways": [(f"{ORIGINAL}{payment.id}", f"Back to {payment.method}") for payment, _ in charges] + list(WAYS),
        "limits": charges,
        "today": today(),
        "seen": _seen,
    }
    if request.method == "GET":
        typed = _first_guess(places, shown["ways"], source)
        return forms.show(*FORM, typed=typed, effect=_effect(typed, shown), **shown)
    typed = {name: request.form.get(name, "").replace("\r\n", "\n")[:MOST_TYPED] for name in FIELDS}
    if "preview" in request.form:
        typed = _chosen_anew(typed, places, source)
        return forms.show(*FORM, typed=typed, effect=_effect(typed, shown), **shown)
    if request.form.get("seen", _seen(typed)) != _seen(typed):  # the button said something else than what was typed
        return forms.show(*FORM, typed=typed, effect=_effect(typed, shown), look_again=True, **shown)
    forms.shown_again(*FORM, typed=typed, effect=_effect(typed, shown), **shown)
    refund = refunds.request(
        source=credits.key_of_source(source), **_read(typed, source, places), by=person().actor, at=clock.now()
    )
    after_refund(refund)
    if refund.status == "awaiting":
        flash("The refund waits for the approval of a second person.", "success")
    return hx.go(url_for(".refund", refund_id=refund.id))


def _first_guess(places: list[refunds.Place], ways: list[tuple[str, str]], source: Source) -> dict[str, str]:
    """What is most likely meant: all of the first place, back the way it came."""
    first = places[0] if places else None
    return {
        "place": str(first.invoice_id or "") if first else "",
        "amount": _typed(first.minor, source.currency) if first else "",
        "way": ways[0][0],
        "sent_on": today().isoformat(),
        "reason": "",
    }


def _seen(typed: Mapping[str, str]) -> str:
    """What the button's words were about."""
    return " ".join(typed[name].strip() for name in ("place", "amount", "way"))


def _chosen_anew(typed: dict[str, str], places: list[refunds.Place], source: Source) -> dict[str, str]:
    """What is typed while somebody chooses: another place brings its own amount."""
    place = _place_of(typed, places)
    if place is None or typed["place"] == request.form.get("shown", ""):
        return typed
    return typed | {"amount": _typed(place.minor, source.currency)}


def _effect(typed: Mapping[str, str], shown: Mapping[str, Any]) -> Effect | None:
    """What the refund would do; None while its amount cannot be read."""
    currency = shown["source"].currency
    place = _place_of(typed, shown["places"])
    amount = reading.bare(typed["amount"], currency, selling().locale)
    try:
        minor = money.read(amount, currency, locale=selling().locale, field="amount")
    except Refusal:
        return None
    if place is None:
        return None
    cards = {f"{ORIGINAL}{payment.id}": payment.method for payment, _ in shown["limits"]}
    return Effect(
        minor=minor,
        place=place,
        is_too_much=minor > place.minor,
        card=cards.get(typed["way"], ""),
        needs_approval=approvals.needed(minor, currency, by=person().actor),
    )


def _place_of(typed: Mapping[str, str], places: list[refunds.Place]) -> refunds.Place | None:
    return next((place for place in places if str(place.invoice_id or "") == typed["place"]), None)


def _read(typed: Mapping[str, str], source: Source, places: list[refunds.Place]) -> dict[str, Any]:
    """What the form asks for. Raises Invalid with the words for each field that cannot be."""
    found, locale = reading.Reading(), selling().locale
    way = typed["way"]
    amount = reading.bare(typed["amount"], source.currency, locale)
    minor = found.take("amount", lambda: money.read(amount, source.currency, locale=locale, field="amount"), 1)
    place = _place_of(typed, places)
    if place is not None and minor > place.minor:
        found.problems["amount"] = refunds.NothingLeftToRefund(left_minor=place.minor, currency=source.currency).message
    reason = found.take("reason", lambda: refunds.reason_of(typed["reason"]), "")
    sent_on = found.take("sent_on", lambda: reading.day(typed["sent_on"], "sent_on"), None)
    found.refuse_problems()
    by_card = way.startswith(ORIGINAL)
    method = "original" if by_card else way if way in refunds.METHODS else "other"
    return {
        "minor": minor,
        "method": method,
        "reason": reason,
        "from_invoice_id": reading.number(typed["place"]) if typed["place"] else None,
        "charge_payment_id": reading.number(way.removeprefix(ORIGINAL)) if by_card else None,
        "sent_on": None if by_card else sent_on,
    }


def _typed(minor: int, currency: str) -> str:
    return str(money.to_decimal(minor, currency))
