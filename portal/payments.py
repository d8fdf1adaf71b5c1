"""Paying: off to the provider's page, and back to what became of it.

The redirect back proves nothing: GET shows what is known, and a POST asks the provider. A guest sees
the payments of their own link alone, and nobody is sent to another person's payment page.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import abort, request, url_for

from billing import cards, clock, gateway, payments
from billing.errors import Conflict, Missing, Refusal
from portal import portal
from portal.credits import KEPT
from portal.invoices import page_of, theirs
from portal.paying import card_id_of, form_for, onward, settle_form
from web import hx
from web.limits import coarse
from web.people import as_guest_of, customer_or_guest, person

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from billing.actors import Actor
    from billing.tables import Attempt, Invoice

OFTEN = "240 per minute"
ASK_FOR_SECONDS = 120
RETRY_AFTER_SECONDS = "5"
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MINOR = re.compile(r"[1-9][0-9]{0,15}")
_SECONDS = re.compile(r"[0-9]{1,10}")

# Why a payment did not come about: the heading and the words. Nothing was charged in any of these.
NOT_COMPLETED = {
    "": ("Payment page closed", "It was open for an hour, and nothing was paid."),
    "cancelled": ("Payment cancelled", "You can pay whenever you are ready."),
    "taken_over": ("Paid by somebody else", "Another person began to pay instead, so this page was closed."),
    "replaced": ("Payment page replaced", "You began again with another amount, so this page was closed."),
    "released": ("Payment stopped", "We closed this page because the invoice is being changed."),
    "paid_otherwise": ("Payment no longer needed", "It was paid another way, so this page was closed."),
    "unknown_page": ("Payment page closed", "Its time is over, and nothing was paid."),
    "never_opened": ("Payment not started", "Our payment provider did not answer in time."),
    "amount_not_exact": ("Payment not started", "A card cannot pay exactly this amount. Pay by bank transfer instead."),
    "amount_too_small": ("Payment not started", "A card cannot pay so small an amount. Pay by bank transfer instead."),
    "mistake": ("Payment not started", "Our payment provider could not take it, and your bank was not asked."),
}
HEADINGS = {
    "received": "Payment received",
    "given_back": "Payment given back",
    "taken_back": "Payment taken back by your bank",
    "bounced": "Payment did not go through",
    "on_its_way": "Payment on its way",
    "open": "Not paid yet",
    "checking": "Checking your payment",
}
FAILED = ("Payment failed", "Your bank refused the payment. Try another way to pay, or call your bank first.")


@portal.post("/invoices/<number>/pay")
@customer_or_guest
@coarse(OFTEN)
def pay(number: str) -> AnyResponse:
    """Go to the payment page for exactly the amount that was shown, or say why not."""
    if "seal" in request.form:
        return settle_form(form_for(number))
    invoice, form = theirs(number), request.form
    nonce, quoted = form.get("nonce", ""), form.get("quoted_total", "")
    if not _NONCE.fullmatch(nonce) or not _MINOR.fullmatch(quoted) or not _MINOR.fullmatch(form.get("part", quoted)):
        abort(400)
    try:
        attempt = _begin(invoice, int(quoted), nonce, person().actor)
    except Missing:
        raise
    except gateway.OutcomeUnknown as unknown:
        response = page_of(theirs(number), problem=unknown.message, status=503)
        response.headers["Retry-After"] = RETRY_AFTER_SECONDS
        return response
    except Refusal as refusal:
        status = 409 if isinstance(refusal, Conflict) else 422
        declined = isinstance(refusal, cards.CardRefused)
        return page_of(theirs(number), problem=refusal.message, declined=declined, status=status)
    return hx.go(onward(attempt))


@portal.get("/payments/<attempt_id>")
@customer_or_guest
def payment(attempt_id: str) -> Response:
    """What is known of a payment; the page then asks by POST while it is not."""
    attempt, asker = seen_by_asker(attempt_id)
    return _page(attempt, asker, began=clock.now(), returned="returned" in request.args)


@portal.post("/payments/<attempt_id>/check")
@customer_or_guest
@coarse(OFTEN)
def check_payment(attempt_id: str) -> AnyResponse | tuple[str, int]:
    """Ask the provider. A waiting page hears nothing until there is news, and gives up after two minutes."""
    attempt, asker = seen_by_asker(attempt_id)
    at = clock.now()
    attempt = payments.check(attempt, at=at)
    if not hx.wants_fragment():
        return hx.go(url_for(".payment", attempt_id=attempt_id))
    sent = request.form.get("began", "")
    began = datetime.fromtimestamp(int(sent), UTC) if _SECONDS.fullmatch(sent) else at
    returned = bool(request.form.get("returned"))
    state = payments.outcome(attempt, at=at, returned=returned).state
    if state == "checking" and (at - began).total_seconds() < ASK_FOR_SECONDS:
        return "", 204
    return _page(attempt, asker, began=began, returned=returned)


@portal.post("/payments/<attempt_id>/cancel")
@customer_or_guest
@coarse(OFTEN)
def cancel_payment(attempt_id: str) -> AnyResponse:
    """Close the payment page, unless it was paid meanwhile."""
    attempt, asker = seen_by_asker(attempt_id)
    payments.cancel(attempt, by=asker, at=clock.now())
    return hx.go(url_for(".payment", attempt_id=attempt_id))


def _begin(invoice: Invoice, quoted_minor: int, nonce: str, payer: Actor) -> Attempt:
    """Pay all that was shown as owed or the part that was offered, with the saved card that was chosen or elsewhere."""
    minor = int(request.form.get("part", quoted_minor))
    plan = payments.Plan(customer_id=invoice.customer_id, planned=(payments.Planned(invoice.id, minor, quoted_minor),))
    told: dict[str, Any] = {"nonce": nonce, "payer": payer, "at": clock.now()}
    other_id, card_id = request.form.get("take_over", ""), card_id_of(request.form.get("card"))
    if other_id:
        payments.make_way(other_id, plan, **told)
    if card_id is not None:
        return cards.pay(card_id, plan, **told)
    return payments.start_checkout(customer_id=plan.customer_id, planned=plan.planned, **told)


def seen_by_asker(attempt_id: str) -> tuple[Attempt, Actor]:
    """The attempt and who asks: a person of its customer, else the guest whose link paid. Raises Missing."""
    asker = person()
    if asker.customer_id is not None:
        try:
            return payments.attempt_for(attempt_id, customer_id=asker.customer_id), asker.actor
        except Missing:
            pass  # perhaps it was paid from a mailed link in this browser
    for invoice_id in payments.invoice_ids_of(attempt_id):
        guest = as_guest_of(invoice_id)
        if guest is not None:
            return payments.attempt_for(attempt_id, payer=guest.actor.key), guest.actor
    raise Missing("We cannot find that payment.")


def _page(attempt: Attempt, asker: Actor, *, began: datetime, returned: bool) -> Response:
    """The page of a payment, or its part that changes. Only its payer is led on to the provider's page."""
    at = clock.now()
    told = payments.outcome(attempt, at=at, returned=returned)
    is_mine = attempt.payer == asker.key
    title, words = NOT_COMPLETED.get(attempt.failure, FAILED)
    return hx.respond(
        "portal/payments/payment.html",
        "portal/payments/_payment.html",
        told=told,
        attempt=attempt,
        is_mine=is_mine,
        is_guest=asker.kind == "guest",
        onward=attempt.url if is_mine and told.state == "open" else None,
        asks=(at - began).total_seconds() < ASK_FOR_SECONDS,
        began=int(began.timestamp()),
        returned=returned,
        heading=HEADINGS.get(told.state, title),
        words=words,
        paid_ahead=bool(told.receipt and told.receipt.kept_reason == payments.PAID_AHEAD),
        kept_words=KEPT.get(told.receipt.kept_reason, "") if told.receipt else "",
        fragment=hx.wants_fragment(),
    )
