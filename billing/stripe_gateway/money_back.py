"""Refunds and chargebacks of Stripe, and its own list of what moved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from billing import money
from billing.gateway import BalanceMovement, Chargeback, Fee, GivenBack, Movement, RefundStatus
from billing.stripe_gateway.calls import Calls, id_of, instant_of, minor_of, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    import stripe
    from stripe.params import BalanceTransactionListParams

REFUND_STATUSES: dict[str, RefundStatus] = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}
REFUNDS = ("re_", "pyr_")
CHARGES = ("ch_", "py_")
CHARGEBACKS = ("dp_", "du_")
METADATA = "refund_reference"
BEGINNING = datetime(2011, 1, 1, tzinfo=UTC)  # Stripe is no older


class MoneyBackCalls(Calls):
    """billing.gateway.MoneyBack by Stripe."""

    def give_back(self, *, intent_id: str, minor: int, currency: str, reference: str, key: str) -> GivenBack:
        """Refund so much of a payment, once per key."""
        assert intent_id.startswith("pi_"), "an id of a payment"
        with translated():
            made = self._client.v1.refunds.create(
                {
                    "payment_intent": intent_id,
                    "amount": money.stripe_amount(minor, currency),
                    "metadata": {METADATA: reference},
                },
                {"idempotency_key": key},
            )
        return _given_back(made)

    def given_back(self, refund_id: str) -> GivenBack:
        """A refund as it stands now."""
        assert refund_id.startswith(REFUNDS), "an empty id would list instead"
        with translated():
            return _given_back(self._client.v1.refunds.retrieve(refund_id))

    def find_given_back(self, reference: str, *, intent_id: str) -> GivenBack | None:
        """The refund that carries our reference, among all of its payment. Lists are consistent; search is not."""
        assert intent_id.startswith("pi_"), "an id of a payment"
        with translated():
            listed = self._client.v1.refunds.list({"payment_intent": intent_id, "limit": 100})
            for found in listed.auto_paging_iter():
                if _reference(found) == reference:
                    return _given_back(found)
        return None

    def chargeback(self, chargeback_id: str) -> Chargeback:
        """A dispute as it stands now."""
        assert chargeback_id.startswith(CHARGEBACKS), "an empty id would list instead"
        with translated():
            return _chargeback(self._client.v1.disputes.retrieve(chargeback_id))

    def balance_movements(self, *, since: datetime, source_id: str | None = None) -> Iterator[BalanceMovement]:
        """Balance transactions, newest first."""
        params: dict[str, Any] = {"created": {"gte": int(max(since, BEGINNING).timestamp())}, "limit": 100}
        if source_id is not None:
            params["source"] = source_id
        with translated():
            listed = self._client.v1.balance_transactions.list(cast("BalanceTransactionListParams", params))
            for found in listed.auto_paging_iter():
                yield _balance_movement(found)

    def intent_of_charge(self, charge_id: str) -> str | None:
        """The payment intent a charge belongs to."""
        assert charge_id.startswith(CHARGES), "an empty id would list instead"
        with translated():
            return id_of(getattr(self._client.v1.charges.retrieve(charge_id), "payment_intent", None))

    def identity(self) -> str:
        """The id of the Stripe account that our key belongs to."""
        with translated():
            return self._client.v1.accounts.retrieve_current().id


def _given_back(found: stripe.Refund) -> GivenBack:
    currency = found.currency.upper()
    return GivenBack(
        id=found.id,
        status=REFUND_STATUSES.get(str(found.status), "pending"),  # requires_action is on its way too
        reference=_reference(found),
        intent_id=id_of(getattr(found, "payment_intent", None)),
        currency=currency,
        minor=minor_of(found.amount, currency),
        created_at=instant_of(found.created),
        failure=str(getattr(found, "failure_reason", None) or ("canceled" if found.status == "canceled" else "")),
    )


def _reference(found: stripe.Refund) -> str:
    return str(found.metadata[METADATA]) if found.metadata and METADATA in found.metadata else ""


def _chargeback(found: stripe.Dispute) -> Chargeback:
    currency = found.currency.upper()
    minor = minor_of(found.amount, currency)
    movements = [_movement(moved, minor, currency) for moved in found.balance_transactions]
    due_by = getattr(found.evidence_details, "due_by", None)
    return Chargeback(
        id=found.id,
        intent_id=id_of(getattr(found, "payment_intent", None)),
        status=str(found.status),
        reason=str(found.reason),
        currency=currency,
        minor=minor,
        is_refundable=bool(found.is_charge_refundable),
        respond_by=instant_of(due_by) if due_by else None,
        opened_at=instant_of(found.created),
        movements=tuple(sorted(movements, key=lambda moved: (moved.at, moved.minor >= 0, moved.id))),
    )


def _movement(moved: stripe.BalanceTransaction, disputed_minor: int, currency: str) -> Movement:
    """A balance transaction; one that was settled in another currency moved all that is disputed."""
    settled_in = moved.currency.upper()
    minor = _signed(moved.amount, settled_in)
    if settled_in != currency:
        minor = disputed_minor if minor > 0 else -disputed_minor
    fee_minor = _signed(moved.fee, settled_in)
    return Movement(
        id=moved.id,
        minor=minor,
        fee=Fee(minor=fee_minor, currency=settled_in) if fee_minor else None,
        at=instant_of(moved.created),
    )


def _balance_movement(found: stripe.BalanceTransaction) -> BalanceMovement:
    currency = found.currency.upper()
    return BalanceMovement(
        id=found.id,
        kind=str(found.type),
        source_id=id_of(getattr(found, "source", None)),
        minor=_signed(found.amount, currency),
        fee_minor=_signed(found.fee, currency),
        currency=currency,
        words=str(getattr(found, "description", None) or ""),
        at=instant_of(found.created),
    )


def _signed(amount: int, currency: str) -> int:
    """Our minor units of an amount that may be negative; a part of a whole króna is no money that a row can hold."""
    try:
        minor = minor_of(abs(amount), currency)
    except money.NotAStripeAmount:
        minor = abs(amount) // 100
    return minor if amount >= 0 else -minor
