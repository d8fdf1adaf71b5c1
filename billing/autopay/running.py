"""Running autopay: each due invoice is tried once, and what came of it decides whether it is tried again.

No call to the provider stands in a transaction, and none is repeated but under its own key (docs/decisions.md).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from peewee import IntegrityError

from billing import audit, cards, comparing, gateway, payments
from billing.actors import SYSTEM, Actor
from billing.autopay.choosing import MOST_TRIES, candidates, due_by, run_key, try_now
from billing.autopay.telling import tell_failure, tell_upcoming
from billing.cards import consent as consents
from billing.db import lock, transaction
from billing.errors import Refusal
from billing.invoices.activities import add_activity
from billing.money import NotPayableByStripe
from billing.payments import charging
from billing.payments.opening import reread
from billing.payments.planning import record
from billing.tables import Attempt, Autopay, AutopayRun, Card, Customer, Invoice

if TYPE_CHECKING:
    from datetime import date, datetime

log = logging.getLogger(__name__)

AUTOPAY = Actor("system", "autopay", "Autopay")
WAITS = {1: timedelta(days=3), 2: timedelta(days=5), 3: timedelta(days=7)}  # after the try of that number
MOST_UNANSWERED = 3  # then the provider is left in peace until the next tick
UNSETTLED = ("", "processing")


@dataclass(slots=True)
class Ran:
    """What a tick came to, by outcome; `unanswered` are repeated under their own keys at the next."""

    paid: int = 0
    processing: int = 0
    declined: int = 0
    needs_person: int = 0
    stopped: int = 0
    mistake: int = 0
    unanswered: int = 0

    def count(self, outcome: str) -> None:
        """One more of an outcome."""
        setattr(self, outcome or "unanswered", getattr(self, outcome or "unanswered") + 1)


def work(on: date, *, at: datetime) -> Ran:
    """All of autopay: tell what comes, then charge what is due. Raises StrangeGateway, and then charges nothing.

    At another account of the provider every card would look removed.
    """
    try:
        comparing.recognise()
    except gateway.OutcomeUnknown as unknown:
        log.warning("autopay waits: the provider does not answer (%s)", unknown)
        return Ran(unanswered=1)
    except gateway.Declined as refusal:  # a restricted key may not be allowed to ask
        log.warning("the provider did not say who we are: %s", refusal)
    tell_upcoming(on, at=at)
    return run_due(on, at=at)


def run_due(on: date, *, at: datetime) -> Ran:
    """Charge what falls due by `on` under a live consent, after finishing what is unfinished.

    As often as one likes: what was tried is not tried again before its next day. One that fails stops no other.
    """
    ran = Ran()
    for run in list(AutopayRun.select().where(AutopayRun.outcome.in_(UNSETTLED)).order_by(AutopayRun.id)):
        if ran.unanswered >= MOST_UNANSWERED:
            break
        outcome = _safely(run, on, at)
        if outcome != run.outcome or not outcome:
            ran.count(outcome)
    for invoice in candidates(on + timedelta(days=1)):
        if ran.unanswered >= MOST_UNANSWERED:
            log.warning("autopay: no answer from the provider, the rest waits")
            break
        begun = _begin(invoice.id, on, at) if _is_to_be_tried(invoice, on) else None
        if begun is not None:
            ran.count(_safely(begun, on, at))
    return ran


def _is_to_be_tried(invoice: Invoice, on: date) -> bool:
    """A look before anything is locked."""
    consent = cards.live(invoice.customer_id)
    return consent is not None and try_now(invoice, consent, on) is not None


def _begin(invoice_id: int, on: date, at: datetime) -> AutopayRun | None:
    """Commit one try with its attempt; None where it is not to be made (any more)."""
    try:
        with transaction():
            owner = Invoice.get_by_id(invoice_id).customer_id
            lock(Customer.select(Customer.id).where(Customer.id == owner)).get()
            invoice: Invoice = lock(Invoice.select().where(Invoice.id == invoice_id)).get()
            consent = cards.live(owner)
            told = try_now(invoice, consent, on) if consent is not None else None
            if consent is None or told is None:
                return None
            due, number = told
            key = run_key(invoice, due, consent, number)
            plan = payments.Plan(customer_id=owner, planned=(payments.Planned(invoice.id, due_by(invoice, on)),))
            attempt = record(
                plan,
                nonce=f"autopay:{key}",
                payer=AUTOPAY,
                currency=invoice.currency,
                at=at,
                kind="autopay",
                card_id=consent.card_id,
            )
            run: AutopayRun = AutopayRun.create(
                run_key=key, invoice=invoice.id, attempt=attempt.id, try_number=number, at=at
            )
    except IntegrityError:  # another worker makes this very try
        return None
    return run


def _safely(run: AutopayRun, on: date, at: datetime) -> str:
    try:
        return _carry_out(run, on, at)
    except Refusal as refusal:
        log.warning("autopay %s: %s", run.run_key, refusal)
    except Exception:
        log.exception("autopay %s is left for the next tick", run.run_key)
    return str(run.outcome)


def _carry_out(run: AutopayRun, on: date, at: datetime) -> str:
    """Charge, or ask what came of it; gives the outcome, "" where nobody knows yet."""
    attempt: Attempt = Attempt.get_by_id(run.attempt)
    if attempt.status == "created":
        try:
            attempt = charging.charge(attempt, at=at)
        except gateway.OutcomeUnknown as unknown:
            log.warning("autopay %s: no answer (%s), the same call is made again", run.run_key, unknown)
            return ""
        except gateway.TooSmall:
            attempt = reread(attempt)
        except (gateway.Declined, NotPayableByStripe) as refusal:
            log.error("autopay %s: the call was refused: %s", run.run_key, refusal)  # noqa: TRY400 - the words say it
            _look_at_card(attempt, at=at)
            attempt = reread(attempt)
    if attempt.status == "open":  # the bank asks somebody who is not there
        charging.end(attempt)
        attempt = charging.look(attempt, at=at)
    outcome, why = _outcome_of(run, attempt)
    if outcome != run.outcome:
        _note(run, attempt, outcome, why, on=on, at=at)
    return outcome


def _look_at_card(attempt: Attempt, *, at: datetime) -> None:
    """A card that was detached behind our back is the usual cause: then autopay by it ends."""
    card: Card = Card.get_by_id(attempt.card_id)
    try:
        cards.keep(card.stripe_id, at=at)
    except Refusal as refusal:
        log.warning("card %s could not be looked up: %s", card.id, refusal)


def _outcome_of(run: AutopayRun, attempt: Attempt) -> tuple[str, str]:
    """What a try came to, from its attempt alone, and the word for why."""
    if attempt.status == "succeeded":
        return "paid", ""
    if attempt.status in {"created", "processing"}:
        return ("processing" if attempt.status == "processing" else ""), ""
    why = attempt.failure
    if attempt.status in {"expired", "superseded"}:
        return "needs_person", why or gateway.NEEDS_PERSON
    if why in {charging.MISTAKE, charging.NEVER_CHARGED}:
        return "mistake", why
    if why == gateway.NEEDS_PERSON:
        return "needs_person", why
    if why == charging.TOO_SMALL or why in gateway.FINAL_REFUSALS or run.try_number >= MOST_TRIES:
        return "stopped", why
    return "declined", why


def _note(run: AutopayRun, attempt: Attempt, outcome: str, why: str, *, on: date, at: datetime) -> None:
    """Write down what came of a try, once, with all that follows from it."""
    next_on = on + WAITS[run.try_number] if outcome == "declined" else None
    with transaction():
        lock(Customer.select(Customer.id).where(Customer.id == attempt.customer_id)).get()
        invoice: Invoice = lock(Invoice.select().where(Invoice.id == run.invoice_id)).get()
        moved = (
            AutopayRun.update(outcome=outcome, next_on=next_on)
            .where((AutopayRun.id == run.id) & (AutopayRun.outcome == run.outcome))
            .execute()
        )
        if not moved or outcome in {"paid", "processing"}:
            return
        consent: Autopay = Autopay.get_by_id(int(run.run_key.split(":")[2]))
        is_off = outcome == "stopped" and why in gateway.FINAL_REFUSALS
        if is_off:
            why_off = f"the bank refuses {consent.card.words} for good"
            consents.end(consent, why=why_off, by=SYSTEM, at=at, tell=False)
        facts = {
            "outcome": outcome,
            "why": why,
            "minor": attempt.minor,
            "currency": attempt.currency,
            "card": consent.card.words,
            "try": run.try_number,
            "next_on": next_on.isoformat() if next_on else "",
        }
        is_ours = outcome == "mistake"
        add_activity(invoice.id, "autopay_failed", by=AUTOPAY, at=at, facts=facts, customer_sees=not is_ours)
        if not is_ours:
            tell_failure(run, invoice, consent, facts | {"is_off": is_off}, at=at)
        audit.record("autopay.failed", f"invoice:{invoice.id}", by=AUTOPAY, at=at, facts=facts)
