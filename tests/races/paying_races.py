"""Races of people who pay: double clicks, two tabs, a credit that comes between, a void, autopay, many deliveries."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from billing import autopay, inbox, invoices, payments, stripe_events
from billing.tables import Attempt, Invoice, Mail, Payment, PlannedAllocation, StripeEvent
from tests.billing import paying
from tests.billing.saved import save_card
from tests.races.rounds import Lean, Scene
from tests.races.scenes import Race, insist, sweep_pages
from tests.races.spending_races import credit_of
from tests.world import AT, TODAY, content

if TYPE_CHECKING:
    from billing.actors import Actor
    from tests.races.rounds import Round
    from tests.races.scenes import Stage

SESSIONS, INTENTS = "/v1/checkout/sessions", "/v1/payment_intents"
SLOW_SECONDS = 0.05
PART_MINOR = 100_00
PRESSES = 5


def double_click(stage: Stage) -> Scene:
    """Everybody presses Pay at once; in every other round from windows of their own."""
    world, issued = stage.world, [stage.world.issued() for _ in range(stage.size.rounds)]

    def press(turn: int, client: int) -> str:
        nonce = f"form-{turn}" if turn % 2 == 0 else f"window-{turn}-{client}"
        attempt = insist(lambda: paying.begin(issued[turn], world.alice, nonce=nonce))
        return f"page {attempt.id} {paying.page(attempt)}"

    def judge(rounds: list[Round]) -> str:
        assert all(len({deed.what for deed in deeds}) == 1 for deeds in rounds), "all are led to the same page"
        assert all(deed.what.startswith("page ") for deeds in rounds for deed in deeds)
        assert stage.sandbox.state()["sessions_created"] == len(rounds)
        assert Attempt.select().count() == len(rounds)
        calls = stage.calls_of("checkout/sessions")
        assert calls > len(rounds), "clicks met inside the call"
        return f"{len(rounds)} pages; {calls - len(rounds)} clicks called while the page was being made"

    return Scene(press, judge, arrive=stage.go_there, before=lambda _: slowly(stage, SESSIONS))


def slowly(stage: Stage, path: str) -> None:
    """Let the provider take its time for the next call, so that others come meanwhile."""
    stage.sandbox.control("calls", path=path, slow=1, slow_seconds=SLOW_SECONDS)


def two_tabs(stage: Stage) -> Scene:
    """The provider took the money twice for one attempt, and everything tells of both at once."""
    world, client = stage.world, stage.sandbox.client()
    issued = [world.issued() for _ in range(stage.size.rounds)]
    attempts, intents = [], []
    for invoice in issued:
        attempt = paying.begin(invoice, world.alice, nonce=f"n-{invoice.id}")
        assert stage.sandbox.pay(paying.page(attempt)).status_code == 303
        terms: Any = {
            "amount": invoice.total_minor, "currency": "gbp", "payment_method": "pm_card_visa",
            "off_session": True, "confirm": True, "metadata": {"attempt_id": attempt.id},
        }  # fmt: skip
        second = client.v1.payment_intents.create(terms).id
        first = str(client.v1.checkout.sessions.retrieve(str(attempt.session_id)).payment_intent)
        attempts.append(attempt)
        intents.append((first, second))

    def tell(turn: int, who: int) -> str:
        if who % 5 == 4:
            return f"{payments.sync(attempts[turn], at=AT).status}"
        payment = payments.settle(intents[turn][who % 2], at=AT)
        assert payment is not None, "the money came"
        return "booked"

    def judge(rounds: list[Round]) -> str:
        assert {deed.what for deeds in rounds for deed in deeds} <= {"booked", "succeeded"}
        for invoice, pair in zip(issued, intents, strict=True):
            came = list(Payment.select().where(Payment.intent_id.in_(pair)))
            assert sorted(payment.minor for payment in came) == [invoice.total_minor] * 2, "both are kept"
            assert sorted(payment.free_minor for payment in came) == [0, invoice.total_minor], "the second is credit"
            assert [payment.waiting for payment in came if payment.free_minor] == [True], "and staff is asked to look"
            assert all(payment.customer_id == invoice.customer_id for payment in came)
            assert Invoice.get_by_id(invoice.id).balance_minor == 0
        assert Payment.select().count() == 2 * len(rounds)
        mails = Counter(mail.key for mail in Mail.select().where(Mail.event == "receipt"))
        assert set(mails.values()) == {1}
        return f"{2 * len(rounds)} payments booked once each, {len(rounds)} of them kept as credit"

    return Scene(tell, judge, arrive=stage.go_there)


def stale_amount(stage: Stage) -> Scene:
    """Staff applies a credit to a part of the invoice, while Alice and Bob pay what their pages showed."""
    world = stage.world
    issued = [world.issued() for _ in range(stage.size.rounds)]
    keys = [credit_of(world, f"PAY-PART-{turn}", PART_MINOR) for turn in range(stage.size.rounds)]

    def act(turn: int, client: int) -> str:
        invoice = issued[turn]
        if client == 0:
            payments.apply_credit(
                keys[turn], invoice.id, PART_MINOR, customer_id=invoice.customer_id, by=world.sam, at=AT
            )
            came_second = bool(payments.unfinished(invoice.id))
            payments.close_excessive([invoice.id], at=AT)
            return "after" if came_second else "before"
        try:
            insist(
                lambda: paying.begin(invoice, world.bob if client % 4 == 3 else world.alice, nonce=f"{turn}-{client}")
            )
        except payments.AmountChanged as changed:
            return f"409 AmountChanged to {changed.open_minor}"
        return "page"

    changed_words = f"409 AmountChanged to {issued[0].total_minor - PART_MINOR}"

    def judge(rounds: list[Round]) -> str:
        came = Counter(deed.what for deeds in rounds for deed in deeds)
        assert set(came) <= {"before", "after", "page", changed_words, "409 BeingPaid"}
        for deeds in rounds:
            what = {deed.what for deed in deeds if deed.client}
            first = next(deed.what for deed in deeds if deed.client == 0)
            assert first != "before" or what == {changed_words}, "nobody pays the old amount afterwards"
        assert sweep_pages(stage) == 0, "no page asks for the old amount"
        owed = {invoice.balance_minor for invoice in Invoice.select()}
        assert owed == {issued[0].total_minor - PART_MINOR}
        assert came[changed_words], "somebody came with the old amount"
        return f"the credit came first in {came['before']} rounds, a page in {came['after']}"

    return Scene(act, judge, arrive=stage.go_there, lean=Lean(frozenset({"before"})))


def press_or_void(stage: Stage) -> Scene:
    """Staff voids while people press Pay."""
    world, issued = stage.world, [stage.world.issued() for _ in range(stage.size.rounds)]

    def act(turn: int, client: int) -> str:
        invoice = issued[turn]
        if client == 0:
            invoices.void(invoice.id, reason="Made twice", by=world.sam, at=AT)
            return "void"
        insist(lambda: paying.begin(invoice, world.alice, nonce=f"{turn}-{client}"))
        return "page"

    def judge(rounds: list[Round]) -> str:
        won = Counter[str]()
        for deeds in rounds:
            what = {deed.what for deed in deeds}
            assert what in ({"void", "409 InvoiceCancelled"}, {"page", "409 InvoiceBeingPaid"}), "one side wins"
            won["void" if "void" in what else "paid"] += 1
        assert Invoice.select().where(Invoice.status == "void").count() == won["void"]
        assert Attempt.select().where(Attempt.status == "open").count() == won["paid"]
        assert stage.sandbox.state()["sessions_created"] == won["paid"], "a void invoice has no page"
        return _both_won(won, len(rounds))

    return Scene(act, judge, arrive=stage.go_there, lean=Lean(frozenset({"void"})))


def charge_or_void(stage: Stage) -> Scene:
    """Staff closes the open page and voids, while the payer fills it in and others ask what became of it."""
    world = stage.world
    issued = [world.issued() for _ in range(stage.size.rounds)]
    begun = [paying.begin(invoice, world.alice, nonce=f"n-{invoice.id}") for invoice in issued]

    def act(turn: int, client: int) -> str:
        if client == 0:
            payments.release(issued[turn].id, by=world.sam, at=AT)
            invoices.void(issued[turn].id, reason="Made twice", by=world.sam, at=AT)
            return "void"
        charged = False
        if client == 1:
            reply = stage.sandbox.pay(paying.page(begun[turn]))
            charged = "/payments/" in reply.headers.get("Location", "")
        payments.sync_session(str(begun[turn].session_id), at=AT)
        return "charged" if charged else "asked"

    def judge(rounds: list[Round]) -> str:
        won = Counter[str]()
        for deeds in rounds:
            what = {deed.what for deed in deeds}
            assert ("void" in what) != ("charged" in what), f"one side wins: {what}"
            assert what <= {"void", "charged", "asked", "409 InvoiceHasEffect", "409 InvoiceBeingPaid"}
            won["void" if "void" in what else "paid"] += 1
        paid = Invoice.select().where((Invoice.status == "issued") & (Invoice.balance_minor == 0))
        assert paid.count() == won["paid"] == Payment.select().count()
        assert Invoice.select().where(Invoice.status == "void").count() == won["void"]
        assert inbox.waiting() == [], "no money came for an invoice that was void"
        return _both_won(won, len(rounds))

    return Scene(act, judge, arrive=stage.go_there, lean=Lean(frozenset({"void"}), step_seconds=0.004))


def autopay_or_own(stage: Stage) -> Scene:
    """Workers charge what is due, while Alice presses Pay in several windows and fills in the page of one."""
    world = stage.world
    save_card(world, stage.sandbox, autopay_consent="As the page said")
    issued: dict[int, int] = {}

    def due(turn: int) -> Invoice:
        if turn not in issued:
            issued[turn] = max(invoice.id for invoice in Invoice.select(Invoice.id))
        found: Invoice = Invoice.get_by_id(issued[turn])
        return found

    def act(turn: int, client: int) -> str:
        if client % 2 == 0:
            autopay.run_due(TODAY, at=AT)
            return "autopay" if _kind_of(due(turn)) == "autopay" else "nothing"
        invoice = due(turn)
        attempt = insist(lambda: paying.begin(invoice, world.alice, nonce=f"{turn}-{client}"))
        if client == 1 and attempt.status == "open":
            stage.sandbox.pay(paying.page(attempt))
            payments.sync(attempt, at=AT)
        return "page"

    def judge(rounds: list[Round]) -> str:
        assert {deed.what for deeds in rounds for deed in deeds} <= {
            "autopay", "nothing", "page", "409 OnItsWay", "409 AlreadyPaid",
        }  # fmt: skip
        won = Counter(_kind_of(invoice) for invoice in Invoice.select())
        assert Invoice.select().where(Invoice.balance_minor > 0).count() == 0
        assert Payment.select().count() == len(rounds), "nobody was charged twice"
        assert inbox.waiting() == []
        assert len(stage.sandbox.objects("charge")) == min(len(rounds), 200)
        assert len(rounds) < 10 or min(won["autopay"], won["checkout"]), f"one side always comes first: {won}"
        return f"{won['autopay']} rounds went to autopay, {won['checkout']} to the customer"

    return Scene(
        act,
        judge,
        arrive=stage.go_there,
        before=lambda _: _make_due(stage),
        lean=Lean(frozenset({"autopay"}), step_seconds=0.03, side=lambda client: client % 2 == 0),
    )


def _make_due(stage: Stage) -> None:
    stage.world.overdue()


def _kind_of(invoice: Invoice) -> str:
    attempt = (
        Attempt.select(Attempt.kind)
        .join(PlannedAllocation)
        .where((PlannedAllocation.invoice == invoice.id) & Attempt.status.not_in(["failed", "superseded", "expired"]))
        .first()
    )
    return str(attempt.kind) if attempt else ""


def deliveries(stage: Stage) -> Scene:
    """The same webhook reaches everybody at once."""
    issued = [stage.world.issued() for _ in range(stage.size.rounds)]
    payloads = []
    for invoice in issued:
        attempt = paying.begin(invoice, stage.world.alice, nonce=f"n-{invoice.id}")
        assert stage.sandbox.pay(paying.page(attempt)).status_code == 303
        found = next(event for event in stage.sandbox.objects("event") if event["type"] == "payment_intent.succeeded")
        payloads.append(json.dumps(found))

    def deliver(turn: int, _: int) -> str:
        payload = payloads[turn]
        done = stripe_events.receive(payload.encode(), paying.signed(payload), at=AT, real_at=AT)
        return "done" if done else "again"

    def judge(rounds: list[Round]) -> str:
        assert {deed.what for deeds in rounds for deed in deeds} == {"done"}
        assert sorted(payment.minor for payment in Payment.select()) == sorted(one.total_minor for one in issued)
        assert Invoice.select().where(Invoice.balance_minor > 0).count() == 0
        assert Mail.select().where(Mail.event == "receipt").count() == len(rounds)
        assert {event.status for event in StripeEvent.select()} == {"processed"}
        looked = stage.calls_of("payment_intents")
        assert looked > len(rounds), "deliveries met while one was acting"
        return f"{len(rounds)} payments booked once each; {looked} deliveries acted at once"

    return Scene(deliver, judge, arrive=stage.go_there, before=lambda _: slowly(stage, INTENTS))


def early_or_press(stage: Stage) -> Scene:
    """What Alice paid early is booked, with its discount, while Bob presses Pay again and again."""
    world = stage.world
    issued, intents = [], []
    for turn in range(stage.size.rounds):
        said = replace(content(), early_days=10, early_ppm=20_000)
        draft = invoices.draft(world.acme.id, said, by=world.sam, at=AT)
        issued.append(invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT))
        attempt = _press_early(issued[-1], world.alice, f"alice-{turn}")
        assert stage.sandbox.pay(paying.page(attempt)).status_code == 303
        intents.append(str(stage.sandbox.objects("payment_intent")[0]["id"]))

    def act(turn: int, client: int) -> str:
        if client % 4 == 0:
            assert payments.settle(intents[turn], at=AT) is not None, "the money came"
            return "booked"
        for press in range(PRESSES):
            try:
                _press_early(issued[turn], world.bob, f"bob-{turn}-{client}-{press}")
            except payments.BeingPaid:
                continue
        return "waited"

    def judge(rounds: list[Round]) -> str:
        came = Counter(deed.what for deeds in rounds for deed in deeds)
        assert set(came) <= {"booked", "waited", "409 AlreadyPaid"}, came
        assert Payment.select().count() == len(rounds)
        assert {(row.balance_minor, row.credited_minor) for row in Invoice.select()} == {(0, 23_28)}
        return f"{len(rounds)} discounts taken once each; Bob was told so {came['409 AlreadyPaid']} times"

    return Scene(act, judge, arrive=stage.go_there)


def _press_early(invoice: Invoice, payer: Actor, nonce: str) -> Attempt:
    """Pay all but the discount of 2 per cent."""
    early = payments.Planned(invoice.id, invoice.total_minor - 23_28, invoice.total_minor)
    return payments.start_checkout(customer_id=invoice.customer_id, planned=[early], nonce=nonce, payer=payer, at=AT)


def _both_won(won: Counter[str], rounds: int) -> str:
    fewest = max(1, rounds // 20)
    assert min(won["void"], won["paid"]) >= fewest or rounds < 10, f"one side always comes first: {won}"
    return f"{won['paid']} rounds went to who paid, {won['void']} to who voided"


PAYING = (
    Race("double-click", "1", "everybody presses Pay at once", double_click),
    Race("two-tabs", "2", "the provider took the money twice", two_tabs),
    Race("stale-amount", "3", "a credit comes between page and POST", stale_amount),
    Race("press-or-void", "9", "staff voids while people press Pay", press_or_void),
    Race("charge-or-void", "9", "staff voids while the payer fills in the page", charge_or_void),
    Race("early-or-press", "", "a discount is taken while people press Pay", early_or_press),
    Race("deliveries", "6", "one webhook reaches everybody at once", deliveries),
    Race("autopay-or-own", "", "workers charge what the customer pays", autopay_or_own),
)
