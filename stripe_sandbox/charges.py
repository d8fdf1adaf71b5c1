"""Charges: one attempt to move money, succeeded, pending (bank debits take days) or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import balance, cards, events, listing, shapes
from stripe_sandbox.store import Store, new_id

if TYPE_CHECKING:
    from stripe_sandbox.api import Call
    from stripe_sandbox.cards import Decline
    from stripe_sandbox.errors import Json

RISK = {"risk_level": "normal", "risk_score": 10}


def succeed(store: Store, intent: Json, method: Json) -> Json:
    """A card is charged at once."""
    charge = _new(store, intent, method, status="pending")
    mark_paid(store, charge)
    return charge


def begin(store: Store, intent: Json, method: Json) -> Json:
    """A bank debit is under way."""
    charge = _new(store, intent, method, status="pending")
    events.emit(store, "charge.pending", charge)
    return charge


def fail(store: Store, intent: Json, method: Json, decline: Decline) -> Json:
    """The bank says no: the failed try stays on the books."""
    charge = _new(store, intent, method, status="failed")
    charge |= {"failure_code": decline.code, "failure_message": decline.message, "captured": False}
    charge["outcome"] = _outcome(decline)
    store.save(charge)
    events.emit(store, "charge.failed", charge)
    return charge


def mark_paid(store: Store, charge: Json) -> None:
    """The money is there: booked to the balance, less the fee."""
    is_card = charge["payment_method_details"]["type"] == "card"
    charge |= {
        "status": "succeeded",
        "paid": True,
        "captured": True,
        "amount_captured": charge["amount"],
        "receipt_url": f"{store.base_url}/receipts/{charge['payment_intent']}",
        "balance_transaction": balance.move(
            store,
            charge,
            charge["amount"],
            kind="charge" if is_card else "payment",
            category="charge",
            fee_minor=balance.charge_fee_minor(charge["amount"]),
        ),
    }
    store.save(charge)
    events.emit(store, "charge.succeeded", charge)


def mark_bounced(store: Store, charge: Json, *, code: str, message: str) -> None:
    """A bank debit came back."""
    charge |= {"status": "failed", "captured": False, "failure_code": code, "failure_message": message}
    store.save(charge)
    events.emit(store, "charge.failed", charge)


def _new(store: Store, intent: Json, method: Json, *, status: str) -> Json:
    is_card = method["type"] == "card"
    return store.add(
        shapes.blank(
            "charge",
            id=new_id("ch_3" if is_card else "py_3"),
            amount=intent["amount"],
            amount_captured=0,
            amount_refunded=0,
            billing_details=method["billing_details"],
            calculated_statement_descriptor="SANDBOX",
            captured=True,
            created=store.now(),
            currency=intent["currency"],
            customer=intent["customer"],
            description=intent["description"],
            disputed=False,
            fraud_details={},
            livemode=False,
            metadata=dict(intent["metadata"]),
            outcome=_outcome(None),
            paid=False,
            payment_intent=intent["id"],
            payment_method=method["id"],
            payment_method_details=_details(intent, method),
            receipt_email=intent["receipt_email"],
            refunded=False,
            statement_descriptor_suffix=intent["statement_descriptor_suffix"],
            status=status,
        )
    )


def _outcome(decline: Decline | None) -> Json:
    refused = decline is not None
    return RISK | {
        "advice_code": decline.advice_code if decline else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if refused else "approved_by_network",
        "reason": decline.decline_code if decline else None,
        "seller_message": "The bank did not return any further details with this decline."
        if refused
        else "Payment complete.",
        "type": "issuer_declined" if refused else "authorized",
    }


def _details(intent: Json, method: Json) -> Json:
    kind = method["type"]
    if kind != "card":
        return {"type": kind, kind: cards.debit_charge_details(kind, method[kind])}
    card = method["card"]
    kept = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    unknown = (
        "authorization_code", "electronic_commerce_indicator", "installments", "mandate",
        "network_transaction_id", "three_d_secure", "transaction_link_id", "wallet",
    )  # fmt: skip
    details = {name: card[name] for name in kept} | dict.fromkeys(unknown)
    details |= {
        "amount_authorized": intent["amount"],
        "network": card["brand"],
        "regulated_status": card["regulated_status"],
    }
    return {"type": "card", "card": details}


def retrieve(call: Call, charge: str) -> Json:
    """GET /v1/charges/{charge}."""
    return call.store.asked("charge", charge, param="id", in_path=True)


def list_all(call: Call) -> Json:
    """GET /v1/charges."""
    return listing.page(call, "charge", "/v1/charges", equal=("customer", "payment_intent"))
