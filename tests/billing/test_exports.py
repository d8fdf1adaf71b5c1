"""The journal for hledger: hledger itself checks it, and its balances are ours to the unit."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import customers, db, exports, invoices, ledger, money, numbering
from billing.actors import SYSTEM
from billing.tables import CreditNote, CreditNoteTax, Customer, CustomerBalance, LedgerAccount
from tests.web_fixtures import make_app
from tests.world import AT, TODAY, line

if TYPE_CHECKING:
    from billing.tables import Invoice
    from tests.databases import TestDatabase
    from tests.world import World

HOSTILE = (
    'Mallory; "Sons"  & Co | note:x',
    "Eve\n2026-01-01 forged\n    assets:bank  1 GBP\n    income",
    "  ) ( * ! = @ {1 GBP} [x] ; , \t tag:value",
    "\u037e\u2028\u00a0\u3000\u202e\x1b 株式会社 Ω 1000 GBP",
    ":::",
)
Balances = dict[tuple[str, str], int]


@pytest.fixture(scope="session")
def hledger() -> str:
    """The program. Missing: a failure where CI is set, a skip elsewhere."""
    found = shutil.which("hledger")
    if found is None:
        assert "CI" not in os.environ, "hledger is missing: apt-get install hledger"
        pytest.skip("hledger is missing: apt-get install hledger")
    return found


def asked(program: str, journal: str, *words: str) -> str:
    """What hledger answers about a journal; a complaint fails the test with its words."""
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    answer = subprocess.run(
        [program, "-f", "-", *words], input=journal.encode(), capture_output=True, check=False, env=environment
    )
    assert answer.returncode == 0, answer.stderr.decode() + journal[:4000]
    return answer.stdout.decode()


def balances(program: str, journal: str, *words: str) -> Balances:
    """The balance hledger gives each name in each currency, in minor units; zeros left out."""
    rows, _ = json.loads(asked(program, journal, "balance", "--flat", "-O", "json", *words))
    found = Balances()
    for name, _, _, amounts in rows:
        for amount in amounts:
            exact = amount["aquantity"]
            major = Decimal(exact["decimalMantissa"]).scaleb(-exact["decimalPlaces"])
            found[name, amount["acommodity"]] = money.from_decimal(major, amount["acommodity"])
    return {key: minor for key, minor in found.items() if minor}


def journal_of(until: date | None = None) -> str:
    return "".join(exports.hledger(until=until))


def customer(name: str, currency: str) -> Customer:
    """A customer by any name that is billed in any currency."""
    made = customers.create(
        customers.CustomerDetails(
            name="Any",
            legal_name="Any Ltd",
            address=("1 Any Street",),
            country="GB",
            currency=currency,
            contacts=(customers.ContactDetails(name="Any", email="any@any.example"),),
        ),
        by=SYSTEM,
        at=AT,
    )
    Customer.update(name=name).where(Customer.id == made.id).execute()
    return Customer.get_by_id(made.id)


def paid(invoice: Invoice, minor: int, *, surplus: int = 0, on: date = TODAY) -> None:
    """Money for an invoice, with a fee, and more than was owed as the customer's credit."""

    def leg(debit: str, credit: str, minor: int) -> ledger.Leg:
        return ledger.Leg(
            debit=debit,
            credit=credit,
            minor=minor,
            currency=invoice.currency,
            customer_id=invoice.customer_id,
            invoice_id=invoice.id if ledger.RECEIVABLE in {debit, credit} else None,
        )

    legs = [leg(ledger.CARD_CLEARING, ledger.RECEIVABLE, minor), leg(ledger.CARD_FEES, ledger.CARD_CLEARING, 3)]
    if surplus:
        legs.append(leg(ledger.CARD_CLEARING, ledger.CUSTOMER_CREDIT, surplus))
    ledger.post(f"payment:{invoice.id}:{on}", "payment_received", legs, on=on, at=AT)


def issued_credit_note(invoice: Invoice, minor: int) -> CreditNote:
    """A credit note as a row: what it says is no matter here."""
    note = CreditNote.create(
        customer=invoice.customer_id,
        invoice=invoice.id,
        shape="amount",
        reason_code="other",
        reason="Agreed",
        destinations=[],
        currency=invoice.currency,
        net_minor=minor,
        tax_minor=0,
        total_minor=minor,
        created_at=AT,
        created_by="user:1",
    )
    group = {"position": 1, "category": "Z", "rate_ppm": 0, "base_minor": minor, "tax_minor": 0}
    CreditNoteTax.create(credit_note=note.id, **group)
    value = numbering.next_value("CN-2026", on=TODAY)
    CreditNote.update(
        status="issued",
        number=f"CN-2026-{value:04d}",
        series="CN-2026",
        series_number=value,
        issue_on=TODAY,
        issued_at=AT,
        frozen={},
        frozen_sha256="0" * 64,
    ).where(CreditNote.id == note.id).execute()
    return note


@pytest.fixture
def books(world: World) -> World:
    """Books in pounds, yen, dinars and rupees: paid, paid in part, paid too much, void, of nobody, and hostile."""
    paid(world.issued(), 1_164_00, surplus=36_00)
    paid(world.issued(world.globex), 64_00)
    world.issued(world.globex, line(quantity="3", unit_price="0.35", rate_ppm=55_000))
    invoices.void(world.issued().id, reason="Sent twice", by=world.sam, at=AT)
    yen, dinar, rupee = customer("日本 KK", "JPY"), customer("Dinar; Co", "KWD"), customer("Rupee", "INR")
    paid(world.issued(yen, line(quantity="7", unit_price="1999", rate_ppm=100_000)), 5_000)
    world.issued(dinar, line(quantity="1", unit_price="1234.567", rate_ppm=0))
    world.issued(rupee, line(quantity="1000000", unit_price="99999.99", rate_ppm=180_000))
    for name in HOSTILE:
        world.issued(customer(name, "GBP"))
    unknown = ledger.Leg(debit=ledger.CARD_CLEARING, credit=ledger.SUSPENSE, minor=7_77, currency="EUR")
    ledger.post("payment:unknown", "payment_received", [unknown], on=TODAY, at=AT)
    return world


def legs(until: date | None = None) -> Balances:
    """The ledger's own sums, by the journal's names without the customer."""
    found: Counter[tuple[str, str]] = Counter()
    for code, currency, minor in db.execute(
        "SELECT account, currency, minor FROM v_ledger_legs WHERE effective_on < ?", ((until or date.max).isoformat(),)
    ).fetchall():
        found[exports.NAMES[code], currency] += int(minor)
    return {key: minor for key, minor in found.items() if minor}


def test_hledger_finds_nothing_wrong_with_the_journal(hledger: str, books: World) -> None:
    asked(hledger, journal_of(), "check", "--strict", "ordereddates")


def test_every_balance_is_the_ledgers_to_the_unit(hledger: str, books: World) -> None:
    of_names: Counter[tuple[str, str]] = Counter()
    for (name, currency), minor in balances(hledger, journal_of()).items():
        of_names[":".join(name.split(":")[:2]), currency] += minor
    assert dict(of_names) == legs()
    assert {currency for _, currency in of_names} == {"GBP", "JPY", "KWD", "INR", "EUR"}


def test_what_each_customer_owes_and_has_is_the_portals_to_the_unit(hledger: str, books: World) -> None:
    found = balances(hledger, journal_of(), "assets:receivable", "liabilities:customer credit")
    ours = Counter[tuple[str, int, str]]()
    for row in CustomerBalance.select():
        ours["assets:receivable", row.customer_id, row.currency] += row.receivable_minor
        ours["liabilities:customer credit", row.customer_id, row.currency] -= row.credit_minor
    theirs = {
        (name.rpartition(":")[0], int(name.rpartition(":")[2].split()[0]), currency): minor
        for (name, currency), minor in found.items()
    }
    assert theirs == {key: minor for key, minor in ours.items() if minor}
    assert len(theirs) >= 9


def test_a_posting_is_one_transaction_that_says_what_happened(hledger: str, books: World) -> None:
    rows = list(csv.DictReader(io.StringIO(asked(hledger, journal_of(), "print", "-O", "csv"))))
    assert len({row["txnidx"] for row in rows}) == db.execute("SELECT COUNT(*) FROM posting").fetchone()[0]
    assert {row["code"] for row in rows} == {row[0] for row in db.execute("SELECT ref FROM posting").fetchall()}
    first = [row for row in rows if row["code"] == "invoice:1:issue"]
    assert {(row["date"], row["description"]) for row in first} == {
        ("2026-11-22", "Invoice issued INV-2026-0001 - Acme")
    }
    assert [(row["account"], row["amount"], row["commodity"]) for row in first] == [
        ("assets:receivable:1 Acme", "1164.00", "GBP"),
        ("income:revenue", "-970.00", "GBP"),
        ("liabilities:tax payable", "-194.00", "GBP"),
    ]
    assert first[0]["comment"].strip() == "posted: 2026-11-22T10:00:00Z"
    assert first[0]["posting-comment"].strip() == "document: INV-2026-0001"


def test_a_credit_note_is_named_beside_the_invoice_it_lowers(hledger: str, world: World) -> None:
    invoice = world.issued()
    note = issued_credit_note(invoice, 125_00)
    lowered = ledger.Leg(
        debit=ledger.REVENUE,
        credit=ledger.RECEIVABLE,
        minor=120_00,
        currency="GBP",
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        credit_note_id=note.id,
    )
    kept = ledger.Leg(
        debit=ledger.REVENUE,
        credit=ledger.CUSTOMER_CREDIT,
        minor=5_00,
        currency="GBP",
        customer_id=invoice.customer_id,
        credit_note_id=note.id,
    )
    ledger.post("credit_note:1:issue", "credit_note_issued", [lowered, kept], on=TODAY, at=AT)
    last = journal_of().split("\n\n")[-1]
    assert "Credit note issued CN-2026-0001, INV-2026-0001 - Acme" in last
    assert "assets:receivable:1 Acme  -120.00 GBP  ; document: INV-2026-0001" in last
    assert "liabilities:customer credit:1 Acme  -5.00 GBP  ; document: CN-2026-0001" in last
    asked(hledger, journal_of(), "check", "--strict")


def test_the_upper_bound_is_not_included(hledger: str, world: World) -> None:
    early = world.issued(on=TODAY - timedelta(days=2), at=AT - timedelta(days=2))
    world.issued()
    paid(early, 100_00, on=TODAY - timedelta(days=1))
    for until in (TODAY - timedelta(days=2), TODAY, TODAY + timedelta(days=1), None):
        text = journal_of(until)
        asked(hledger, text, "check", "--strict", "ordereddates")
        of_names: Counter[tuple[str, str]] = Counter()
        for (name, currency), minor in balances(hledger, text).items():
            of_names[":".join(name.split(":")[:2]), currency] += minor
        assert dict(of_names) == legs(until)
    assert "\n2026-" not in journal_of(TODAY - timedelta(days=2))
    assert "2026-11-22 (" not in journal_of(TODAY)


def test_a_ledger_account_nobody_named_still_reads(hledger: str, world: World) -> None:
    LedgerAccount.insert(code="gift_cards", name="Gift cards", side="credit").execute()
    LedgerAccount.insert(code="petty_cash", name="Petty cash", side="debit").execute()
    moved = ledger.Leg(debit="petty_cash", credit="gift_cards", minor=5_00, currency="GBP")
    try:
        ledger.post("gift:1", "gift_card_sold", [moved], on=TODAY, at=AT)
        found = balances(hledger, journal_of())
    finally:
        forget_added_ledger_accounts()
    assert found == {("assets:petty cash", "GBP"): 5_00, ("liabilities:gift cards", "GBP"): -5_00}


def test_every_ledger_account_of_a_new_installation_has_its_name(database: TestDatabase) -> None:
    assert {row.code for row in LedgerAccount.select()} <= set(exports.NAMES)


def test_an_empty_ledger_is_an_empty_journal(hledger: str, database: TestDatabase) -> None:
    text = journal_of()
    asked(hledger, text, "check", "--strict")
    assert balances(hledger, text) == {}


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_no_text_can_end_its_field(text: str) -> None:
    made = exports.plain(text)
    assert "  " not in made
    assert made == made.strip()
    assert not set(made) & set(";|:\n\r\t\u2028\u00a0")
    assert all(mark.isprintable() for mark in made)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=30))
def test_any_names_make_a_journal_with_the_right_sums(hledger: str, names: list[str]) -> None:
    entries = [
        exports.Entry(
            on=TODAY,
            ref=f"ref:{text}:{at}",
            kind="invoice_issued",
            posted="2026-11-22T10:00:00Z",
            numbers={text: None},
            buyers={text: None},
            lines={
                (f"assets:receivable:{at} {exports.plain(text)}".rstrip(), "GBP", text): 100 + at,
                ("income:revenue", "GBP", text): -100 - at,
            },
        )
        for at, text in enumerate(names)
    ]
    found = balances(hledger, "".join(exports.written(entry) for entry in entries))
    assert [
        found[f"assets:receivable:{at} {exports.plain(text)}".rstrip(), "GBP"] for at, text in enumerate(names)
    ] == [100 + at for at in range(len(names))]


def test_the_command_writes_the_journal_to_standard_output(hledger: str, books: World, database: TestDatabase) -> None:
    runner = make_app(database_url=database.url).test_cli_runner()
    whole = runner.invoke(args=["export", "hledger"])
    assert (whole.exit_code, whole.stdout_bytes.decode()) == (0, journal_of())
    before = runner.invoke(args=["export", "hledger", "--on", TODAY.isoformat()])
    assert before.stdout_bytes.decode() == journal_of(TODAY)
    assert runner.invoke(args=["export", "hledger", "--on", "yesterday"]).exit_code == 2


def forget_added_ledger_accounts() -> None:
    """Ledger accounts outlive a test on PostgreSQL, where each test shares one migrated database."""
    if not db.is_sqlite():
        db.execute("SET session_replication_role = replica")
        db.execute("DELETE FROM transfer")
        db.execute("DELETE FROM ledger_account WHERE code IN ('gift_cards', 'petty_cash')")
        db.execute("SET session_replication_role = origin")
