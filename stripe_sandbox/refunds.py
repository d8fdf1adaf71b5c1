"""Refunds: never more than was captured; a card's is done at once, a bank's is pending for days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import balance, cards, currencies, disputes, events, listing, metadata, shapes
from stripe_sandbox.errors import ApiError, Json, ParameterError
from stripe_sandbox.store import Store, new_id

if TYPE_CHECKING:
    from stripe_sandbox.api import Call


FAILURES = frozenset({
    "charge_for_pending_refund_disputed", "declined", "expired_or_canceled_card", "insufficient_funds",
    "lost_or_stolen_card", "merchant_request", "unknown",
})  # fmt: skip


def create(call: Call) -> Json:
    """POST /v1/refunds, of a payment intent or of a charge."""
    return give(call.store, _charge_to_refund(call.store, call.params), call.params)


def give(store: Store, charge: Json, terms: Json) -> Json:
    """Refund a charge, all that is left of it unless `terms["amount"]` says how much. Raises ApiError."""
    if not disputes.is_refundable(store, charge):
        raise ApiError(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    amount_minor = _checked_minor(charge, terms.get("amount"))
    is_card = charge["payment_method_details"]["type"] == "card"
    card_details = {
        "reference_status": "pending",
        "reference_type": "acquirer_reference_number",
        "type": "refund",
    }
    refund = store.add(
        shapes.blank(
            "refund",
            id=new_id("re_3" if is_card else "pyr_1"),
            amount=amount_minor,
            charge=charge["id"],
            created=store.now(),
            currency=charge["currency"],
            customer=charge["customer"],
            metadata=metadata.new(terms.get("metadata")),
            payment_intent=charge["payment_intent"],
            payment_method=charge["payment_method"],
            reason=terms.get("reason"),
            status="succeeded" if is_card and not _is_slow(store, charge) else "pending",
        )
    )
    if is_card:
        refund["destination_details"] = {"card": card_details, "type": "card"}
    refund["balance_transaction"] = balance.move(
        store, refund, -amount_minor, kind="refund" if is_card else "payment_refund", category="refund"
    )
    store.save(refund)
    events.emit(store, "refund.created", refund)
    _count_on_charge(store, charge, amount_minor)
    return refund


def _is_slow(store: Store, charge: Json) -> bool:
    card = cards.BY_NUMBER.get(store.hidden(charge["payment_method"])["number"])
    return card is not None and card.refunds_slowly


def _charge_to_refund(store: Store, given: Json) -> Json:
    if "payment_intent" in given:
        intent = store.asked("payment_intent", given["payment_intent"], param="payment_intent")
        if intent["status"] != "succeeded":
            raise ApiError(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        charge = store.get("charge", intent["latest_charge"])
        if given.get("charge", charge["id"]) != charge["id"]:
            raise ParameterError("The charge does not belong to the payment_intent.", param="charge")
        return charge
    if "charge" not in given:
        raise ParameterError(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    return store.asked("charge", given["charge"], param="charge")


def _checked_minor(charge: Json, asked_minor: int | None) -> int:
    left_minor = charge["amount_captured"] - charge["amount_refunded"]
    if not charge["paid"]:
        raise ApiError(f"Charge {charge['id']} has not been paid; cannot issue a refund.")
    if left_minor <= 0:
        raise ApiError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount_minor = left_minor if asked_minor is None else asked_minor
    if amount_minor <= 0:
        raise ParameterError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount_minor > left_minor:
        currency = charge["currency"]
        raise ApiError(
            f"Refund amount ({currencies.words(amount_minor, currency)}) is greater than unrefunded amount on "
            f"charge ({currencies.words(left_minor, currency)})",
            param="amount",
        )
    return amount_minor


def _count_on_charge(store: Store, charge: Json, amount_minor: int) -> None:
    previous = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount_minor
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    store.save(charge)
    if amount_minor > 0:
        events.emit(store, "charge.refunded", charge, previous=previous)


def settle(store: Store, refund: Json) -> None:
    """A pending refund has arrived at the customer's bank."""
    previous = {"status": refund["status"]}
    refund["status"] = "succeeded"
    events.emit(store, "refund.updated", store.save(refund), previous=previous)


def bounce(store: Store, refund: Json, *, reason: str = "unknown") -> None:
    """A refund came back: the merchant has the money again (docs.stripe.com/refunds#failed-refunds)."""
    if reason not in FAILURES:
        raise ParameterError(f"Not a reason for a failed refund: {reason}. Known: {', '.join(sorted(FAILURES))}")
    previous = {"status": refund["status"]}
    back = balance.move(store, refund, refund["amount"], kind="refund_failure", category="refund_failure")
    refund |= {"status": "failed", "failure_reason": reason, "failure_balance_transaction": back}
    store.save(refund)
    _count_on_charge(store, store.get("charge", refund["charge"]), -refund["amount"])
    events.emit(store, "refund.failed", refund)
    events.emit(store, "refund.updated", refund, previous=previous)


def retrieve(call: Call, refund: str) -> Json:
    """GET /v1/refunds/{refund}."""
    return call.store.asked("refund", refund, param="id", in_path=True)


def list_all(call: Call) -> Json:
    """GET /v1/refunds."""
    return listing.page(call, "refund", "/v1/refunds", equal=("charge", "payment_intent"))
