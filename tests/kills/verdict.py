"""What must be so after every batch of kills: each promise kept once, and the books right to the last unit."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from peewee import fn

from billing import check, ledger, stripe_events
from billing.tables import (
    Allocation,
    Attempt,
    Contact,
    CreditNote,
    Document,
    Invoice,
    Mail,
    Payment,
    Posting,
    Refund,
    Rendering,
)
from tests.billing import money_back, paying
from tests.servers import until

if TYPE_CHECKING:
    from tests.kills.people import Notebook, Promise
    from tests.kills.premises import Premises

AFTER_LEASES = timedelta(minutes=5)
LONGEST_PAUSE_SECONDS = 180.0  # of drawing and sending, in the end
DRAIN_STEP = timedelta(minutes=2)


def pronounce(premises: Premises, notebook: Notebook) -> None:
    """Catch up with the card provider once, then look at everything. Raises AssertionError with what is wrong."""
    premises.forward(AFTER_LEASES)  # what a dead process had begun is anybody's now
    stripe_events.reconcile(premises.now())
    assert not notebook.troubles, f"people met trouble: {notebook.troubles}"
    _documents(notebook)
    _payments(notebook)
    sandbox = paying.Sandbox(premises.bank.base_url)
    _refunds(notebook, sandbox)
    _credits(notebook)
    _each_once()
    _mails(premises)
    broken = check.broken()
    assert not broken, f"broken: {broken}"
    there, here = money_back.balance_there(sandbox), money_back.books(ledger.CARD_CLEARING)
    assert here == there, f"the books hold {here} at the provider, which holds {there}"


def drain(premises: Premises) -> None:
    """Nobody is killed any more: everything is drawn, and sent. It is waited for as long as it moves."""
    premises.forward(DRAIN_STEP)
    while left := _unfinished():
        fewer = partial(_fewer_than, left)
        until(f"{left} are fewer to draw and send", fewer, seconds=LONGEST_PAUSE_SECONDS, every=1)
    assert Mail.select().where(Mail.state != "accepted").count() == 0, "no mail is given up"
    assert Rendering.select().where(Rendering.state != "stored").count() == 0, "no document is given up"


def _fewer_than(left: int) -> bool:
    return _unfinished() < left


def _unfinished() -> int:
    waiting = Mail.select().where(Mail.state.in_(["queued", "sending"])).count()
    return int(waiting + Rendering.select().where(Rendering.state.in_(["queued", "drawing"])).count())


def _documents(notebook: Notebook) -> None:
    """Drafted and issued: the one of that mark, the one of that number."""
    subjects = Counter(invoice.subject for invoice in Invoice.select(Invoice.subject))
    for promise in notebook.of("drafted"):
        assert subjects[promise.mark] == 1, f"draft {promise.mark} is there {subjects[promise.mark]} times"
        kept = Invoice.get(Invoice.subject == promise.mark)
        assert promise.said == f"/admin/invoices/{kept.id}", f"{promise.mark} was said to be at {promise.said}"
    issued = {invoice.id for invoice in Invoice.select(Invoice.id).where(Invoice.status == "issued")}
    for promise in notebook.of("issued"):
        assert int(promise.mark) in issued, f"invoice {promise.mark} was issued"
    pages = Counter(note.reason for note in CreditNote.select(CreditNote.reason))
    for promise in notebook.of("credited"):
        assert pages[promise.mark] == 1, f"credit note {promise.mark} is there {pages[promise.mark]} times"
        assert CreditNote.get(CreditNote.reason == promise.mark).status == "issued", f"{promise.mark} is issued"
    _no_hole(Invoice.select(Invoice.series_number).where(Invoice.status == "issued"), notebook.of("issued"))
    _no_hole(CreditNote.select(CreditNote.series_number), notebook.of("credited"))


def _no_hole(numbered: Any, promises: list[Promise]) -> None:
    numbers = sorted(row[0] for row in numbered.tuples())
    assert numbers == list(range(1, len(promises) + 1)), "the series runs from 1 without a hole"


def _payments(notebook: Notebook) -> None:
    """Pressed: an attempt with that page. Charged or recorded: a payment of that much, once."""
    pages = Counter(str(attempt.url) for attempt in Attempt.select(Attempt.url))
    for promise in notebook.of("pressed"):
        assert pages[promise.said] == 1, f"the page of {promise.mark} belongs to {pages[promise.said]} attempts"
    given_back = Counter[str]()
    for promise in notebook.of("refunded"):
        given_back[promise.said] += promise.minor
    for promise in notebook.of("charged"):
        came = list(Payment.select().where(Payment.attempt == promise.said))
        assert [payment.minor for payment in came] == [promise.minor], f"{promise.said} came {len(came)} times"
        owed = Invoice.get(Invoice.number == promise.mark).balance_minor
        assert owed == given_back[promise.mark], (
            f"{promise.mark} owes {owed}, given back was {given_back[promise.mark]}"
        )
    for promise in notebook.of("recorded"):
        came = list(Payment.select().where(Payment.bank_reference == promise.mark))
        assert [(str(one.id), one.minor) for one in came] == [(promise.said, promise.minor)], (
            f"{promise.mark} came once"
        )
    promised = len(notebook.of("charged")) + len(notebook.of("recorded"))
    assert Payment.select().count() == promised, "nothing came that nobody paid"


def _refunds(notebook: Notebook, sandbox: paying.Sandbox) -> None:
    """Refunded: sent back once, here and at the provider."""
    kept = Counter((refund.reason, refund.minor, refund.status) for refund in Refund.select())
    promised = Counter((promise.mark, promise.minor, "succeeded") for promise in notebook.of("refunded"))
    assert kept == promised, f"refunded and not promised {kept - promised}, promised and not refunded {promised - kept}"
    listed = sandbox.client().v1.refunds.list({"limit": 100}).auto_paging_iter()
    there = Counter((refund.id, refund.amount) for refund in listed)
    here = Counter((str(refund.stripe_id), refund.minor) for refund in Refund.select())
    assert there == here, f"only there {there - here}, only here {here - there}"


def _credits(notebook: Notebook) -> None:
    """Applied: that credit on that invoice, exactly as often as it was answered."""
    promised = Counter((promise.mark, promise.said, promise.minor) for promise in notebook.of("applied"))
    rows = Allocation.select().where(Allocation.credit_note.is_null(False))
    kept = Counter((str(row.credit_note_id), str(row.invoice_id), row.minor) for row in rows)
    assert kept == promised, f"applied and not promised {kept - promised}, promised and not applied {promised - kept}"


def _each_once() -> None:
    """One posting of an event, one PDF of a document, one mail of a key."""
    for rows in (
        Posting.select(Posting.ref).group_by(Posting.ref).having(fn.COUNT(Posting.id) > 1),
        Mail.select(Mail.key).group_by(Mail.key).having(fn.COUNT(Mail.id) > 1),
        Document.select(Document.invoice)
        .where(Document.invoice.is_null(False))
        .group_by(Document.invoice)
        .having(fn.COUNT(Document.id) > 1),
        Document.select(Document.credit_note)
        .where(Document.credit_note.is_null(False))
        .group_by(Document.credit_note)
        .having(fn.COUNT(Document.id) > 1),
    ):
        twice = list(rows.tuples())
        assert not twice, f"more than once: {twice}"
    contacts = Counter(contact.customer_id for contact in Contact.select(Contact.customer))
    told: Any = (
        Mail.select(Mail.invoice, fn.COUNT(Mail.id)).where(Mail.event == "invoice_issued").group_by(Mail.invoice)
    )
    mails = dict(told.tuples())
    for invoice in Invoice.select().where(Invoice.status == "issued"):
        assert mails.get(invoice.id) == contacts[invoice.customer_id], f"{invoice.number} is mailed to each once"
    drawn = Rendering.select().where(Rendering.invoice.is_null(False)).count()
    assert drawn == Invoice.select().where(Invoice.status == "issued").count(), "each is drawn once"


def _mails(premises: Premises) -> None:
    """What arrived was queued, and what arrived twice carries one Message-ID, by which it is known as one."""
    known = {mail.message_id for mail in Mail.select(Mail.message_id)}
    arrived = Counter(_plain(one.message_id) for one in premises.mails.caught)
    assert set(arrived) <= known, "nothing arrived that was not queued"


def doubles(premises: Premises) -> int:
    """How many mails came a second time: the worker died after the server took it, before it could write that down."""
    return sum(times - 1 for times in Counter(one.message_id for one in premises.mails.caught).values())


def _plain(message_id: str) -> str:
    return message_id.strip("<>").partition("@")[0]
