"""Saved cards of Stripe: setup sessions, payment methods, and charges by our own server."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, cast

import stripe

from billing import money
from billing.gateway import (
    Charge,
    Declined,
    IntentStatus,
    NoSuchObject,
    NotOpen,
    SavedMethod,
    Setup,
    TooSmall,
)
from billing.stripe_gateway.calls import Calls, failure_of, id_of, translated
from billing.stripe_gateway.checkout import MOST_NAME, method_words, session_of

if TYPE_CHECKING:
    from datetime import datetime

    from stripe.params import PaymentIntentCreateParams
    from stripe.params.checkout import SessionCreateParams

    from billing.gateway import ChargeRequest, CheckoutSession, SetupRequest


class CardCalls(Calls):
    """billing.gateway.Cards by Stripe."""

    def create_setup(self, request: SetupRequest, *, key: str) -> CheckoutSession:
        """A hosted page in setup mode, made once per key."""
        with translated():
            return session_of(
                self._client.v1.checkout.sessions.create(
                    setup_params(request, site=self._site), {"idempotency_key": key}
                )
            )

    def setup(self, setup_id: str) -> Setup:
        """What became of saving."""
        assert setup_id.startswith("seti_"), "an empty id would list instead"
        with translated():
            found = self._client.v1.setup_intents.retrieve(setup_id)
        return Setup(
            id=found.id,
            reference=str(found.metadata["setup_id"]) if found.metadata and "setup_id" in found.metadata else "",
            succeeded=found.status == "succeeded",
            over=found.status == "canceled",
            method_id=id_of(getattr(found, "payment_method", None)),
        )

    def saved_method(self, method_id: str) -> SavedMethod:
        """A saved way to pay as it stands now."""
        assert method_id.startswith("pm_"), "an empty id would list instead"
        with translated():
            found = self._client.v1.payment_methods.retrieve(method_id)
        return SavedMethod(
            id=found.id,
            customer_ref=id_of(getattr(found, "customer", None)),
            kind=found.type,
            words=method_words(found),
            expires_on=_expires_on(getattr(found, "card", None)),
        )

    def forget_method(self, method_id: str) -> None:
        """Detach it; Stripe answers 400 where it was detached before."""
        assert method_id.startswith("pm_"), "an id of a payment method"
        try:
            with translated():
                self._client.v1.payment_methods.detach(method_id)
        except NoSuchObject:
            return
        except Declined:
            if self.saved_method(method_id).customer_ref is not None:
                raise

    def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        """Create and confirm a payment intent in one call, once per key."""
        try:
            with translated():
                made = self._confirmed(charge_params(request, site=self._site), key)
        except Declined as refusal:
            if refusal.code == "amount_too_small":
                raise TooSmall(request.minor, request.currency) from refusal
            raise
        return made

    def _confirmed(self, params: PaymentIntentCreateParams, key: str) -> Charge:
        try:
            return _charge(self._client.v1.payment_intents.create(params, {"idempotency_key": key}))
        except stripe.CardError as error:
            intent = getattr(error.error, "payment_intent", None)
            if intent is None:
                raise
            return Charge(
                intent_id=str(intent.id), status="requires_payment_method", onward=None, failure=failure_of(error.error)
            )

    def find_charge(self, reference: str, *, customer_ref: str, since: datetime, until: datetime) -> str | None:
        """The payment intent that names an attempt. Lists are consistent; search is not."""
        first, last = int(since.timestamp()), int(until.timestamp())
        with translated():
            listed = self._client.v1.payment_intents.list(
                {"customer": customer_ref, "created": {"gte": first, "lte": last}, "limit": 100}
            )
            for found in listed.auto_paging_iter():
                if found.metadata and "attempt_id" in found.metadata and found.metadata["attempt_id"] == reference:
                    return str(found.id)
        return None

    def cancel_charge(self, intent_id: str) -> None:
        """Cancel a payment intent of our own server; Stripe answers 400 where it is paid, or over."""
        assert intent_id.startswith("pi_"), "an id of a payment intent"
        try:
            with translated():
                self._client.v1.payment_intents.cancel(intent_id, {"cancellation_reason": "abandoned"})
        except NoSuchObject:
            raise
        except Declined as refusal:
            raise NotOpen from refusal


def setup_params(request: SetupRequest, *, site: str) -> SessionCreateParams:
    """What Stripe is sent; nothing in it moves between two tries of one wish."""
    params: dict[str, Any] = {
        "mode": "setup",
        "client_reference_id": request.reference,
        "customer": request.customer_ref,
        "currency": request.currency.lower(),
        "metadata": {"setup_id": request.reference},
        "setup_intent_data": {
            "metadata": {"setup_id": request.reference},
            "description": request.description[:MOST_NAME],
        },
        "expires_at": int(request.expires_at.timestamp()),
        "success_url": f"{site}{request.return_path}",
        "cancel_url": f"{site}{request.back_path}",
    }
    return cast("SessionCreateParams", params)


def charge_params(request: ChargeRequest, *, site: str) -> PaymentIntentCreateParams:
    """What Stripe is sent; nothing in it moves between two tries of one attempt."""
    params: dict[str, Any] = {
        "amount": money.stripe_amount(request.minor, request.currency),
        "currency": request.currency.lower(),
        "customer": request.customer_ref,
        "payment_method": request.method_id,
        "confirm": True,
        "description": request.description[:MOST_NAME],
        "metadata": {"attempt_id": request.reference},
    }
    if request.return_path is None:
        params["off_session"] = True
    else:
        params["return_url"] = f"{site}{request.return_path}"
    return cast("PaymentIntentCreateParams", params)


def _charge(found: stripe.PaymentIntent) -> Charge:
    asked = getattr(getattr(found, "next_action", None), "redirect_to_url", None)
    error = getattr(found, "last_payment_error", None)
    return Charge(
        intent_id=found.id,
        status=cast("IntentStatus", found.status),
        onward=getattr(asked, "url", None),
        failure=failure_of(error) if error else "",
    )


def _expires_on(card: Any) -> date | None:  # noqa: ANN401 - the card's part of a payment method, or None
    """The first day on which it no longer works: the one after its last month."""
    if card is None or not getattr(card, "exp_month", None):
        return None
    year, month = int(card.exp_year), int(card.exp_month)
    return date(year + month // 12, month % 12 + 1, 1)
