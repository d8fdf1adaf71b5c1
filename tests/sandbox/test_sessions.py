"""A session's life: open, complete or expired."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import stripe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers_sandbox import Bank

    NewSession = Callable[..., stripe.checkout.Session]


def test_a_session_can_be_expired_while_it_is_open_and_not_after(
    once: stripe.StripeClient, new_session: NewSession
) -> None:
    session = new_session()
    expired = once.v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url, expired.payment_status) == ("expired", None, "unpaid")
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        once.v1.checkout.sessions.expire(session.id)


def test_a_paid_session_refuses_to_expire_and_says_why(
    bank: Bank, once: stripe.StripeClient, new_session: NewSession
) -> None:
    session = new_session()
    assert session.url
    bank.pay(session.url)
    with pytest.raises(stripe.InvalidRequestError, match="status of `complete`"):
        once.v1.checkout.sessions.expire(session.id)


@pytest.mark.parametrize("minutes", [5, 25 * 60])
def test_a_session_lives_between_half_an_hour_and_a_day(new_session: NewSession, minutes: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        new_session(expires_at=int(time.time()) + minutes * 60)
    assert caught.value.param == "expires_at"


def test_a_session_whose_time_is_over_is_expired_by_looking(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession
) -> None:
    session = new_session(expires_at=int(time.time()) + 3_600)
    bank.control("clock", offset_seconds=3_601)
    assert api.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert session.url
    assert "This page has expired" in bank.get(session.url).text
    assert [event.type for event in api.v1.events.list({"type": "checkout.session.*"}).data] == [
        "checkout.session.expired"
    ]


def test_lines_of_two_currencies_are_refused(new_session: NewSession) -> None:
    def line(currency: str) -> dict[str, Any]:
        price = {"currency": currency, "unit_amount": 500, "product_data": {"name": "x"}}
        return {"quantity": 1, "price_data": price}

    with pytest.raises(stripe.InvalidRequestError, match="same currency"):
        new_session(line_items=[line("usd"), line("eur")])


def test_several_lines_and_quantities_add_up(bank: Bank, new_session: NewSession) -> None:
    def line(unit_minor: int, quantity: int) -> dict[str, Any]:
        product = {"name": f"Part {unit_minor}", "description": "partial payment"}
        price = {"currency": "usd", "unit_amount": unit_minor, "product_data": product}
        return {"quantity": quantity, "price_data": price}

    session = new_session(line_items=[line(1_000, 2), line(345, 1)])
    assert session.amount_total == 2_345
    assert session.url
    page = bank.get(session.url).text
    for words in ("Part 1000", "partial payment", "2 \N{MULTIPLICATION SIGN} $10.00", "$20.00", "$23.45"):
        assert words in page


def test_a_customer_and_an_email_exclude_each_other(api: stripe.StripeClient, new_session: NewSession) -> None:
    acme = api.v1.customers.create({"name": "Acme"})
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        new_session(customer=acme.id, customer_email="ada@example.com")
