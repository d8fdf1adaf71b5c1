"""The books for others to read: the whole ledger as an hledger journal, one transaction for each posting.

What is written is exact and complete, so that hledger's balances are ours to the unit. The format is that of
hledger's manual, "journal"; names of people and documents are made harmless, since they are whatever was typed.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from peewee import fn

from billing import money, seller
from billing.tables import CreditNote, Customer, Invoice, LedgerAccount, Posting, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from peewee import Expression, ModelSelect

# How each ledger account is called in the journal. Those of a customer have a part for each customer below them.
NAMES = {
    "receivable": "assets:receivable",
    "bank": "assets:bank",
    "card_clearing": "assets:card clearing",
    "customer_credit": "liabilities:customer credit",
    "tax_payable": "liabilities:tax payable",
    "suspense": "liabilities:suspense",
    "revenue": "income:revenue",
    "fee_income": "income:late fees",
    "card_fees": "expenses:card fees",
    "bad_debt": "expenses:bad debt",
}
BY_SIDE = {"debit": "assets", "credit": "liabilities"}  # where one stands that the table above does not know
OF_CUSTOMERS = frozenset({"receivable", "customer_credit"})

BATCH = 500
NUMBERS_SHOWN = 3
MARKS = {";": ",", "|": "/", ":": "-"}  # they end a description, part payee from note, and part a name's levels


@dataclass(slots=True)
class Entry:
    """A posting as the journal tells it. `lines` are minor units by name, currency and document, debits positive."""

    on: date
    ref: str
    kind: str
    posted: str
    numbers: dict[str, None] = field(default_factory=dict)
    buyers: dict[str, None] = field(default_factory=dict)
    lines: dict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True)
class _Naming:
    """The journal's names of ledger accounts and customers, read once, so that one name holds all through."""

    ledger_accounts: dict[str, str]
    customers: dict[int, str]

    def of(self, code: str, customer_id: int | None) -> str:
        whole = self.ledger_accounts[code]
        if code not in OF_CUSTOMERS or customer_id is None:
            return whole
        return f"{whole}:{customer_id} {self.customers[customer_id]}".rstrip()


def hledger(*, until: date | None = None) -> Iterator[str]:
    """The journal, piece by piece: what is declared, then every posting before `until` by day and by booking.

    Only what was booked when it began is in it. Ledger rows never change, so nothing need be locked.
    """
    before = Posting.effective_on < (until or date.max)
    in_order = Posting.select(Posting.id).where(before).order_by(Posting.effective_on, Posting.id)
    ids = [row[0] for row in _rows(in_order)]
    naming = _naming()
    yield _head(naming, before, until)
    for start in range(0, len(ids), BATCH):
        for entry in _entries(ids[start : start + BATCH], naming):
            yield written(entry)


def written(entry: Entry) -> str:
    """A transaction as the journal's text, with a blank line before it."""
    numbers, buyers = list(entry.numbers), list(entry.buyers)
    more = f" and {len(numbers) - NUMBERS_SHOWN} more" if len(numbers) > NUMBERS_SHOWN else ""
    kind = entry.kind.replace("_", " ").capitalize()
    words = f"{kind} {', '.join(numbers[:NUMBERS_SHOWN])}{more}"
    about = plain(" - ".join([words, *buyers]))
    rows = [f"\n{entry.on.isoformat()} ({_code(entry.ref)}) {about}  ; posted: {entry.posted}"]
    for (name, currency, number), minor in entry.lines.items():
        document = f"  ; document: {plain(number)}" if number else ""
        rows.append(f"    {name}  {money.to_decimal(minor, currency)} {currency}{document}")
    return "\n".join(rows) + "\n"


def plain(text: str) -> str:
    """Text that cannot end a field or begin another: one line, single spaces, no marks that the format reads."""
    kept = "".join(MARKS.get(mark, mark) for mark in unicodedata.normalize("NFC", text))
    spaced = "".join(" " if mark.isspace() or unicodedata.category(mark)[0] in "CZ" else mark for mark in kept)
    return " ".join(spaced.split())


def _code(ref: str) -> str:
    return "".join(mark for mark in ref if mark.isprintable() and mark not in "()")


def _naming() -> _Naming:
    ledger_accounts = {
        row.code: NAMES.get(row.code) or f"{BY_SIDE[row.side]}:{plain(row.code.replace('_', ' '))}"
        for row in LedgerAccount.select()
    }
    customers = {customer_id: plain(name) for customer_id, name in _rows(Customer.select(Customer.id, Customer.name))}
    return _Naming(ledger_accounts, customers)


def _head(naming: _Naming, before: Expression, until: date | None) -> str:
    """Whose books, and every currency and name used, so that hledger's strict checks hold."""
    booked = Transfer.select().join(Posting).where(before)
    currencies = sorted(row[0] for row in _rows(booked.select(Transfer.currency).distinct()))
    used = {
        naming.of(code, customer_id)
        for side in (Transfer.debit, Transfer.credit)
        for code, customer_id in _rows(booked.select(side, Transfer.customer).distinct())
    }
    last = f", before {until.isoformat()}" if until else ""
    selling = seller.find()
    rows = [
        f"; The books of {plain(selling.legal_name) if selling else 'a new installation'}{last}, written by Remit",
        "",
    ]
    rows += [f"commodity {_sample(currency)} {currency}" for currency in currencies]
    rows += ["", *(f"account {name}" for name in sorted(used))]
    return "\n".join(rows) + "\n"


def _sample(currency: str) -> str:
    """How an amount of the currency looks: 1000.00, or 1000. where it has no decimals."""
    places = money.exponent(currency)
    return f"1000.{'0' * places}"


def _entries(ids: Sequence[int], naming: _Naming) -> Iterable[Entry]:
    """These postings in their order, with their transfers."""
    entries: dict[int, Entry] = {}
    for posting in Posting.select().where(Posting.id.in_(ids)):
        posted = posting.posted_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        entries[posting.id] = Entry(posting.effective_on, posting.ref, posting.kind, posted)
    transfers = (
        Transfer.select(
            Transfer.posting,
            Transfer.debit,
            Transfer.credit,
            Transfer.minor,
            Transfer.currency,
            Transfer.customer,
            fn.COALESCE(Invoice.number, ""),
            fn.COALESCE(CreditNote.number, ""),
        )
        .left_outer_join(Invoice)
        .switch(Transfer)
        .left_outer_join(CreditNote)
        .where(Transfer.posting.in_(ids))
        .order_by(Transfer.id)
    )
    for posting_id, debit, credit, minor, currency, customer_id, invoice, credit_note in _rows(transfers):
        entry, number = entries[posting_id], invoice or credit_note
        entry.lines[naming.of(debit, customer_id), currency, number] += minor
        entry.lines[naming.of(credit, customer_id), currency, number] -= minor
        entry.numbers |= dict.fromkeys(filter(None, (credit_note, invoice)))
        if customer_id is not None:
            entry.buyers[naming.customers[customer_id]] = None
    return [entries[posting_id] for posting_id in ids]


def _rows(query: ModelSelect[Any]) -> Iterator[Any]:
    """The rows as tuples, without a record made of each."""
    return iter(query.tuples())
