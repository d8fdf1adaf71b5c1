"""Late fees and interest by rule: what an overdue invoice costs by a day, and why it costs nothing.

All of it is pure. Fees never compound: they are worked out on the overdue invoice alone, interest is simple, and a
fee's own document bears none. A year has 365 days, a leap year too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from billing import formatting, tax

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PERIOD_DAYS = 30  # interest is charged for each so many days that are over
YEAR_DAYS = 365
LATE_FEE, INTEREST = "late_fee", "interest"
NONE, FLAT, PERCENT, YEARLY = "none", "flat", "percent", "interest"
SHAPES = (NONE, FLAT, PERCENT, YEARLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the seller charges. `minor` and `cap_minor` are of the seller's currency; rates are ppm.

    `shape` says which of the figures counts: flat takes `minor`, percent `ppm` of what is overdue, interest
    `yearly_ppm` of what was overdue each day. Nothing is charged in the first `grace_days`, on invoices due before
    `since`, or beyond the caps, which hold for all fees of one invoice together (`cap_ppm` is of its total).
    """

    shape: str = NONE
    minor: int = 0
    ppm: int = 0
    yearly_ppm: int = 0
    grace_days: int = 0
    cap_minor: int | None = None
    cap_ppm: int | None = None
    since: date | None = None

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> Rule:
        """The rule as the seller's row keeps it; none where nothing is kept."""
        since = values.get("since")
        return cls(**(dict(values) | {"since": date.fromisoformat(since) if since else None}))

    def as_stored(self) -> dict[str, Any]:
        """What the seller's row keeps."""
        return {} if self.shape == NONE else asdict(self) | {"since": self.since.isoformat() if self.since else None}

    @property
    def kind(self) -> str:
        """What its documents are: a late fee or interest."""
        return INTEREST if self.shape == YEARLY else LATE_FEE


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a decision needs to know of an invoice. Money is minor units of `currency`.

    `parts` are its due days with what falls due on each; `balances` says from which day on how much was open,
    oldest first. `charged_until` is where interest charged before ends, `charged_minor` all fees that still stand.
    """

    currency: str
    seller_currency: str
    locale: str
    total_minor: int
    parts: Sequence[tuple[date, int]]
    balances: Sequence[tuple[date, int]]
    charged_kinds: frozenset[str] = frozenset()
    charged_until: date | None = None
    charged_minor: int = 0
    is_fee: bool = False
    is_being_paid: bool = False
    is_disputed: bool = False
    is_charged_back: bool = False
    is_excluded: bool = False

    def balance(self, on: date) -> int:
        """What was open at the end of a day."""
        return next((minor for since, minor in reversed(self.balances) if since <= on), 0)

    def overdue(self, on: date, grace_days: int) -> int:
        """What of it should have been paid so many days before `on`, and was not."""
        later = sum(minor for due_on, minor in self.parts if due_on + timedelta(days=grace_days) >= on)
        return max(self.balance(on) - later, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What is to be charged, for the days [from_on, until_on), and how it was worked out, for the customer."""

    kind: str
    minor: int
    from_on: date
    until_on: date
    words: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Why nothing is charged."""

    why: str


def decide(rule: Rule, invoice: Situation, on: date) -> Fee | Skipped:
    """What an invoice costs by `on`. A day of payment counts as paid; overdue starts the day after the due date."""
    why = _why_not(rule, invoice, on)
    if why:
        return Skipped(why)
    found = _interest(rule, invoice, on) if rule.shape == YEARLY else _once(rule, invoice, on)
    return found if isinstance(found, Skipped) else _capped(rule, invoice, found)


def _why_not(rule: Rule, invoice: Situation, on: date) -> str:
    first_due_on = invoice.parts[0][0]
    foreign = invoice.currency != invoice.seller_currency
    reasons = (
        (rule.shape == NONE, "no late fee is set"),
        (invoice.is_fee, "it is a fee itself"),
        (not invoice.balance(on), "nothing is owed"),
        (not invoice.overdue(on, 0), "nothing is overdue"),
        (not invoice.overdue(on, rule.grace_days), f"the {rule.grace_days} days of grace are not over"),
        (rule.since is not None and first_due_on < rule.since, "it was due before the rule began"),
        (invoice.is_excluded, "no late fees are charged to this customer"),
        (invoice.is_disputed, "it is disputed"),
        (invoice.is_charged_back, "a bank has not decided about a chargeback of it"),
        (invoice.is_being_paid, "it is being paid"),
        (
            foreign and (rule.shape == FLAT or rule.cap_minor is not None),
            f"the rule is in {invoice.seller_currency}, the invoice in {invoice.currency}",
        ),
    )
    return next((words for holds, words in reasons if holds), "")


def _once(rule: Rule, invoice: Situation, on: date) -> Fee | Skipped:
    """A flat sum, or a share of what is overdue now: once for each invoice."""
    if LATE_FEE in invoice.charged_kinds:
        return Skipped("its late fee is charged already")
    open_minor = invoice.overdue(on, rule.grace_days)
    due_on = _earliest_open(invoice, on)
    was_due = f"was due on {formatting.day(due_on, 'long', locale=invoice.locale)} and is unpaid"
    if rule.shape == FLAT:
        minor, words = rule.minor, f"{_money(invoice, open_minor)} {was_due}. The late fee is {{fee}}."
    else:
        minor = tax.portion(open_minor, part=rule.ppm, whole=tax.PPM)
        rate = formatting.rate(rule.ppm, locale=invoice.locale)
        words = f"{_money(invoice, open_minor)} {was_due}. The late fee is {rate} of it, {{fee}}."
    if not minor:
        return Skipped("it comes to nothing")
    until_on = on + timedelta(days=1)
    return Fee(kind=LATE_FEE, minor=minor, from_on=due_on + timedelta(days=1), until_on=until_on, words=words)


def _interest(rule: Rule, invoice: Situation, on: date) -> Fee | Skipped:
    """Simple interest on what was overdue each day, for every period that is over and not yet charged."""
    from_on = invoice.charged_until or invoice.parts[0][0] + timedelta(days=rule.grace_days + 1)
    periods = (on - from_on).days // PERIOD_DAYS
    if periods < 1:
        return Skipped(f"the next {PERIOD_DAYS} days are not over")
    until_on = from_on + timedelta(days=periods * PERIOD_DAYS)
    steps = [step for step in _steps(invoice, rule.grace_days, from_on, until_on) if step[2]]
    # Rounded once, over all days together.
    day_minors = sum(days * minor for _, days, minor in steps)
    minor = tax.portion(day_minors, part=rule.yearly_ppm, whole=tax.PPM * YEAR_DAYS)
    if not minor:
        return Skipped("it comes to nothing")
    rate = formatting.rate(rule.yearly_ppm, locale=invoice.locale)
    each = "; ".join(_step_words(invoice, *step) for step in steps)
    words = f"Interest at {rate} a year (365 days) on what was overdue: {each}. It comes to {{fee}}."
    return Fee(kind=INTEREST, minor=minor, from_on=from_on, until_on=until_on, words=words)


def _steps(invoice: Situation, grace_days: int, from_on: date, until_on: date) -> Iterator[tuple[date, int, int]]:
    """The first day, the number of days, and what was overdue on each of them."""
    days = (from_on + timedelta(days=at) for at in range((until_on - from_on).days))
    for minor, run in groupby(days, key=lambda day: invoice.overdue(day, grace_days)):
        same = list(run)
        yield same[0], len(same), minor


def _step_words(invoice: Situation, first: date, days: int, minor: int) -> str:
    last = first + timedelta(days=days - 1)
    between = " to ".join(formatting.day(day, "medium", locale=invoice.locale) for day in sorted({first, last}))
    return f"{_money(invoice, minor)} for {days} day{'s' if days > 1 else ''} ({between})"


def _capped(rule: Rule, invoice: Situation, fee: Fee) -> Fee | Skipped:
    """The fee within what all fees of the invoice may come to, its words completed."""
    caps = [rule.cap_minor] if rule.cap_minor is not None else []
    if rule.cap_ppm is not None:
        caps.append(tax.portion(invoice.total_minor, part=rule.cap_ppm, whole=tax.PPM))
    room = min(caps) - invoice.charged_minor if caps else fee.minor
    if room <= 0:
        return Skipped("its fees have reached the most that is charged")
    minor = min(fee.minor, room)
    words = fee.words.format(fee=_money(invoice, fee.minor))
    if minor < fee.minor:
        words += f" Limited to {_money(invoice, minor)}, the most that is charged."
    return Fee(kind=fee.kind, minor=minor, from_on=fee.from_on, until_on=fee.until_on, words=words)


def _earliest_open(invoice: Situation, on: date) -> date:
    """The due day of the earliest part that is not yet paid."""
    settled = sum(minor for _, minor in invoice.parts) - invoice.balance(on)
    for due_on, minor in invoice.parts:
        if settled < minor:
            return due_on
        settled -= minor
    raise AssertionError("something is overdue")


def _money(invoice: Situation, minor: int) -> str:
    return formatting.money(minor, invoice.currency, locale=invoice.locale)
