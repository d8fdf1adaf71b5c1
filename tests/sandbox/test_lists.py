"""Lists, cursors, filters and expansion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers_sandbox import Bank

    NewSession = Callable[..., stripe.checkout.Session]


def test_cursors_lead_through_everything_once_newest_first(api: stripe.StripeClient) -> None:
    made = [api.v1.customers.create({"name": str(n)}).id for n in range(7)]
    first = api.v1.customers.list({"limit": 3})
    assert [each.id for each in first.data] == made[:3:-1]
    assert first.has_more
    assert [each.id for each in api.v1.customers.list({"limit": 3}).auto_paging_iter()] == made[::-1]
    back = api.v1.customers.list({"limit": 2, "ending_before": made[2]})
    assert [each.id for each in back.data] == [made[4], made[3]]


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_between_1_and_100_items(once: stripe.StripeClient, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        once.v1.events.list({"limit": limit})
    assert caught.value.param == "limit"


def test_events_are_found_by_type_and_time(bank: Bank, api: stripe.StripeClient, new_session: NewSession) -> None:
    session = new_session()
    assert session.url
    bank.pay(session.url)
    bank.control("clock", offset_seconds=1_000)
    api.v1.customers.create({"name": "later"})
    events = api.v1.events

    def types(params: Any) -> list[str]:
        return sorted(event.type for event in events.list(params).data)

    assert types({"type": "payment_intent.*"}) == ["payment_intent.created", "payment_intent.succeeded"]
    assert types({"types": ["charge.succeeded", "customer.created"]}) == ["charge.succeeded", "customer.created"]
    assert types({"created": {"gte": session.created + 900}}) == ["customer.created"]
    assert "customer.created" not in types({"created": {"lt": session.created + 900}})
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        types({"type": "charge.succeeded", "types": ["charge.succeeded"]})
    one = events.retrieve(events.list({"type": "charge.succeeded"}).data[0].id)
    assert one.data.object["status"] == "succeeded"


def test_sessions_are_found_by_customer_intent_and_status(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession
) -> None:
    acme = api.v1.customers.create({"name": "Acme"})
    mine, other = new_session(customer=acme.id, customer_email=""), new_session()
    assert other.url
    bank.pay(other.url)
    intent_id = bank.objects("payment_intent")[0]["id"]
    sessions = api.v1.checkout.sessions
    assert [s.id for s in sessions.list({"customer": acme.id}).data] == [mine.id]
    assert [s.id for s in sessions.list({"payment_intent": intent_id}).data] == [other.id]
    assert [s.id for s in sessions.list({"status": "open"}).data] == [mine.id]
    assert [r.id for r in api.v1.charges.list({"payment_intent": intent_id}).data] == [bank.objects("charge")[0]["id"]]


def test_four_levels_expand_and_a_fifth_does_not(
    bank: Bank, once: stripe.StripeClient, new_session: NewSession
) -> None:
    session = new_session()
    assert session.url
    bank.pay(session.url)
    listed: Any = once.v1.checkout.sessions.list({"expand": ["data.payment_intent.latest_charge.balance_transaction"]})
    assert listed.data[0].payment_intent.latest_charge.balance_transaction.currency == "usd"
    shown = once.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert shown.line_items is not None
    assert shown.line_items.data[0].description == "Invoice INV-1"
    for path, words in (
        ("data.payment_intent.latest_charge.balance_transaction.source", "more than 4 levels"),
        ("data.payment_intent.amount", "cannot be expanded"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=words):
            once.v1.checkout.sessions.list({"expand": [path]})


def test_a_customer_is_updated_field_by_field(api: stripe.StripeClient) -> None:
    acme = api.v1.customers.create({"name": "Acme", "metadata": {"id": "1", "old": "x"}})
    changed = api.v1.customers.update(acme.id, {"email": "acme@example.com", "metadata": {"old": "", "new": "y"}})
    assert (changed.name, changed.email) == ("Acme", "acme@example.com")
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"id": "1", "new": "y"}
    event = api.v1.events.list({"type": "customer.updated"}).data[0]
    assert event.data.previous_attributes is not None
    assert event.data.previous_attributes["email"] is None
    assert [c.id for c in api.v1.customers.list({"email": "acme@example.com"}).data] == [acme.id]


def test_movements_are_found_by_type_source_currency_and_time(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession
) -> None:
    ours = []
    for currency in ("usd", "eur"):
        session = new_session(currency=currency)
        assert session.url
        bank.pay(session.url)
        ours.append(bank.objects("charge")[0])
    refund = api.v1.refunds.create({"charge": ours[0]["id"]})
    bank.control("clock", offset_seconds=5_000)
    made = bank.control(f"payments/{ours[1]['id']}/dispute")
    movements = api.v1.balance_transactions

    def sources(**params: Any) -> list[str]:
        terms: Any = params
        return [str(m.source) for m in movements.list(terms).data]

    assert sources(type="charge") == [ours[1]["id"], ours[0]["id"]]
    assert sources(type="adjustment") == sources(source=made["id"]) == [made["id"]]
    assert sources(currency="usd") == [refund.id, ours[0]["id"]]
    assert sources(created={"gte": refund.created + 4_000}) == [made["id"]]
    everything = [m.id for m in movements.list({"limit": 100}).data]
    forth = [m.id for m in movements.list({"limit": 2}).auto_paging_iter()]
    back = [m.id for m in movements.list({"limit": 2, "ending_before": everything[-1]}).auto_paging_iter()]
    assert forth == everything
    assert back == everything[:-1][::-1]
    for one in ({"starting_after": everything[0], "ending_before": everything[1]}, {"starting_after": "txn_none"}):
        terms: Any = one
        with pytest.raises(stripe.InvalidRequestError):
            movements.list(terms)
