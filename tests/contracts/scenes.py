"""Everything the sandbox can do, done once: so that nothing it can say goes unjudged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.sandbox.conftest import Buyer, session_terms
from tests.servers_sandbox import (
    ASKED_ABOUT,
    ASKS_ALWAYS,
    AUTHENTICATES,
    DECLINED,
    DISPUTED,
    GOOD,
    LOST_CARD,
    REFUNDS_SLOWLY,
)

if TYPE_CHECKING:
    from tests.servers_sandbox import Bank

BACK = "http://localhost:8000/back"


def everything(bank: Bank, client: stripe.StripeClient) -> None:
    """Play every scene against a fresh sandbox."""
    acme = client.v1.customers.create({"email": "acme@example.com", "name": "Acme", "metadata": {"id": "1"}})
    buyer = Buyer(bank, client, acme.id)
    bank.control("webhooks", url="http://127.0.0.1:9/closed", paused=True)
    _hosted(buyer)
    _saved_cards(buyer)
    _debits(buyer)
    _refunds(buyer)
    _disputes(buyer)
    _refusals(buyer)
    _looked_up(buyer)


def _session(buyer: Buyer, **terms: Any) -> stripe.checkout.Session:
    wanted: Any = session_terms(**terms)
    return buyer.api.v1.checkout.sessions.create(wanted)


def _hosted(buyer: Buyer) -> None:
    bank, sessions = buyer.bank, buyer.api.v1.checkout.sessions
    open_one = _session(buyer, customer=buyer.customer)
    for number in (DECLINED, LOST_CARD, GOOD):
        bank.pay(open_one.url or "", number, save="1")
    for outcome in ("fail", "complete"):
        asked = _session(buyer, currency="eur", customer_email="ada@example.com")
        question = bank.pay(asked.url or "", AUTHENTICATES).headers["Location"]
        bank.submit(question, outcome=outcome)
    _session(buyer, amount_minor=5_000, currency="jpy")
    sessions.expire(_session(buyer).id)
    sessions.retrieve(open_one.id, {"expand": ["payment_intent.latest_charge.balance_transaction", "line_items"]})
    sessions.line_items.list(open_one.id, {"limit": 1})


def _saved_cards(buyer: Buyer) -> None:
    bank, api = buyer.bank, buyer.api.v1
    card, asking = buyer.save(GOOD), buyer.save(ASKS_ALWAYS)
    buyer.save("", method="us_bank_account")
    api.customers.update(buyer.customer, {"invoice_settings": {"default_payment_method": card.id}})
    buyer.charge(card.id, return_url=BACK)
    question: Any = buyer.charge(asking.id, return_url=BACK)
    bank.submit(question.next_action.redirect_to_url.url, outcome="fail")
    api.payment_intents.cancel(question.id, {"cancellation_reason": "abandoned"})
    for decline in ("insufficient_funds", "lost_card"):
        bank.control(f"payment_methods/{card.id}/decline", code=decline)
        with pytest.raises(stripe.CardError):
            buyer.charge(card.id)
    with pytest.raises(stripe.CardError):
        buyer.charge(asking.id)
    bank.control(f"payment_methods/{card.id}/renew")
    api.payment_methods.retrieve(card.id, {"expand": ["customer"]})
    api.payment_methods.detach(card.id)
    wanted: Any = {"mode": "setup", "currency": "usd", "success_url": BACK, "customer": buyer.customer}
    for number in (DECLINED, AUTHENTICATES):
        session = api.checkout.sessions.create(wanted)
        bank.pay(session.url or "", number)
        bank.submit(f"/c/authenticate/{session.setup_intent}", outcome="fail")
        api.checkout.sessions.expire(session.id)
        api.setup_intents.retrieve(str(session.setup_intent))
    begun = api.payment_intents.create({"amount": 500, "currency": "usd", "payment_method": "pm_card_visa"})
    api.payment_intents.confirm(begun.id, {"return_url": BACK})


def _debits(buyer: Buyer) -> None:
    for currency, debit in (("usd", "us_bank_account"), ("eur", "sepa_debit"), ("gbp", "bacs_debit")):
        for outcome in ("settle", "fail"):
            session = _session(buyer, currency=currency)
            buyer.bank.pay(session.url or "", method=debit)
            buyer.bank.control(f"payments/{session.id}/{outcome}")
            if outcome == "settle":
                buyer.bank.control(f"payments/{session.id}/refund", amount=100)
                buyer.bank.control(f"payments/{session.id}/return")


def _refunds(buyer: Buyer) -> None:
    refunds = buyer.api.v1.refunds
    for number in (GOOD, REFUNDS_SLOWLY):
        intent_id = buyer.paid(number=number)
        terms: Any = {"payment_intent": intent_id, "amount": 100, "reason": "duplicate", "metadata": {"refund_id": "1"}}
        made = refunds.create(terms)
        if made.status == "pending":
            buyer.bank.control(f"refunds/{made.id}/settle")
        buyer.bank.control(f"refunds/{made.id}/fail", reason="declined")
        refunds.retrieve(made.id, {"expand": ["failure_balance_transaction", "charge.refunds"]})
    refunds.list({"payment_intent": intent_id})


def _disputes(buyer: Buyer) -> None:
    bank, disputes = buyer.bank, buyer.api.v1.disputes
    courses = (("win",), ("lose", "appeal", "win"), ("prevent",), ("respond", "lose", "reinstate"))
    for number, course in ((GOOD, ("close",)), (ASKED_ABOUT, ("escalate",)), *((DISPUTED, c) for c in courses)):
        intent_id = buyer.paid(number=number)
        if number == GOOD:
            bank.control(f"payments/{intent_id}/dispute", inquiry=True, amount=100)
        made = bank.objects("dispute")[0]
        for deed in course:
            bank.control(f"disputes/{made['id']}/{deed}")
        disputes.retrieve(made["id"], {"expand": ["charge", "payment_intent"]})
    fresh = bank.control(f"payments/{buyer.paid()}/dispute")
    disputes.update(fresh["id"], {"evidence": {"customer_name": "Ada"}, "submit": False, "metadata": {"a": "1"}})
    disputes.close(fresh["id"])
    disputes.list({"charge": fresh["charge"], "limit": 1})
    with pytest.raises(stripe.InvalidRequestError):
        buyer.api.v1.refunds.create({"payment_intent": fresh["payment_intent"]})


def _refusals(buyer: Buyer) -> None:
    api = buyer.api.v1
    buyer.bank.control("calls", failing=1, failing_status=429)
    with pytest.raises(stripe.RateLimitError):
        api.customers.list()
    buyer.bank.control("calls", failing=1, failing_status=500)
    with pytest.raises(stripe.APIError):
        api.customers.list()
    with pytest.raises(stripe.InvalidRequestError):
        api.payment_intents.retrieve("pi_none")
    wrong: Any = {"colour": "red"}
    with pytest.raises(stripe.InvalidRequestError):
        api.customers.create(wrong)
    for name in ("Acme", "Globex"):
        try:
            api.customers.create({"name": name}, {"idempotency_key": "once"})
        except stripe.IdempotencyError:
            assert name == "Globex"


def _looked_up(buyer: Buyer) -> None:
    api = buyer.api.v1
    api.accounts.retrieve_current()
    api.customers.retrieve(buyer.customer)
    api.customers.list({"email": "acme@example.com", "created": {"gte": 1}})
    api.customers.payment_methods.list(buyer.customer, {"type": "card"})
    api.payment_methods.list({"customer": buyer.customer})
    api.payment_intents.list({"customer": buyer.customer, "expand": ["data.latest_charge"]})
    intent = api.payment_intents.list({"customer": buyer.customer, "limit": 1}).data[0]
    api.payment_intents.retrieve(intent.id, {"expand": ["latest_charge.balance_transaction"]})
    api.setup_intents.list({"customer": buyer.customer})
    for kind in ("payout", "stripe_fee"):
        buyer.bank.control("balance", type=kind, amount=500, currency="gbp")
    charges = api.charges.list({"limit": 2}).data
    api.charges.retrieve(charges[0].id, {"expand": ["refunds", "balance_transaction"]})
    movement = api.balance_transactions.list({"type": "adjustment", "expand": ["data.source"]}).data[0]
    api.balance_transactions.retrieve(movement.id)
    event = api.events.list({"types": ["charge.dispute.created"], "delivery_success": False}).data[0]
    api.events.retrieve(event.id)
    api.checkout.sessions.list({"status": "complete", "expand": ["data.payment_intent"]})
