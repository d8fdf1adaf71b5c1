"""Disputes: the payer's bank asks about a payment, or takes the money back. Source: docs.stripe.com/disputes.

An inquiry (`warning_*`) moves no money. A chargeback withdraws it at once, with a fee; winning gives it back.
Every movement is a balance transaction of the dispute: what a merchant books follows these, not the words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import balance, events, listing, metadata, shapes
from stripe_sandbox.errors import ApiError, Json, ParameterError
from stripe_sandbox.store import Store, new_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stripe_sandbox.api import Call

FEE_MINOR = 1_500
DAYS_TO_ANSWER = 9
REASONS = frozenset({
    "bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated", "debit_not_authorized",
    "duplicate", "fraudulent", "general", "incorrect_account_details", "insufficient_funds", "noncompliant",
    "product_not_received", "product_unacceptable", "subscription_canceled", "unrecognized",
})  # fmt: skip
INQUIRIES = ("warning_needs_response", "warning_under_review")
CHARGEBACKS = ("needs_response", "under_review", "appeal_needs_response", "appeal_under_review")
REFUNDABLE = ("warning_needs_response", "warning_under_review", "warning_closed", "won")
ANSWERED = {
    "warning_needs_response": "warning_under_review",
    "needs_response": "under_review",
    "appeal_needs_response": "appeal_under_review",
}
EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy_disclosure", "cancellation_rebuttal",
    "customer_email_address", "customer_name", "customer_purchase_ip", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "refund_policy_disclosure", "refund_refusal_explanation",
    "service_date", "shipping_address", "shipping_carrier", "shipping_date", "shipping_tracking_number",
    "uncategorized_text",
)  # fmt: skip
FILES = (
    "cancellation_policy", "customer_communication", "customer_signature", "duplicate_charge_documentation",
    "receipt", "refund_policy", "service_documentation", "shipping_documentation", "uncategorized_file",
)  # fmt: skip
VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost"}  # docs.stripe.com/testing#evidence


def begin(
    store: Store, charge: Json, *, status: str, amount_minor: int | None = None, reason: str = "fraudulent"
) -> Json:
    """Dispute a paid charge, all that is left of it unless `amount_minor` says how much.

    `status` is `needs_response`, `warning_needs_response` (an inquiry) or `lost` (a bank debit that came back,
    final at once). Raises ApiError.
    """
    disputed_minor = _checked_minor(store, charge, amount_minor)
    if reason not in REASONS:
        raise ParameterError(f"Not a reason for a dispute: {reason}. Known: {', '.join(sorted(REASONS))}")
    dispute = store.add(_blank(store, charge, disputed_minor, status, reason))
    charge["disputed"] = True
    store.save(charge)
    if status not in INQUIRIES:
        _withdraw(store, dispute)
    events.emit(store, "charge.dispute.created", dispute)
    if status not in INQUIRIES:
        events.emit(store, "charge.dispute.funds_withdrawn", dispute)
    if status == "lost":
        events.emit(store, "charge.dispute.closed", dispute)
    return dispute


def _checked_minor(store: Store, charge: Json, asked_minor: int | None) -> int:
    if charge["status"] != "succeeded":
        raise ApiError(f"Charge {charge['id']} is {charge['status']}: there is nothing to dispute.", status=409)
    taken_minor = sum(withdrawn_minor(each) for each in store.where("dispute", charge=charge["id"]))
    left_minor = charge["amount_captured"] - charge["amount_refunded"] - taken_minor
    disputed_minor = left_minor if asked_minor is None else asked_minor
    if asked_minor is None and left_minor <= 0:
        raise ApiError(f"Nothing is left of charge {charge['id']} to dispute.", status=409)
    if not 0 < disputed_minor <= charge["amount_captured"]:
        raise ParameterError(f"Dispute between 1 and {charge['amount_captured']} minor units.", param="amount")
    return disputed_minor


def _blank(store: Store, charge: Json, amount_minor: int, status: str, reason: str) -> Json:
    details: Json = {}
    if charge["payment_method_details"]["type"] == "card":
        card = charge["payment_method_details"]["card"]
        details["payment_method_details"] = {
            "card": {
                "brand": card["brand"],
                "case_type": "inquiry" if status in INQUIRIES else "chargeback",
                "network": card["network"],
                "network_reason_code": None,
            },
            "type": "card",
        }
    answer_by = store.now() + DAYS_TO_ANSWER * 86_400
    return shapes.blank(
        "dispute",
        id=new_id("dp_1"),
        amount=amount_minor,
        balance_transactions=[],
        charge=charge["id"],
        created=store.now(),
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=dict.fromkeys((*EVIDENCE, *FILES)) | {"enhanced_evidence": {}},
        evidence_details={
            "due_by": None if status == "lost" else answer_by,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        is_charge_refundable=status in REFUNDABLE,
        livemode=False,
        metadata={},
        payment_intent=charge["payment_intent"],
        reason=reason,
        status=status,
        **details,
    )


def withdrawn_minor(dispute: Json) -> int:
    """What the bank holds of the merchant's money because of this dispute, fees aside."""
    moved_minor: int = sum(movement["amount"] for movement in dispute["balance_transactions"])
    return -moved_minor


def _withdraw(store: Store, dispute: Json, *, fee_minor: int = FEE_MINOR) -> None:
    words = f"Chargeback withdrawal for {dispute['charge']}"
    _move(store, dispute, -dispute["amount"], category="dispute", description=words, fee_minor=fee_minor)


def _give_back(store: Store, dispute: Json, amount_minor: int) -> None:
    words = f"Chargeback reversal for {dispute['charge']}"
    _move(store, dispute, amount_minor, category="dispute_reversal", description=words)


def _move(
    store: Store, dispute: Json, amount_minor: int, *, category: str, description: str, fee_minor: int = 0
) -> None:
    movement_id = balance.move(
        store,
        dispute,
        amount_minor,
        kind="adjustment",
        category=category,
        fee_minor=fee_minor,
        fee_words="Dispute fee",
        description=description,
    )
    dispute["balance_transactions"].append(store.get("balance_transaction", movement_id))
    store.save(dispute)


def is_refundable(store: Store, charge: Json) -> bool:
    """False while any dispute of the charge forbids a refund."""
    return all(each["is_charge_refundable"] for each in store.where("dispute", charge=charge["id"]))


# what banks decide


def win(store: Store, dispute: Json) -> None:
    """The bank finds for the merchant, or an appeal does after all: the money comes back."""
    _expect(dispute, (*CHARGEBACKS, "lost"))
    held_minor = withdrawn_minor(dispute)
    _close(store, dispute, "won")
    if held_minor > 0:
        _give_back(store, dispute, held_minor)
        events.emit(store, "charge.dispute.funds_reinstated", dispute)


def lose(store: Store, dispute: Json) -> None:
    """The bank finds for its customer: no more money moves. An inquiry becomes a chargeback first."""
    _expect(dispute, (*CHARGEBACKS, *INQUIRIES))
    if dispute["status"] in INQUIRIES:
        escalate(store, dispute)
    _close(store, dispute, "lost")


def prevent(store: Store, dispute: Json) -> None:
    """Settled with the payer before it went on (Visa's rapid resolution): the money is gone, without a fee."""
    _expect(dispute, (*INQUIRIES, "needs_response", "under_review"))
    if withdrawn_minor(dispute) == 0:
        _withdraw(store, dispute, fee_minor=0)
        events.emit(store, "charge.dispute.funds_withdrawn", dispute)
    _close(store, dispute, "prevented")


def escalate(store: Store, dispute: Json) -> None:
    """An inquiry becomes a chargeback: now the money is taken."""
    _expect(dispute, INQUIRIES)
    _withdraw(store, dispute)
    details = dispute.get("payment_method_details")
    if details:
        details["card"]["case_type"] = "chargeback"
    _turn(store, dispute, "needs_response")
    events.emit(store, "charge.dispute.funds_withdrawn", dispute)


def close_inquiry(store: Store, dispute: Json) -> None:
    """The bank asks no further."""
    _expect(dispute, INQUIRIES)
    _close(store, dispute, "warning_closed")


def respond(store: Store, dispute: Json) -> None:
    """The merchant's answer is with the bank."""
    _expect(dispute, tuple(ANSWERED))
    dispute["evidence_details"] |= {
        "has_evidence": True,
        "submission_count": dispute["evidence_details"]["submission_count"] + 1,
        "submission_method": "manual",
    }
    _turn(store, dispute, ANSWERED[dispute["status"]])


def appeal(store: Store, dispute: Json) -> None:
    """A lost dispute is looked at again: lost is not always the end."""
    _expect(dispute, ("lost",))
    _turn(store, dispute, "appeal_under_review")


def reinstate(store: Store, dispute: Json, amount_minor: int | None = None) -> None:
    """Money comes back although nothing was won. Raises ApiError above what the bank holds."""
    held_minor = withdrawn_minor(dispute)
    back_minor = held_minor if amount_minor is None else amount_minor
    if not 0 < back_minor <= held_minor:
        raise ApiError(f"The bank holds {held_minor} of {dispute['id']}.", status=409)
    _give_back(store, dispute, back_minor)
    events.emit(store, "charge.dispute.funds_reinstated", dispute)


def _expect(dispute: Json, statuses: Iterable[str]) -> None:
    if dispute["status"] not in statuses:
        raise ApiError(f"{dispute['id']} is {dispute['status']}.", status=409)


def _turn(store: Store, dispute: Json, status: str, *, event: str = "charge.dispute.updated") -> None:
    previous = {"status": dispute["status"]}
    dispute |= {"status": status, "is_charge_refundable": status in REFUNDABLE}
    events.emit(store, event, store.save(dispute), previous=previous)


def _close(store: Store, dispute: Json, status: str) -> None:
    dispute["evidence_details"]["due_by"] = None
    _turn(store, dispute, status, event="charge.dispute.closed")


# the API


def retrieve(call: Call, dispute: str) -> Json:
    """GET /v1/disputes/{dispute}."""
    return call.store.asked("dispute", dispute, param="dispute", in_path=True)


def list_all(call: Call) -> Json:
    """GET /v1/disputes."""
    return listing.page(call, "dispute", "/v1/disputes", equal=("charge", "payment_intent"))


def update(call: Call, dispute: str) -> Json:
    """POST /v1/disputes/{dispute}: evidence, sent to the bank unless `submit` is false."""
    store, given = call.store, call.params
    found = retrieve(call, dispute)
    if "metadata" in given:
        found["metadata"] = metadata.merged(found["metadata"], given["metadata"])
    store.save(found)
    evidence = given.get("evidence") or {}
    if evidence and found["status"] not in ANSWERED and found["status"] not in ANSWERED.values():
        raise ApiError(f"This dispute is {found['status']}: evidence can no longer be submitted.")
    found["evidence"] |= {name: text or None for name, text in evidence.items()}
    store.save(found)
    if not evidence or not given.get("submit", True):
        return found
    if found["status"] in ANSWERED:
        respond(store, found)
    verdict = VERDICTS.get(evidence.get("uncategorized_text", ""))
    if verdict == "won":
        _win_or_end_inquiry(store, found)
    elif verdict == "lost":
        lose(store, found)
    return found


def _win_or_end_inquiry(store: Store, dispute: Json) -> None:
    if dispute["status"] in INQUIRIES:
        close_inquiry(store, dispute)
    else:
        win(store, dispute)


def close(call: Call, dispute: str) -> Json:
    """POST /v1/disputes/{dispute}/close: accept it as lost."""
    found = retrieve(call, dispute)
    if found["status"] not in ANSWERED and found["status"] not in ANSWERED.values():
        raise ApiError(f"This dispute is {found['status']} and cannot be closed.")
    if found["status"] in INQUIRIES:
        close_inquiry(call.store, found)
    else:
        lose(call.store, found)
    return found
