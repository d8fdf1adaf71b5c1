"""What writes: an invoice issued, a payment recorded, a delivery of Stripe's that comes twice."""

from __future__ import annotations

import hashlib
import hmac
import re
import shutil
import sqlite3
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

from bench.filling import ZONE
from bench.ground import copy_of
from bench.raw_writes import RawBooks
from bench.results import Line
from bench.rounds import interleaved
from bench.servers import ROOT
from bench.statements import counted, traced
from bench.visitor import WEBHOOK_SECRET, Request
from billing import clock, db, gateway, invoices, payments, stripe_events
from billing.actors import Actor
from billing.tables import Attempt, PlannedAllocation
from web.demo.seed_gateway import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.ground import Ground, Town

STAFF = Actor("staff", "user:1", "Sam Reyes", 1)
CALLS = 6  # of each contender in a round
TRACED = 5  # issues whose fsyncs are counted: few enough that no checkpoint falls among them
CARD = "Visa ending 4242"


def measure(ground: Ground) -> list[Line]:
    """Rows 7, 10 and 19."""
    return [*_issue(ground), *_payment(ground), *_repeated_delivery(ground)]


def drafts(town: Town, count: int) -> list[int]:
    """New drafts of five lines, each for another customer, as the editor saves them."""
    town.use()
    lines = tuple(
        invoices.LineContent(
            description=f"Service visit {place}",
            quantity=Decimal(place),
            unit_price=Decimal("485.00"),
            tax_rate_ppm=200_000,
        )
        for place in range(1, 6)
    )
    content = invoices.DraftContent(lines=lines, subject="Measured")
    made = (
        invoices.draft(2 + place % (town.size.customers - 2), content, by=STAFF, at=clock.now())
        for place in range(count)
    )
    return [invoice.id for invoice in made]


def issue(invoice_id: int) -> None:
    """The service call, as the page and the worker make it."""
    at = clock.now()
    invoices.issue(invoice_id, on=clock.day_of(at, ZONE), version=None, by=STAFF, at=at)


def issue_in(town: Town, invoice_id: int) -> None:
    """The same in the books of one size."""
    town.use()
    issue(invoice_id)


def _issue(ground: Ground) -> list[Line]:
    calls = 1 + ground.rounds * CALLS
    small, large = iter(drafts(ground.small, calls + 2 * TRACED + 3)), iter(drafts(ground.large, calls))
    if ground.floor_small is not ground.small:
        drafts(ground.floor_small, calls + 1)
    raw_path = copy_of(ground.floor_small, ground.folder / "raw.db")
    raw_drafts = iter(_drafts_in(raw_path))
    raw = RawBooks(raw_path, clock.today(ZONE))
    contenders: dict[str, Callable[[], object]] = {
        "ours": lambda: issue_in(ground.small, next(small)),
        "floor": lambda: raw.issue(next(raw_drafts)),
        "large": lambda: issue_in(ground.large, next(large)),
    }
    cost = interleaved(contenders, rounds=ground.rounds, calls=CALLS)
    with traced(raw.connection) as least:
        raw.issue(next(raw_drafts))
    raw.close()
    ground.small.use()
    with counted() as ran:
        issue(next(small))
    ours, floor, at_large = cost["ours"], cost["floor"], cost["large"]
    lines = [
        Line(row=7, what="issue: statements", ours=ran.count, unit="", floor=len(least), goal=20),
        Line(row=7, what="issue: tables read whole", ours=len(ran.whole_tables_read()), unit="", goal=0),
        Line(row=7, what="issue: wall, durable", ours=ours.wall_ms, unit="ms", floor=floor.wall_ms, goal=4),
        Line(row=7, what="issue: CPU", ours=ours.cpu_ms, unit="ms", floor=floor.cpu_ms, goal=4),
        Line(
            row=7,
            what=f"issue: CPU at {ground.large.size.name} to {ground.small.size.name}",
            ours=at_large.cpu_ms / ours.cpu_ms,
            unit="x",
            goal=1.2,
        ),
    ]
    fsyncs = _fsyncs_of_an_issue(ground, small)
    return (
        lines
        if fsyncs is None
        else [*lines, Line(row=7, what="issue: fsyncs, checkpoints apart", ours=fsyncs, unit="", goal=1)]
    )


def _drafts_in(path: object) -> list[int]:
    with sqlite3.connect(str(path)) as connection:
        found = connection.execute("SELECT id FROM invoice WHERE status = 'draft' ORDER BY id").fetchall()
    connection.close()
    return [row[0] for row in found]


def _fsyncs_of_an_issue(ground: Ground, ids: Iterator[int]) -> float | None:
    """What strace counts for more issues less what it counts for one, so that opening and closing cancel out.

    None where there is no strace, or it may not trace.
    """
    strace = shutil.which("strace")
    if strace is None or ground.small is not ground.floor_small:  # PostgreSQL's own processes call fsync there
        return None
    counts = []
    for issues in (1, 1 + TRACED):
        report = ground.folder / f"strace-{issues}"
        ran = subprocess.run(
            [
                *(strace, "-f", "-c", "-o", str(report), "-e", "trace=fsync,fdatasync,sync_file_range,msync"),
                *(sys.executable, "-m", "bench.durable", ground.small.url),
                *(str(next(ids)) for _ in range(issues)),
            ],
            cwd=ROOT,
            check=False,
            capture_output=True,
        )
        if ran.returncode != 0:
            return None
        calls = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*sync", report.read_text(), re.MULTILINE)
        counts.append(sum(map(int, calls)))
    return (counts[1] - counts[0]) / TRACED


def _payment(ground: Ground) -> list[Line]:
    """Settling what a card brought: the whole balance of one invoice, with its fee and its receipt.

    The port is a plain object of this process that remembers what came, so no HTTP is in the figure.
    """
    calls = 2 + ground.rounds * CALLS
    ground.small.use()
    open_invoices = db.execute(
        "SELECT id, customer_id, balance_minor FROM invoice WHERE balance_minor > 0 AND status = 'issued'"
        f" ORDER BY id LIMIT {calls}"
    ).fetchall()
    raw = RawBooks(copy_of(ground.floor_small, ground.folder / "raw-paid.db"), clock.today(ZONE))
    came, real = Remembered(), gateway.current()
    gateway.use(came)
    intents = iter([came.pay(_attempt(*row), CARD, clock.now()) for row in open_invoices])
    raw_invoices = iter(open_invoices)
    contenders: dict[str, Callable[[], object]] = {
        "ours": lambda: payments.settle(next(intents), at=clock.now()),
        "floor": lambda: _pay_raw(raw, next(raw_invoices)[0]),
    }
    cost = interleaved(contenders, rounds=ground.rounds, calls=CALLS)
    with counted() as ran:
        payment = payments.settle(next(intents), at=clock.now())
    assert payment is not None, "the money came"
    gateway.use(real)
    with traced(raw.connection) as least:
        _pay_raw(raw, next(raw_invoices)[0])
    raw.close()
    ours, floor = cost["ours"], cost["floor"]
    return [
        Line(row=10, what="record a payment: statements", ours=ran.count, unit="", floor=len(least)),
        Line(row=10, what="record a payment: tables read whole", ours=len(ran.whole_tables_read()), unit="", goal=0),
        Line(row=10, what="record a payment: wall, durable", ours=ours.wall_ms, unit="ms", floor=floor.wall_ms, goal=4),
        Line(row=10, what="record a payment: CPU", ours=ours.cpu_ms, unit="ms", floor=floor.cpu_ms, goal=4),
    ]


def _attempt(invoice_id: int, customer_id: int, minor: int) -> Attempt:
    """An attempt whose page is open, as it stands when its money comes."""
    at = clock.now()
    reference = payments.new_reference()
    attempt: Attempt = Attempt.create(
        id=reference,
        customer=customer_id,
        payer=f"user:{customer_id + 1}",
        payer_name="Alice Poole",
        currency="GBP",
        minor=minor,
        status="open",
        nonce=reference,
        session_id=f"cs_{reference}",
        created_at=at,
        expires_at=at,
    )
    PlannedAllocation.create(attempt=reference, invoice=invoice_id, minor=minor)
    return attempt


def _pay_raw(raw: RawBooks, invoice_id: int) -> None:
    raw.pay(invoice_id, f"RAW-{invoice_id}")


def _repeated_delivery(ground: Ground) -> list[Line]:
    """An event that was dealt with long ago, signed anew: by the verb, and through its door."""
    town = ground.large
    town.use()
    payload = str(db.execute("SELECT payload FROM stripe_event ORDER BY id LIMIT 1").fetchone()[0]).encode()
    signature = _signed(payload)
    request = Request("/webhooks/stripe").but(Stripe_Signature=signature)
    connection = sqlite3.connect(ground.floor_large.path, isolation_level=None)

    def floor() -> None:
        _signed(payload)
        connection.execute("SELECT status FROM stripe_event WHERE id = 'evt_000000000000000000000001'").fetchone()

    def receive() -> None:
        assert stripe_events.receive(payload, signature, at=clock.now(), real_at=clock.real_now()), "it is dealt with"

    def deliver() -> None:
        assert ground.visitor.post(request, payload).status == 200, "it is dealt with"

    cost = interleaved({"ours": receive, "door": deliver, "floor": floor}, rounds=ground.rounds, calls=CALLS)
    with counted() as ran:
        deliver()
    with traced(connection) as least:
        floor()
    connection.close()
    written = Line(row=19, what="webhook repeat: rows written", ours=ran.rows_written, unit="", goal=0)
    return [
        *([written] if db.is_sqlite() else []),  # PostgreSQL does not count them; the test suite proves it there
        Line(row=19, what="webhook repeat: statements", ours=ran.count, unit="", floor=len(least)),
        Line(
            row=19,
            what="webhook repeat: CPU of the verb",
            ours=cost["ours"].cpu_ms,
            unit="ms",
            floor=cost["floor"].cpu_ms,
            goal=1,
        ),
        Line(
            row=19,
            what="webhook repeat: CPU of the route",
            ours=cost["door"].cpu_ms,
            unit="ms",
            floor=cost["floor"].cpu_ms,
            goal=1,
        ),
    ]


def _signed(payload: bytes) -> str:
    """A Stripe-Signature header of this moment."""
    moment = int(clock.real_now().timestamp())
    digest = hmac.new(WEBHOOK_SECRET.encode(), f"{moment}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
