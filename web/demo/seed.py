"""A believable business, 18 months old today: the same verbs that people use, called with the instants of its past.

The same seed and day make the same names, amounts, dates and outcomes; what is random by nature (references, link
tokens, message ids) is random here too. Payments go through settle(), with a gateway that remembers what was paid.
"""

from __future__ import annotations

import itertools
import json
import logging
import random
import sys
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from heapq import heappop, heappush
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from billing import clock, customers, gateway, invoices, passwords, payments, seller, users
from billing.actors import SYSTEM, Actor
from billing.db import transaction
from billing.tables import Invoice, Link, Mail, Rendering
from web.demo import seed_money
from web.demo import seed_words as words
from web.demo.seed_drafts import drafted
from web.demo.seed_gateway import PAST_FILE, Remembered
from web.demo.seed_lives import lives

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from billing.tables import Customer
    from web.demo.seed_lives import Fate, Life

DAYS = 548  # 18 months
BATCH = 25  # steps that share a commit
FRESH_DAYS = 2  # what was issued since then is really mailed, the rest of the past never was
NOT_SENT = "Seeded with the demo's past: this mail was never sent."
ZONE = ZoneInfo(words.SELLER.time_zone)


def holds_a_business() -> bool:
    """Whether somebody set a seller up here."""
    return seller.find() is not None


def plant(
    *, customers_wanted: int, invoices_wanted: int, seed: int, staff_password: str, customer_password: str, folder: Path
) -> None:
    """Fill the empty database of this process, and tell how far it is. `folder` gets what the sandbox remembers."""
    now = clock.now()
    logging.getLogger("billing").setLevel(logging.ERROR)  # what is kept as credit is part of the story here
    passwords.use_cheap_hashes()  # a first sign-in makes a careful one
    remembered = Remembered()
    gateway.use(remembered)
    try:
        garden = _Garden(random.Random(seed), now, remembered, wanted=invoices_wanted)
        with transaction():
            garden.lay_out(customers_wanted, staff_password, customer_password)
        garden.grow()
        with transaction():
            _close_the_past(now - timedelta(days=FRESH_DAYS))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PAST_FILE).write_text(json.dumps(remembered.past()), encoding="utf-8")
    finally:
        gateway.use(None)
    _say(f"\r{' ' * 40}\r" if sys.stdout.isatty() else "")
    _say(f"Seeded {customers_wanted} customers and {invoices_wanted} invoices.\n")


@dataclass
class _Garden:
    """The seeding under way. Steps are taken in the order of their instants, as they would have happened."""

    dice: random.Random
    now: datetime
    remembered: Remembered
    wanted: int
    sam: Actor = SYSTEM
    ada: Actor = SYSTEM
    known: list[Customer] = field(default_factory=list)
    steps: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)
    order: itertools.count[int] = field(default_factory=itertools.count)
    written: int = 0
    told: int = 0

    def lay_out(self, wanted: int, staff_password: str, customer_password: str) -> None:
        """The seller, its team, the customers and their people."""
        began = self.now - timedelta(days=DAYS + 14)
        seller.save(words.SELLER, version=0, by=SYSTEM, at=began)
        for email, name, role in words.STAFF:
            user = users.create_staff(email, name, role, staff_password, by=SYSTEM, at=began)
            if email == words.STAFF_EMAIL:
                self.sam = users.actor(user)
            elif role == "approver":
                self.ada = users.actor(user)
        for index in range(wanted):
            details = self._customer(index)
            customer = customers.create(details, by=self.sam, at=began + timedelta(minutes=7 * index))
            self.known.append(customer)
        seed_money.set_policy(self.sam, began)
        first = users.by_email(words.CUSTOMER_EMAIL)
        assert first is not None, "the demo's first customer has a contact who signs in"
        users.set_password(first, customer_password, by=self.sam, at=began)

    def grow(self) -> None:
        """Plan every invoice's life, then live all lives in order."""
        for life in lives(self.dice, customers=len(self.known), invoices=self.wanted):
            self._plan(life)
        self._later(self._working_hour(3), seed_money.charge_late_fees)
        self._later(self.now - timedelta(minutes=2), self._leave_riddles)
        while self.steps:
            with transaction():
                for _ in range(min(BATCH, len(self.steps))):
                    at, _order, step = heappop(self.steps)
                    step(at)
            self._tell()

    def _tell(self) -> None:
        """How far it is: on one line of a terminal, every hundred invoices in a log."""
        if sys.stdout.isatty():
            _say(f"\rSeeding: {self.written} of {self.wanted} invoices ...")
        elif self.written >= self.told + 100:
            self.told = self.written
            _say(f"Seeding: {self.written} of {self.wanted} invoices ...\n")

    def _later(self, at: datetime, step: Callable[[datetime], None]) -> None:
        """Something to be done at `at`, unless that is still to come."""
        if at <= self.now:
            heappush(self.steps, (at, next(self.order), step))

    def _customer(self, index: int) -> customers.CustomerDetails:
        dice = self.dice
        home = words.Place(dice.choice(words.TOWNS), "GB", "United Kingdom", "GBP", "en_GB")
        if index == 0:
            name, place = words.FIRST_CUSTOMER, home
        elif 1 <= index <= len(words.ABROAD):
            name, place = words.ABROAD[index - 1]
        else:
            round_, position = divmod(index - 1 - len(words.ABROAD), len(words.NAMES))
            name, place = words.NAMES[position] + (f" {round_ + 1}" if round_ else ""), home
        slug = "".join(letter for letter in name.casefold() if letter.isascii() and letter.isalnum())
        people = [
            (f"{dice.choice(words.FIRST_NAMES)} {dice.choice(words.LAST_NAMES)}", f"{box}@{slug}.example")
            for box in ("accounts", "office", "owner")[: dice.choice((1, 1, 2, 2, 3))]
        ]
        if index == 0:
            people = [(words.CUSTOMER_NAME, words.CUSTOMER_EMAIL), *people]
        return customers.CustomerDetails(
            name=name,
            legal_name=f"{name} Ltd" if place.country == "GB" else name,
            address=(f"{dice.randint(1, 140)} {dice.choice(words.STREETS)}", place.town, place.country_name),
            country=place.country,
            currency=place.currency,
            locale=place.locale,
            tax_id=f"{place.country} {dice.randint(100, 999)} {dice.randint(1000, 9999)} {dice.randint(10, 99)}",
            terms_days=dice.choice((14, 30, 30, 30, 45)),
            contacts=tuple(
                customers.ContactDetails(name=person, email=email, receives_invoices=place_ < 2)
                for place_, (person, email) in enumerate(people)
            ),
        )

    def _plan(self, life: Life) -> None:
        """One invoice: whose, when, and what becomes of it."""
        customer = self.known[life.who]
        days_ago = life.days_ago if life.past_due is None else max(0, customer.terms_days + life.past_due)
        at = self._working_hour(days_ago)
        if life.fate == "draft":
            self._later(at, lambda at: self._leave_as_draft(customer, at))
        else:
            self._later(at, lambda at: self._issue(customer, life.fate, at))

    def _working_hour(self, days_ago: int) -> datetime:
        """Some moment of a working day; never later than a few minutes ago."""
        day = clock.day_of(self.now, words.SELLER.time_zone) - timedelta(days=days_ago)
        local = datetime.combine(day, time(8, 30), ZONE) + timedelta(minutes=self.dice.randint(0, 540))
        return min(local.astimezone(self.now.tzinfo), self.now - timedelta(minutes=self.dice.randint(3, 40)))

    def _leave_as_draft(self, customer: Customer, at: datetime) -> None:
        self._draft(customer, at)

    def _leave_riddles(self, at: datetime) -> None:
        open_ = Invoice.select().where((Invoice.balance_minor > 0) & (Invoice.kind == "invoice")).order_by(Invoice.id)
        seed_money.leave_riddles(self.known, list(open_), by=self.sam, at=at)

    def _draft(self, customer: Customer, at: datetime, fate: Fate = "draft") -> Invoice:
        self.written += 1
        return invoices.draft(customer.id, drafted(self.dice, customer, at, fate), by=self.sam, at=at)

    def _issue(self, customer: Customer, fate: Fate, at: datetime) -> None:
        draft = self._draft(customer, at, fate)
        on = clock.day_of(at, words.SELLER.time_zone)
        invoice = invoices.issue(draft.id, on=on, version=draft.version, by=self.sam, at=at)
        link = Link.select().where(Link.invoice == invoice.id).order_by(Link.contact).first()
        guest = Actor("guest", f"link:{link.id}", link.contact.name)
        if self.dice.random() < 0.8:
            seen = at + timedelta(minutes=self.dice.randint(4, 2600))
            self._later(seen, lambda at: invoices.record_view(invoice.id, by=guest, at=at))
        if fate == "void":
            reason = self.dice.choice(words.VOID_REASONS)
            voided = self._between(at, at + timedelta(hours=30))
            self._later(voided, lambda at: self._void(invoice, reason, at))
        elif fate == "in_part":
            half = invoice.total_minor // 2
            self._later(self._between(at, self.now), lambda at: seed_money.transfer(invoice, half, by=self.sam, at=at))
        elif fate in {"paid", "overpaid"}:
            usual = at + timedelta(days=invoice.terms_days + 9)
            surplus_minor = 10_00 if fate == "overpaid" else 0
            self._later(self._between(at, usual), lambda at: self._pay(invoice, guest, surplus_minor, at))
        else:
            self._live_on(invoice, fate, guest, at)

    def _live_on(self, invoice: Invoice, fate: Fate, guest: Actor, at: datetime) -> None:
        """What becomes of it otherwise than by a payment by card."""
        usual = self._between(at, at + timedelta(days=invoice.terms_days + 9))
        two = {"by": self.sam, "second": self.ada}
        if fate == "by_transfer":
            self._later(usual, lambda at: seed_money.transfer(invoice, invoice.total_minor, by=self.sam, at=at))
        elif fate == "early":
            soon = self._between(at, at + timedelta(days=9))
            self._later(soon, lambda at: seed_money.transfer_early(invoice, by=self.sam, at=at))
        elif fate == "in_parts":
            soon = self._between(at, at + timedelta(days=4))
            self._later(soon, lambda at: seed_money.transfer_first_part(invoice, by=self.sam, at=at))
        elif fate == "credited":
            self._later(usual, lambda at: seed_money.credit_a_part(invoice, **two, at=at))
        elif fate == "returned":
            self._later(usual, lambda at: self._pay(invoice, guest, 0, at))
            self._later(usual + timedelta(days=2), lambda at: seed_money.send_back(invoice, **two, at=at))
        elif fate == "given_up":
            late = at + timedelta(days=invoice.terms_days + 75)
            self._later(late, lambda at: seed_money.give_up(invoice, **two, at=at))

    def _between(self, first: datetime, last: datetime) -> datetime:
        """Some moment from an hour after `first` to `last`, and before now."""
        until = min(last, self.now - timedelta(minutes=2))
        seconds = max(0, int((until - first).total_seconds()) - 3600)
        return min(first + timedelta(seconds=3600 + int(self.dice.triangular(0, seconds, seconds))), until)

    def _void(self, invoice: Invoice, reason: str, at: datetime) -> None:
        invoices.void(invoice.id, reason=reason, by=self.sam, at=at)

    def _pay(self, invoice: Invoice, guest: Actor, surplus_minor: int, at: datetime) -> None:
        """Through the real checkout, at the gateway that remembers."""
        plan = [payments.Planned(invoice.id, invoice.total_minor)]
        attempt = payments.start_checkout(
            customer_id=invoice.customer_id,
            planned=plan,
            nonce=f"seed-{invoice.id}",
            payer=guest,
            at=at - timedelta(minutes=2),
        )
        method = self.dice.choice(words.METHODS)
        payments.settle(self.remembered.pay(attempt, method, at, surplus_minor), at=at)


def _close_the_past(until: datetime) -> None:
    """Mails of the past were never sent and are not to be: their rows say so. The fresh ones leave for real."""
    past = (Mail.state == "queued") & (Mail.queued_at < until)
    Invoice.update(sent_at=Invoice.issued_at).where(
        Invoice.id.in_(Mail.select(Mail.invoice).where(past & (Mail.event == "invoice_issued")))
    ).execute()
    Mail.update(state="accepted", accepted_at=Mail.queued_at, error=NOT_SENT).where(past).execute()
    fresh = Mail.select(Mail.invoice).where((Mail.state == "queued") & Mail.invoice.is_null(False))
    long_ago = until - timedelta(days=2 * DAYS)
    Rendering.update(due_at=long_ago).where(Rendering.invoice.in_(fresh)).execute()  # drawn before the others


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
