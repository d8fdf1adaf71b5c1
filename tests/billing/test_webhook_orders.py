"""Events come in any order, many times, at once, too early and too late: the books are the same in the end."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from billing import cards, check, gateway, invoices, payments, stripe_events
from billing.db import database, execute
from billing.tables import Attempt, Card, Chargeback, Invoice, Payment, Refund, StripeEvent
from tests.billing import paying
from tests.billing.money_back import stray
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.billing.paying import Sandbox
    from tests.world import World

TYPES = stripe_events.TYPES
COMPANIONS = (
    "payment_intent.succeeded",
    "refund.created",
    "charge.dispute.funds_withdrawn",
    "checkout.session.completed",
)
Event = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """What happened at the sandbox, none of which we have heard of."""

    session: str
    intent: str
    refund: str
    dispute: str
    setup: str
    card: str

    def event(self, kind: str, **more: Any) -> Event:
        """An event of this type, about what it is about in the story."""
        about = {
            "checkout": self.session, "payment_intent": self.intent, "refund": self.refund, "charge": self.dispute,
            "setup_intent": self.setup, "payment_method": self.card,
        }[kind.partition(".")[0]]  # fmt: skip
        return {
            "id": f"evt_{kind}",
            "object": "event",
            "type": kind,
            "created": int(AT.timestamp()),
            "livemode": False,
            "api_version": "2026-10-28.endive",
            "data": {"object": {"id": about, "object": kind.partition(".")[0]}},
        } | more


def tell(world: World, sandbox: Sandbox) -> Story:
    """Alice saved a card, paid an invoice, got a part back in the dashboard, and her bank took another part back."""
    wish = cards.start_setup(
        customer_id=world.acme.id, nonce="wish", by=world.alice, at=AT, autopay_consent="", ip="127.0.0.1"
    )
    assert wish.url
    sandbox.pay(wish.url)
    sandbox.pay(paying.page(paying.begin(world.issued(), world.alice)))
    intent = sandbox.objects("payment_intent")[0]["id"]
    refund = sandbox.control(f"payments/{intent}/refund", amount=4_000)["id"]
    dispute = sandbox.control(f"payments/{intent}/dispute", amount=2_500)["id"]
    setup = sandbox.objects("setup_intent")[0]
    return Story(
        session=sandbox.objects("checkout.session")[0]["id"],
        intent=intent,
        refund=refund,
        dispute=dispute,
        setup=setup["id"],
        card=setup["payment_method"],
    )


def books() -> dict[str, Any]:
    """All that must be the same in the end, whatever the order: sums, balances, states."""
    legs = execute("SELECT account, currency, SUM(minor) FROM v_ledger_legs GROUP BY account, currency ORDER BY 1, 2")
    issued = Invoice.select().order_by(Invoice.id)
    return {
        "ledger": [tuple(row) for row in legs.fetchall()],
        "invoices": [(row.number, row.status, row.balance_minor, row.refunded_minor) for row in issued],
        "payments": [(row.minor, row.free_minor, row.fee_minor, row.kept_reason) for row in Payment.select()],
        "refunds": [(row.minor, row.status, row.stripe_id) for row in Refund.select()],
        "chargebacks": [(row.id, row.status, row.withdrawn_minor) for row in Chargeback.select()],
        "attempts": [row.status for row in Attempt.select().order_by(Attempt.id)],
        "cards": [(row.stripe_id, row.removed_at) for row in Card.select()],
    }


def after(do: Callable[[], object]) -> dict[str, Any]:
    """The books after something that is then undone; nothing of them is broken."""
    with database.atomic() as transaction:
        do()
        found = books()
        assert check.broken(first_only=True) == []
        transaction.rollback()
    return found


class Remembering:
    """The sandbox's answers, each asked for once: nothing moves there while the orders are tried."""

    def __init__(self, real: gateway.Gateway) -> None:
        self._real = real
        self._told: dict[tuple[object, ...], object] = {}

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if not callable(real) or name == "read_delivery":
            return real

        def ask(*args: object, **more: object) -> object:
            key = (name, *args, *sorted(more.items()))
            if key not in self._told:
                self._told[key] = real(*args, **more)
            return self._told[key]

        return ask


def ends_of(four: list[Event]) -> list[dict[str, Any]]:
    """The books after each of the 24 orders in which four events may come."""

    def in_order(order: tuple[Event, ...]) -> Callable[[], object]:
        return lambda: [paying.deliver(event) for event in order]

    gateway.use(Remembering(gateway.current()))
    return [after(in_order(order)) for order in itertools.permutations(four)]


def all_in_order(story: Story) -> None:
    assert all(paying.deliver(story.event(kind)) for kind in TYPES)


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_in_every_order_of_four_ends_in_the_same_books(world: World, sandbox: Sandbox, kind: str) -> None:
    story = tell(world, sandbox)
    others = [name for name in COMPANIONS if name != kind][:3]
    four = [story.event(name) for name in (kind, *others)]
    ends = ends_of(four)
    assert len(ends) == 24
    assert all(end == ends[0] for end in ends)
    assert ends[0]["payments"]
    assert StripeEvent.select().count() == 0, "each order began with nothing"


def test_every_type_five_times_over_changes_nothing_more(world: World, sandbox: Sandbox) -> None:
    story = tell(world, sandbox)
    once = after(lambda: all_in_order(story))

    def again() -> None:
        all_in_order(story)
        for kind, number in itertools.product(TYPES, range(5)):
            assert paying.deliver(story.event(kind))
            assert paying.deliver(story.event(kind, id=f"evt_{kind}_again_{number}"))

    assert after(again) == once


@pytest.mark.race
def test_every_type_twenty_times_at_once_ends_in_the_same_books(world: World, sandbox: Sandbox) -> None:
    story = tell(world, sandbox)
    once = after(lambda: all_in_order(story))
    for kind in TYPES:
        event = story.event(kind)
        answers = paying.at_once(20, partial(paying.deliver, event))
        assert answers == [True] * 20, kind
    assert books() == once
    assert StripeEvent.select().count() == len(TYPES)


@pytest.mark.race
def test_all_types_at_once_end_in_the_same_books(world: World, sandbox: Sandbox) -> None:
    story = tell(world, sandbox)
    once = after(lambda: all_in_order(story))
    waiting = [story.event(kind) for kind in TYPES]
    answers = paying.at_once(len(TYPES), lambda: paying.deliver(waiting.pop()))
    assert answers == [True] * len(TYPES)
    assert books() == once


def test_events_before_our_own_call_returned_end_in_the_same_books(world: World, sandbox: Sandbox) -> None:
    """The answer of the call that makes the page is lost; the events come, and then the payer is sent back."""
    invoice = world.issued()
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500, failing_after=True)
    with pytest.raises(gateway.OutcomeUnknown):
        paying.begin(invoice, world.alice)
    sandbox.pay(sandbox.objects("checkout.session")[0]["url"])
    told = sandbox.objects("event")
    ends = ends_of(told[:4])
    assert all(end == ends[0] for end in ends)
    assert all(paying.deliver(event) for event in told)
    payments.sync(Attempt.get(), at=AT)
    assert books() == ends[0]
    assert Invoice.get_by_id(invoice.id).balance_minor == 0


def test_money_after_a_void_is_kept_in_every_order(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    invoices_left = payments.release(invoice.id, by=world.sam, at=AT)
    assert invoices_left == []
    invoices.void(invoice.id, reason="Made twice", by=world.sam, at=AT)
    same_books_kept(
        world, sandbox, stray(sandbox, invoice.total_minor, reference=attempt.id), "invoice_no_longer_payable"
    )


def test_a_wrong_amount_is_kept_in_every_order(world: World, sandbox: Sandbox) -> None:
    attempt = paying.begin(world.issued(), world.alice)
    same_books_kept(world, sandbox, stray(sandbox, 700, reference=attempt.id), "amount_mismatch")


def test_a_wrong_currency_is_kept_in_every_order(world: World, sandbox: Sandbox) -> None:
    attempt = paying.begin(world.issued(), world.alice)
    same_books_kept(world, sandbox, stray(sandbox, 116_400, "usd", reference=attempt.id), "wrong_currency")


def test_a_wrong_customer_is_kept_in_every_order(world: World, sandbox: Sandbox) -> None:
    attempt = paying.begin(world.issued(), world.alice)
    theirs = paying.begin(world.issued(world.globex), world.gina, nonce="theirs")
    assert theirs.customer_id == world.globex.id
    customer = sandbox.objects("customer")[0]["id"]
    told = stray(sandbox, 116_400, reference=attempt.id, customer=customer)
    same_books_kept(world, sandbox, told, "wrong_customer")


def same_books_kept(world: World, sandbox: Sandbox, intent_id: str, reason: str) -> None:
    """The money, a refund and a chargeback of parts of it: kept for the same reason, with the same books."""
    refund = sandbox.control(f"payments/{intent_id}/refund", amount=100)["id"]
    dispute = sandbox.control(f"payments/{intent_id}/dispute", amount=200)["id"]
    story = Story(session="", intent=intent_id, refund=refund, dispute=dispute, setup="", card="")
    four = [
        story.event(kind)
        for kind in ("payment_intent.succeeded", "refund.created", "charge.dispute.created", "charge.dispute.closed")
    ]
    ends = ends_of(four)
    assert all(end == ends[0] for end in ends)
    ((minor, free, _, why),) = ends[0]["payments"]
    assert (free, why) == (minor - 300, reason)


def test_every_type_of_the_wrong_mode_moves_nothing(world: World, sandbox: Sandbox) -> None:
    story = tell(world, sandbox)
    before = books()
    for kind, _ in itertools.product(TYPES, range(3)):
        assert paying.deliver(story.event(kind, livemode=True))
    assert books() == before
    assert {row.status for row in StripeEvent.select()} == {"wrong_mode"}
    assert stripe_events.troubles(AT).wrong_mode == len(TYPES)
