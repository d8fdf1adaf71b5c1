"""What payers' banks, the card networks and Stripe's dashboard do: debits end, disputes run, refunds fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import balance, cards, disputes, payment_intents, payment_methods, refunds, session_course
from stripe_sandbox.control_switches import count, flag, read
from stripe_sandbox.currencies import MOST_MINOR, checked
from stripe_sandbox.errors import ApiError, Json, ParameterError, no_such
from stripe_sandbox.store import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from stripe_sandbox.store import Store

AMOUNT = count(MOST_MINOR, least=1)
OWN_MOVEMENTS = {"payout": ("payout", "po_1"), "stripe_fee": ("fee", None)}  # kind: (category, prefix of its source)
RENEWAL: dict[str, Callable[[object], object]] = {
    "exp_month": count(12, least=1),
    "exp_year": count(2100, least=2020),
    "last4": str,
}


def _intent_of(store: Store, payment_id: str) -> Json:
    """A payment by its intent, its charge or its session."""
    session = store.find("checkout.session", payment_id)
    charge = store.find("charge", payment_id)
    intent_id = (session or charge or {"payment_intent": payment_id})["payment_intent"]
    return store.asked("payment_intent", str(intent_id), param="intent", in_path=True)


def _charge_of(store: Store, payment_id: str) -> Json:
    charge = store.find("charge", payment_id)
    if charge:
        return charge
    intent = _intent_of(store, payment_id)
    if not intent["latest_charge"]:
        raise ApiError(f"{intent['id']} is {intent['status']}: nobody was charged.", status=409)
    return store.get("charge", intent["latest_charge"])


def settle(store: Store, payment_id: str) -> Json:
    """A bank debit's money has come."""
    read({})
    return _end_debit(store, payment_id, payment_intents.settle_debit)


def fail(store: Store, payment_id: str) -> Json:
    """A bank debit was refused before it succeeded."""
    read({})
    return _end_debit(store, payment_id, payment_intents.bounce_debit)


def _end_debit(store: Store, payment_id: str, end: Callable[[Store, Json], None]) -> Json:
    intent = _intent_of(store, payment_id)
    if intent["status"] != "processing":
        raise ApiError(f"{intent['id']} is {intent['status']}: no debit is under way.", status=409)
    end(store, intent)
    session_course.debit_over(store, intent)
    return intent


def send_back(store: Store, payment_id: str) -> Json:
    """A bank debit comes back after it succeeded: a dispute that is lost at once."""
    asked = read({"reason": str, "amount": AMOUNT})
    charge = _charge_of(store, payment_id)
    if charge["payment_method_details"]["type"] == "card":
        raise ApiError(f"{charge['id']} is a card payment: a bank disputes it, and cannot send it back.", status=409)
    return disputes.begin(
        store,
        charge,
        status="lost",
        amount_minor=asked.get("amount"),
        reason=asked.get("reason") or "insufficient_funds",
    )


def dispute(store: Store, payment_id: str) -> Json:
    """The payer's bank disputes a payment, or only asks about it."""
    asked = read({"amount": AMOUNT, "reason": str, "inquiry": flag})
    return disputes.begin(
        store,
        _charge_of(store, payment_id),
        status="warning_needs_response" if asked.get("inquiry") else "needs_response",
        amount_minor=asked.get("amount"),
        reason=asked.get("reason") or "fraudulent",
    )


def refund(store: Store, payment_id: str) -> Json:
    """Somebody refunds at the dashboard, where none of our metadata is known."""
    asked = read({"amount": AMOUNT, "reason": str})
    if asked.get("reason", "") not in {"", "duplicate", "fraudulent", "requested_by_customer"}:
        raise ParameterError("A refund's reason is duplicate, fraudulent or requested_by_customer.", param="reason")
    return refunds.give(store, _charge_of(store, payment_id), asked)


PAYMENT_DEEDS: dict[str, Callable[[Store, str], Json]] = {
    "settle": settle,
    "fail": fail,
    "return": send_back,
    "dispute": dispute,
    "refund": refund,
}
DISPUTE_DEEDS: dict[str, Callable[[Store, Json], None]] = {
    "win": disputes.win,
    "lose": disputes.lose,
    "prevent": disputes.prevent,
    "escalate": disputes.escalate,
    "close": disputes.close_inquiry,
    "respond": disputes.respond,
    "appeal": disputes.appeal,
}
# The page's buttons by the status of a dispute.
WAYS_ON = {
    "warning_needs_response": (("close", "Close"), ("escalate", "Take the money"), ("prevent", "Prevent")),
    "warning_under_review": (("close", "Close"), ("escalate", "Take the money")),
    "needs_response": (("win", "Win"), ("lose", "Lose"), ("prevent", "Prevent")),
    "under_review": (("win", "Win"), ("lose", "Lose")),
    "lost": (("appeal", "Appeal"), ("reinstate", "Give the money back")),
    "appeal_under_review": (("win", "Win"), ("lose", "Lose")),
}


def decide(store: Store, dispute_id: str, deed: str) -> Json:
    """A dispute goes on, as the bank decides."""
    found = store.asked("dispute", dispute_id, param="dispute", in_path=True)
    if deed == "reinstate":
        disputes.reinstate(store, found, read({"amount": AMOUNT}).get("amount"))
    else:
        read({})
        DISPUTE_DEEDS[deed](store, found)
    return found


def finish_refund(store: Store, refund_id: str, outcome: str) -> Json:
    """A refund arrives, or comes back."""
    asked = read({"reason": str} if outcome == "fail" else {})
    found = store.asked("refund", refund_id, param="id", in_path=True)
    allowed = {"settle": {"pending"}, "fail": {"pending", "succeeded"}}[outcome]
    if found["status"] not in allowed:
        raise ApiError(f"{refund_id} is {found['status']}.", status=409)
    if outcome == "settle":
        refunds.settle(store, found)
    else:
        refunds.bounce(store, found, reason=asked.get("reason") or "unknown")
    return found


def move(store: Store) -> Json:
    """Stripe pays out to the merchant's bank, or takes a fee that belongs to no payment."""
    asked = read({"type": str, "amount": AMOUNT, "currency": str})
    kind = asked.get("type", "payout")
    if kind not in OWN_MOVEMENTS:
        raise ParameterError(f"Not a movement of its own: {kind}. Known: {', '.join(OWN_MOVEMENTS)}", param="type")
    if "amount" not in asked:
        raise ParameterError("Say the amount.", param="amount")
    currency = checked(asked.get("currency") or "usd", param="currency")
    category, prefix = OWN_MOVEMENTS[kind]
    source = {"currency": currency, "id": new_id(prefix) if prefix else None}
    moved = balance.move(store, source, -asked["amount"], kind=kind, category=category)
    return store.get("balance_transaction", moved)


def change_method(store: Store, method_id: str, deed: str) -> Json:
    """A saved card starts to decline, pays again, or was renewed by its bank."""
    method = store.find("payment_method", method_id)
    if method is None:
        raise no_such("payment_method", method_id, param="payment_method", in_path=True)
    if deed == "decline":
        code = read({"code": str}).get("code", "generic_decline")
        if code and code not in cards.DECLINES:
            raise ParameterError(f"Not a decline code: {code}. Known: {', '.join(sorted(cards.DECLINES))}")
        store.hide(method_id, declines=code)
    else:
        if method["type"] != "card":
            raise ApiError(f"{method_id} is no card.", status=409)
        payment_methods.renew(store, method, **({"exp_month": 12, "exp_year": 2040} | read(RENEWAL)))
    return method
