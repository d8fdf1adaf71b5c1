"""Races 35 to 37: double clicks make one page, many deliveries book once, and void against pay has one winner.

Each runner is a process with a connection of its own; the provider is the sandbox, one process that all of them call.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from billing import check, gateway, invoices, payments, stripe_events
from billing.tables import Attempt, Invoice, Mail, Payment, StripeEvent
from tests.billing import paying
from tests.races.racing import Failed, race
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.billing.paying import Sandbox
    from tests.databases import TestDatabase
    from tests.world import World

CLICKS = 50
DELIVERIES = 20
ROUNDS = 40
FEWEST_WINS = 3  # of each side: fewer would mean that one always comes first
TRIES = 20

pytestmark = pytest.mark.race


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[paying.Sandbox]:
    with paying.running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(database: TestDatabase, sandbox_process: paying.Sandbox) -> Iterator[paying.Sandbox]:
    """The empty sandbox at the tests' moment."""
    sandbox_process.reset()
    paying.use(sandbox_process)
    yield sandbox_process
    sandbox_process.control("calls", slow=0)
    gateway.use(None)


def go_there(sandbox: Sandbox) -> None:
    """In a new process: call the sandbox on connections of its own, not on those it was born with."""
    paying.http.close()
    paying.use(sandbox)


def calls_of(sandbox: Sandbox, path: str) -> int:
    return sum(count for name, count in sandbox.state()["calls_by_path"].items() if path in name)


@pytest.mark.parametrize("same_form", [True, False], ids=["one form", "many windows"])
def test_fifty_clicks_on_pay_make_one_page(
    database: TestDatabase, world: World, sandbox: Sandbox, *, same_form: bool
) -> None:
    invoice = world.issued()
    sandbox.control("calls", path="/v1/checkout/sessions", slow=1, slow_seconds=0.5)

    def click(number: int) -> tuple[str, str]:
        go_there(sandbox)
        attempt = insist(lambda: paying.begin(invoice, world.alice, nonce="n-1" if same_form else f"n-{number}"))
        return attempt.id, paying.page(attempt)

    answers = race(database.url, CLICKS, click)
    assert [answer for answer in answers if isinstance(answer, Failed)] == []
    calls = calls_of(sandbox, "checkout/sessions")
    print(f"{len(answers)} clicks came to {calls} calls, {len(set(answers))} page")
    assert len(answers) == CLICKS
    assert len(set(answers)) == 1, "everybody is led to the same page"
    assert sandbox.state()["sessions_created"] == 1
    assert Attempt.select().count() == 1
    assert calls > 1, "clicks met inside the call"


def insist(press: Callable[[], Attempt]) -> Attempt:
    """Press, and again where the page said that nobody knows yet and to try again."""
    for _ in range(TRIES):
        try:
            return press()
        except gateway.OutcomeUnknown:
            continue
    return press()


def test_one_webhook_twenty_times_at_once_books_once(database: TestDatabase, world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    assert sandbox.pay(paying.page(attempt)).status_code == 303
    event = next(event for event in sandbox.objects("event") if event["type"] == "payment_intent.succeeded")
    payload = json.dumps(event)
    before = calls_of(sandbox, "payment_intents")
    sandbox.control("calls", path="/v1/payment_intents", slow=DELIVERIES, slow_seconds=0.3)

    def deliver(_: int) -> bool:
        go_there(sandbox)
        return stripe_events.receive(payload.encode(), paying.signed(payload), at=AT, real_at=AT)

    answers = race(database.url, DELIVERIES, deliver)
    looked = calls_of(sandbox, "payment_intents") - before
    print(f"{len(answers)} deliveries, {looked} of them acted at once, {Payment.select().count()} payment")
    assert answers == [True] * DELIVERIES
    assert looked > 1, "deliveries met while one was acting"
    assert [payment.minor for payment in Payment.select()] == [invoice.total_minor]
    assert Invoice.get_by_id(invoice.id).balance_minor == 0
    assert Mail.select().where(Mail.event == "receipt").count() == 1
    assert [event.status for event in StripeEvent.select()] == ["processed"]
    assert check.broken() == []


class Round(NamedTuple):
    """What a round came to for one side ("" where the other won), and from when until when that side was at it."""

    won: str
    began: float
    ended: float


class Turns:
    """Two who begin each round together. Whoever won begins the next one a little later, so that they keep meeting."""

    def __init__(self, step_seconds: float) -> None:
        self._gate = multiprocessing.get_context("fork").Barrier(2)
        self._step_seconds = step_seconds

    def play(self, number: int, act: Callable[[int], str]) -> list[Round]:
        """All rounds of one side."""
        dice, wait_seconds, rounds = random.Random(number), 0.0, []
        for turn in range(ROUNDS):
            self._gate.wait(timeout=60)
            time.sleep(wait_seconds * dice.random() * 2)
            began = time.monotonic()
            rounds.append(Round(act(turn), began, time.monotonic()))
            step = self._step_seconds if rounds[-1].won else -self._step_seconds
            wait_seconds = max(0.0, wait_seconds + step)
        return rounds


def one_winner_each(answers: list[Any]) -> dict[str, int]:
    """How often each side won: every round has exactly one winner, and in most rounds both were at it at once."""
    assert [answer for answer in answers if isinstance(answer, Failed)] == []
    rounds: list[tuple[Round, Round]] = list(zip(*answers, strict=True))
    assert [pair for pair in rounds if bool(pair[0].won) == bool(pair[1].won)] == []
    won = {name: sum(name in {one.won, other.won} for one, other in rounds) for name in ("paid", "void")}
    met = sum(one.began < other.ended and other.began < one.ended for one, other in rounds)
    print(f"{won['paid']} rounds went to who paid, {won['void']} to who voided; in {met} of {ROUNDS} they met")
    assert min(won.values()) >= FEWEST_WINS
    assert met >= ROUNDS / 2
    return won


def test_pressing_pay_against_void_has_one_winner(database: TestDatabase, world: World, sandbox: Sandbox) -> None:
    issued, turns = [world.issued() for _ in range(ROUNDS)], Turns(0.001)

    def press(turn: int) -> str:
        try:
            paying.begin(issued[turn], world.alice, nonce=f"n-{turn}")
        except payments.InvoiceCancelled:
            return ""
        return "paid"

    def void(turn: int) -> str:
        try:
            invoices.void(issued[turn].id, reason="Made twice", by=world.sam, at=AT)
        except invoices.InvoiceBeingPaid:
            return ""
        return "void"

    def act(number: int) -> list[Round]:
        go_there(sandbox)
        return turns.play(number, (press, void)[number])

    won = one_winner_each(race(database.url, 2, act))
    assert Invoice.select().where(Invoice.status == "void").count() == won["void"]
    assert Attempt.select().where(Attempt.status == "open").count() == won["paid"]
    assert sandbox.state()["sessions_created"] == won["paid"], "a void invoice has no page"
    assert check.broken() == []


def test_a_card_that_is_charged_against_void_has_one_winner(
    database: TestDatabase, world: World, sandbox: Sandbox
) -> None:
    issued, turns = [world.issued() for _ in range(ROUNDS)], Turns(0.002)
    begun = [paying.begin(invoice, world.alice, nonce=f"n-{invoice.id}") for invoice in issued]

    def charge(turn: int) -> str:
        reply = sandbox.pay(paying.page(begun[turn]))
        payments.sync_session(str(begun[turn].session_id), at=AT)
        return "paid" if "/payments/" in reply.headers.get("Location", "") else ""

    def void(turn: int) -> str:
        """As the admin's page does: close the page that is open first."""
        payments.release(issued[turn].id, by=world.sam, at=AT)
        try:
            invoices.void(issued[turn].id, reason="Made twice", by=world.sam, at=AT)
        except invoices.InvoiceHasEffect:
            return ""
        return "void"

    def act(number: int) -> list[Round]:
        go_there(sandbox)
        return turns.play(number, (charge, void)[number])

    won = one_winner_each(race(database.url, 2, act))
    paid = Invoice.select().where((Invoice.status == "issued") & (Invoice.balance_minor == 0))
    assert paid.count() == won["paid"] == Payment.select().count()
    assert Invoice.select().where(Invoice.status == "void").count() == won["void"]
    assert payments.unallocated() == [], "no money came for an invoice that was void"
    assert check.broken() == []
