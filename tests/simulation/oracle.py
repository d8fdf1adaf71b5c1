"""The oracle: what each invoice owes and each customer has in credit, in simple arithmetic of its own.

It knows nothing of the ledger. Each rule tells it what should happen; after each step it must agree with the rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from billing.db import execute

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date


@dataclass(slots=True, kw_only=True)
class Bill:
    """An invoice. `applied` is what stands on it, by source, in the order it first came."""

    id: int
    customer_id: int
    currency: str
    version: int
    status: str = "draft"
    kind: str = "invoice"
    total: int = 0
    owes: int = 0
    credited: int = 0
    refunded: int = 0
    written_off: int = 0
    issue_on: date | None = None
    early_days: int = 0
    early_ppm: int = 0
    early_taken: bool = False
    applied: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Worth:
    """A payment ("payment-3") or an issued credit note ("credit_note-2"): a source of value."""

    key: str
    customer_id: int | None
    currency: str
    minor: int
    free: int
    intent_id: str | None = None
    on: dict[int, int] = field(default_factory=dict)  # invoices it stands on, in the order it first came there

    @property
    def id(self) -> int:
        """Its row's id."""
        return int(self.key.rpartition("-")[2])

    @property
    def is_payment(self) -> bool:
        """Money, not a credit note."""
        return self.key.startswith("payment-")


class Oracle:
    """All bills and all worth, and the few moves there are."""

    def __init__(self) -> None:
        self.bills: dict[int, Bill] = {}
        self.worth: dict[str, Worth] = {}

    def issued(self) -> list[Bill]:
        """Invoices that stand."""
        return [bill for bill in self.bills.values() if bill.status == "issued"]

    def open_of(self, customer_id: int) -> list[Bill]:
        """What a customer owes on."""
        return [bill for bill in self.issued() if bill.customer_id == customer_id and bill.owes]

    def spendable(self, customer_id: int, currency: str) -> list[Worth]:
        """What a customer has in credit."""
        mine = (worth for worth in self.worth.values() if worth.customer_id == customer_id)
        return [worth for worth in mine if worth.currency == currency and worth.free]

    def came(self, worth: Worth) -> Worth:
        """New value, wholly free."""
        assert worth.key not in self.worth, f"{worth.key} came before"
        self.worth[worth.key] = worth
        return worth

    def apply(self, key: str, bill_id: int, minor: int) -> None:
        """So much of a source pays so much of an invoice."""
        worth, bill = self.worth[key], self.bills[bill_id]
        assert 0 < minor <= min(worth.free, bill.owes), f"{minor} of {worth} on {bill}"
        assert (worth.customer_id, worth.currency) == (bill.customer_id, bill.currency), f"{worth} is not for {bill}"
        worth.free -= minor
        bill.owes -= minor
        bill.applied[key] = bill.applied.get(key, 0) + minor
        worth.on[bill_id] = worth.on.get(bill_id, 0) + minor

    def take_back(self, key: str, bill_id: int, minor: int) -> None:
        """The opposite."""
        worth, bill = self.worth[key], self.bills[bill_id]
        assert 0 < minor <= bill.applied.get(key, 0), f"{minor} of {worth} off {bill}"
        worth.free += minor
        bill.owes += minor
        bill.applied[key] -= minor
        worth.on[bill_id] -= minor

    def leave(self, key: str, minor: int) -> int:
        """So much of a source leaves the house, from what is free, then off its newest invoices; gives what lacked."""
        worth = self.worth[key]
        lacking = max(minor - worth.free, 0)
        for bill_id in reversed(list(worth.on)):
            part = min(lacking, worth.on[bill_id])
            if part:
                self.take_back(key, bill_id, part)
                lacking -= part
        worth.free -= minor - lacking
        return lacking

    def differences(self) -> list[str]:
        """Where the rows say something else."""
        found = []
        expected_bills = {
            bill.id: (bill.status, bill.owes, bill.credited, bill.refunded, bill.written_off)
            for bill in self.bills.values()
        }
        rows = execute(
            "SELECT id, status, balance_minor, credited_minor, refunded_minor, written_off_minor FROM invoice"
        )
        early = execute("SELECT id FROM invoice WHERE paid_at < issued_at").fetchall()
        found += [f"invoice {row[0]} was paid before it was billed" for row in early]
        found += _compare("invoice", expected_bills, {row[0]: tuple(row[1:]) for row in rows.fetchall()})
        actual = execute(
            "SELECT 'payment-' || id, customer_id, free_minor FROM payment UNION ALL"
            " SELECT 'credit_note-' || id, customer_id, free_minor FROM credit_note WHERE status = 'issued'"
        )
        expected_worth = {worth.key: (worth.customer_id, worth.free) for worth in self.worth.values()}
        found += _compare("worth", expected_worth, {row[0]: tuple(row[1:]) for row in actual.fetchall()})
        standing = execute(
            "SELECT COALESCE('payment-' || payment_id, 'credit_note-' || credit_note_id), invoice_id, SUM(minor)"
            " FROM allocation GROUP BY payment_id, credit_note_id, invoice_id HAVING SUM(minor) <> 0"
        )
        expected_standing = {
            (worth.key, bill_id): (minor,)
            for worth in self.worth.values()
            for bill_id, minor in worth.on.items()
            if minor
        }
        found += _compare("applied", expected_standing, {(row[0], row[1]): (row[2],) for row in standing.fetchall()})
        balances = execute("SELECT customer_id, currency, receivable_minor, credit_minor FROM customer_balance")
        found += _compare(
            "customer",
            self._balances(),
            {(row[0], row[1]): (row[2], row[3]) for row in balances.fetchall() if any(row[2:])},
        )
        return found

    def _balances(self) -> dict[tuple[int, str], tuple[int, int]]:
        owed: Counter[tuple[int, str]] = Counter()
        credit: Counter[tuple[int, str]] = Counter()
        for bill in self.issued():
            owed[bill.customer_id, bill.currency] += bill.owes
        for worth in self.worth.values():
            if worth.customer_id is not None:
                credit[worth.customer_id, worth.currency] += worth.free
        keys = {key for key in owed.keys() | credit.keys() if owed[key] or credit[key]}
        return {key: (owed[key], credit[key]) for key in sorted(keys)}


def _compare(
    noun: str, expected: Mapping[Any, tuple[object, ...]], actual: Mapping[Any, tuple[object, ...]]
) -> list[str]:
    if expected == actual:
        return []
    return [
        f"{noun} {key}: expected {expected.get(key)}, the books say {actual.get(key)}"
        for key in {**expected, **actual}
        if expected.get(key) != actual.get(key)
    ]
