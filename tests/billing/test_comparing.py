"""Comparing: what no webhook told is booked from the provider's own list, and what nobody explains is listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from billing import check, comparing, gateway, inbox, stripe_events
from billing.errors import Refusal
from billing.gateway import BalanceMovement
from billing.tables import Chargeback, GatewayDifference, Invoice, Payment, Refund, Seller, StripeEvent
from tests.billing import paying
from tests.billing.money_back import balance_there, books, paid
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.billing.paying import Sandbox
    from tests.world import World

LATER = AT + timedelta(hours=2)
THREE_DAYS_LATER = AT + timedelta(days=3) - timedelta(minutes=10)
PAYOUT = BalanceMovement(
    id="txn_payout", kind="payout", source_id="po_1", minor=-50_000, fee_minor=0, currency="GBP", words="STRIPE PAYOUT",
    at=AT,
)  # fmt: skip


class Listing:
    """A gateway whose list of movements is as told; everything else is the sandbox's."""

    def __init__(self, real: gateway.Gateway, *told: BalanceMovement) -> None:
        self._real = real
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def balance_movements(self, *, since: datetime, source_id: str | None = None) -> Iterator[BalanceMovement]:
        return (row for row in self._told if source_id in {None, row.source_id})


def told(sandbox: Sandbox, *movements: BalanceMovement) -> None:
    gateway.use(Listing(sandbox.gateway(), *movements))


def test_webhooks_off_for_three_days_and_one_reconcile_makes_the_difference_zero(
    world: World, sandbox: Sandbox
) -> None:
    """Paid, paid by a stranger, refunded, refund failed, charged back, won: nobody told us any of it."""
    sandbox.control("webhooks", dropping=True)
    invoices = [world.issued() for _ in range(5)]
    for number, invoice in enumerate(invoices):
        sandbox.pay(paying.page(paying.begin(invoice, world.alice, nonce=f"n-{number}")))
    intents = [row["id"] for row in reversed(sandbox.objects("payment_intent"))]
    sandbox.control(f"payments/{intents[0]}/refund", amount=4_000)
    sandbox.control(f"payments/{intents[1]}/refund")
    failing = sandbox.control(f"payments/{intents[2]}/refund", amount=900)
    sandbox.control(f"refunds/{failing['id']}/fail", reason="lost_or_stolen_card")
    sandbox.control(f"payments/{intents[3]}/dispute")
    won = sandbox.control(f"payments/{intents[4]}/dispute", amount=5_000)
    sandbox.control(f"disputes/{won['id']}/win")
    for currency in ("gbp", "usd"):
        sandbox.client().v1.payment_intents.create(
            {
                "amount": 7_700, "currency": currency, "payment_method": "pm_card_visa", "off_session": True,
                "confirm": True,
            }
        )  # fmt: skip
    sandbox.reset_clock(THREE_DAYS_LATER)
    assert not StripeEvent.select().exists()
    assert not Payment.select().exists()

    caught, swept = stripe_events.reconcile(THREE_DAYS_LATER)
    assert caught.missed == 0, "these events are older than anybody looks back"
    assert swept.unanswered == 0
    compared = comparing.compare(THREE_DAYS_LATER)
    assert (compared.differences, compared.unanswered) == (0, 0)
    assert compared.looked == 14
    assert comparing.open_differences() == []
    for currency in ("gbp", "usd"):
        assert books("card_clearing", currency.upper()) == balance_there(sandbox, currency)
    assert [Invoice.get_by_id(row.id).balance_minor for row in invoices] == [
        4_000, invoices[1].total_minor, 0, invoices[3].total_minor, 5_000,
    ]  # fmt: skip
    assert (Refund.select().count(), Chargeback.select().count(), Payment.select().count()) == (3, 2, 7)
    assert not check.broken()
    again = comparing.compare(THREE_DAYS_LATER)
    assert (again.booked, again.differences) == (0, 0)


def test_events_are_looked_for_since_the_last_one_that_reached_us(world: World, sandbox: Sandbox) -> None:
    first, second = world.issued(), world.issued()
    paid(world, sandbox, first)
    for event in sandbox.objects("event"):
        paying.deliver(event)
    sandbox.reset_clock(AT + timedelta(hours=30))
    sandbox.pay(paying.page(paying.begin(second, world.alice, nonce="later", at=AT + timedelta(hours=30))))
    at = AT + timedelta(hours=50)
    assert stripe_events.sweep(at).missed > 0
    assert Invoice.get_by_id(second.id).balance_minor == 0
    assert stripe_events.sweep(at).missed == 0


def test_a_payout_leaves_for_the_bank_once(world: World, sandbox: Sandbox) -> None:
    paid(world, sandbox, world.issued())
    sandbox.control("balance", type="payout", amount=50_000, currency="gbp")
    for _ in range(2):
        comparing.compare(LATER)
    assert books("bank") == 50_000
    assert books("card_clearing") == balance_there(sandbox)
    told(sandbox, replace(PAYOUT, id="txn_back", kind="payout_failure", minor=50_000))
    comparing.compare(LATER)
    assert books("bank") == 0


def test_what_the_provider_keeps_for_itself_is_an_expense(world: World, sandbox: Sandbox) -> None:
    fee = replace(PAYOUT, id="txn_fee", kind="stripe_fee", source_id=None, minor=-200, fee_minor=40)
    told(sandbox, fee)
    assert comparing.compare(LATER).booked == 1
    assert (books("card_fees"), books("card_clearing")) == (240, -240)


def test_what_nobody_can_explain_is_listed_once_and_explained_by_a_person(world: World, sandbox: Sandbox) -> None:
    strange = replace(PAYOUT, id="txn_strange", kind="reserve_transaction", source_id="rsv_1", minor=-900)
    told(sandbox, strange)
    assert comparing.compare(LATER).differences == 1
    assert comparing.compare(LATER).differences == 0
    (row,) = comparing.open_differences()
    assert (row.id, row.minor, row.currency, row.kind) == ("txn_strange", -900, "GBP", "reserve_transaction")
    with pytest.raises(Refusal):
        comparing.resolve(row.id, note="", by=world.sam, at=LATER)
    comparing.resolve(row.id, note="Stripe keeps a reserve", by=world.sam, at=LATER)
    with pytest.raises(comparing.DifferenceResolved):
        comparing.resolve(row.id, note="Again", by=world.sam, at=LATER)
    with pytest.raises(comparing.NoSuchDifference):
        comparing.resolve("txn_none", note="What", by=world.sam, at=LATER)
    assert comparing.open_differences() == []
    assert [found.note for found in comparing.resolved_differences()] == ["Stripe keeps a reserve"]


def test_another_amount_than_ours_is_a_difference(world: World, sandbox: Sandbox) -> None:
    payment = paid(world, sandbox, world.issued())
    (real,) = gateway.current().balance_movements(since=AT - timedelta(days=1))
    told(sandbox, replace(real, minor=real.minor + 1))
    assert comparing.compare(LATER).differences == 1
    row = comparing.open_differences()[0]
    assert row.payment_id == payment.id
    told(sandbox, real)
    comparing.compare(LATER)
    assert GatewayDifference.get().note == "Booked later"


def test_a_payment_that_the_provider_does_not_know_is_a_difference(world: World, sandbox: Sandbox) -> None:
    payment = paid(world, sandbox, world.issued())
    told(sandbox)
    assert comparing.compare(LATER).differences == 1
    assert GatewayDifference.get().id == f"payment:{payment.id}"
    assert comparing.compare(LATER).differences == 0


def test_a_movement_that_cannot_be_asked_about_is_tried_again_tomorrow(world: World, sandbox: Sandbox) -> None:
    sandbox.pay(paying.page(paying.begin(world.issued(), world.alice)))
    sandbox.control("calls", path="/v1/payment_intents", failing=1, failing_status=500)
    first = comparing.compare(LATER)
    assert (first.unanswered, first.booked, first.differences) == (1, 0, 0)
    assert comparing.compare(LATER).booked == 1


class Asked(Listing):
    """A gateway that remembers since when it was asked for movements."""

    def __init__(self, real: gateway.Gateway, *told: BalanceMovement) -> None:
        super().__init__(real, *told)
        self.since: list[datetime] = []

    def balance_movements(self, *, since: datetime, source_id: str | None = None) -> Iterator[BalanceMovement]:
        self.since.append(since)
        return (row for row in super().balance_movements(since=since, source_id=source_id) if row.at >= since)


def test_a_payout_in_a_silence_of_weeks_is_booked_all_the_same(world: World, sandbox: Sandbox) -> None:
    comparing.compare(LATER)
    at = AT + timedelta(days=20)
    gateway.use(Asked(sandbox.gateway(), replace(PAYOUT, at=AT + timedelta(days=9))))
    assert comparing.compare(at).booked == 1
    assert books("bank") == 50_000


def test_a_comparison_begins_where_the_last_whole_one_was_made_or_three_days_ago(
    world: World, sandbox: Sandbox
) -> None:
    asked = Asked(sandbox.gateway())
    gateway.use(asked)
    days = (20, 21, 32, 90)
    for day in days:
        comparing.compare(AT + timedelta(days=day))
    ago = [AT + timedelta(days=day) - since for day, since in zip(days, asked.since, strict=True)]
    appear = timedelta(hours=1)
    assert ago == [timedelta(days=20) + appear, timedelta(days=3), timedelta(days=11) + appear, timedelta(days=30)]


def test_a_comparison_with_something_unanswered_is_not_whole(world: World, sandbox: Sandbox) -> None:
    sandbox.pay(paying.page(paying.begin(world.issued(), world.alice)))
    sandbox.control("calls", path="/v1/payment_intents", failing=1, failing_status=500)
    assert comparing.compare(LATER).unanswered == 1
    assert Seller.get().compared_at is None
    comparing.compare(LATER)
    assert Seller.get().compared_at == LATER
    comparing.compare(AT)
    assert Seller.get().compared_at == LATER, "it never goes back"


def test_who_we_are_is_learnt_once_and_another_is_refused(world: World, sandbox: Sandbox) -> None:
    comparing.recognise()
    comparing.recognise()
    assert Seller.get().gateway_identity == "acct_sandbox"
    sandbox.control("account", id="acct_theirs")
    with pytest.raises(comparing.StrangeGateway) as refusal:
        stripe_events.reconcile(LATER)
    assert "acct_theirs" in refusal.value.message
    sandbox.control("account", id="acct_sandbox")
    stripe_events.reconcile(LATER)
    assert inbox.waiting() == []
