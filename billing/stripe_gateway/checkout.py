"""Hosted pages of Stripe, and the money that comes in them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from billing import money
from billing.gateway import (
    CheckoutRequest,
    CheckoutSession,
    Declined,
    Fee,
    Intent,
    IntentStatus,
    NoSuchObject,
    NotOpen,
    SessionStatus,
    TooSmall,
)
from billing.stripe_gateway.calls import Calls, failure_of, id_of, instant_of, minor_of, translated

if TYPE_CHECKING:
    from datetime import datetime

    import stripe
    from stripe.params.checkout import SessionCreateParams

log = logging.getLogger(__name__)

MOST_NAME = 250
EXPANDED = ["latest_charge.balance_transaction"]
CARD_BRANDS = {
    "amex": "American Express", "diners": "Diners Club", "discover": "Discover", "jcb": "JCB",
    "mastercard": "Mastercard", "unionpay": "UnionPay", "visa": "Visa",
}  # fmt: skip
METHODS = {
    "acss_debit": "Bank debit", "au_becs_debit": "Bank debit", "bacs_debit": "Direct Debit",
    "sepa_debit": "SEPA Direct Debit", "us_bank_account": "Bank debit",
}  # fmt: skip


class CheckoutCalls(Calls):
    """billing.gateway.Checkout by Stripe."""

    def create_customer(self, *, name: str, email: str, reference: str, key: str) -> str:
        """Stripe's id of a customer, made once per key."""
        with translated():
            made = self._client.v1.customers.create(
                {"name": name, "email": email, "metadata": {"customer_id": reference}},
                {"idempotency_key": key},
            )
        return made.id

    def create_session(self, request: CheckoutRequest, *, key: str) -> CheckoutSession:
        """A hosted page, made once per key."""
        try:
            with translated():
                made = self._client.v1.checkout.sessions.create(
                    session_params(request, site=self._site), {"idempotency_key": key}
                )
        except Declined as refusal:
            if refusal.code == "amount_too_small":
                raise TooSmall(request.minor, request.currency) from refusal
            raise
        return session_of(made)

    def session(self, session_id: str) -> CheckoutSession:
        """A hosted page as it stands now."""
        assert session_id.startswith("cs_"), "an empty id would list instead"
        with translated():
            return session_of(self._client.v1.checkout.sessions.retrieve(session_id))

    def find_session(self, reference: str, *, since: datetime, until: datetime) -> CheckoutSession | None:
        """The page made for an attempt between two instants. Lists are consistent; search is not."""
        first, last = int(since.timestamp()), int(until.timestamp())
        with translated():
            listed = self._client.v1.checkout.sessions.list({"created": {"gte": first, "lte": last}, "limit": 100})
            for found in listed.auto_paging_iter():
                if found.client_reference_id == reference:
                    return session_of(found)
        return None

    def expire(self, session_id: str) -> CheckoutSession:
        """Close a page. Stripe answers 400 unless it is open."""
        assert session_id.startswith("cs_"), "an id of a session"
        try:
            with translated():
                return session_of(self._client.v1.checkout.sessions.expire(session_id))
        except NoSuchObject:
            raise
        except Declined as refusal:
            raise NotOpen from refusal

    def intent(self, intent_id: str) -> Intent:
        """The money as it stands now."""
        assert intent_id.startswith("pi_"), "an empty id would list instead"
        with translated():
            return _intent(self._client.v1.payment_intents.retrieve(intent_id, {"expand": EXPANDED}))


def session_params(request: CheckoutRequest, *, site: str) -> SessionCreateParams:
    """What Stripe is sent. Nothing in it moves between two tries of an attempt, or the key would be refused."""
    params: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": request.reference,
        "line_items": [_line(line.name, line.minor, request.currency) for line in request.lines],
        "metadata": {"attempt_id": request.reference},
        "payment_intent_data": {
            "metadata": {"attempt_id": request.reference},  # a session's own metadata is not copied to the intent
            "description": request.description[:MOST_NAME],
        },
        "adaptive_pricing": {"enabled": False},  # the invoice's currency, always
        "submit_type": "pay",
        "expires_at": int(request.expires_at.timestamp()),
        "success_url": f"{site}{request.return_path}",
        "cancel_url": f"{site}{request.back_path}",
    }
    if request.customer_ref:
        params["customer"] = request.customer_ref
        params["saved_payment_method_options"] = {"payment_method_save": "enabled"}
    return cast("SessionCreateParams", params)


def _line(name: str, minor: int, currency: str) -> dict[str, Any]:
    return {
        "quantity": 1,
        "price_data": {
            "currency": currency.lower(),
            "unit_amount": money.stripe_amount(minor, currency),
            "product_data": {"name": name[:MOST_NAME]},
        },
    }


def session_of(found: stripe.checkout.Session) -> CheckoutSession:
    """A hosted page in our own words."""
    return CheckoutSession(
        id=found.id,
        status=cast("SessionStatus", found.status),
        url=getattr(found, "url", None),
        reference=found.client_reference_id or "",
        intent_id=id_of(getattr(found, "payment_intent", None)),
        setup_id=id_of(getattr(found, "setup_intent", None)),
    )


def _intent(found: stripe.PaymentIntent) -> Intent:
    charge = getattr(found, "latest_charge", None)
    charge = None if isinstance(charge, str) else charge
    currency = found.currency.upper()
    error = getattr(found, "last_payment_error", None)
    return Intent(
        id=found.id,
        status=cast("IntentStatus", found.status),
        reference=str(found.metadata["attempt_id"]) if found.metadata and "attempt_id" in found.metadata else "",
        currency=currency,
        received_minor=minor_of(found.amount_received, currency),
        customer_ref=id_of(getattr(found, "customer", None)),
        charge_id=charge.id if charge else None,
        charged_at=instant_of(charge.created) if charge else None,
        method=method_words(getattr(charge, "payment_method_details", None)),
        fee=_fee(getattr(charge, "balance_transaction", None)),
        failure=failure_of(error) if error else "",
    )


def method_words(details: Any) -> str:  # noqa: ANN401 - one of fifty shapes, all optional
    """The means of payment, fit to show: "Visa ending 4242"."""
    kind = getattr(details, "type", None)
    if not kind:
        return "Card payment"
    means = getattr(details, kind, None)
    last4 = getattr(means, "last4", None)
    if kind == "card":
        brand = getattr(means, "brand", None) or "card"
        name = CARD_BRANDS.get(brand, str(brand).replace("_", " ").capitalize())
    else:
        name = METHODS.get(kind, str(kind).replace("_", " ").capitalize())
    return f"{name} ending {last4}" if last4 else name


def _fee(transaction: Any) -> Fee | None:  # noqa: ANN401 - absent, an id, or the object, as Stripe knows it by then
    if transaction is None or isinstance(transaction, str):
        return None
    currency = str(transaction.currency).upper()
    try:
        return Fee(minor=minor_of(max(int(transaction.fee), 0), currency), currency=currency)
    except money.NotAStripeAmount:  # a part of a whole króna: no row can hold it, and no payment waits for it
        log.warning("fee of %s %s in %s is not booked", transaction.id, transaction.fee, currency)
        return None
