"""Stripe behind the port: the only module that imports `stripe`.

Facts of stripe 16.1.0 this rests on: services live under `client.v1` and take (params, options); a client does
not retry unless told; objects are no dicts, and a field the answer left out raises AttributeError; the webhook
check accepts timestamps from the future, so the age is judged here.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import requests
import stripe

from billing import money
from billing.gateway import (
    BadSignature,
    CheckoutRequest,
    CheckoutSession,
    Declined,
    Event,
    Fee,
    Intent,
    IntentStatus,
    KeyInUse,
    KeyMismatch,
    NoSuchObject,
    NotOpen,
    OutcomeUnknown,
    SessionStatus,
    TooSmall,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stripe.params.checkout import SessionCreateParams

    from billing.settings import Settings

log = logging.getLogger(__name__)

API_VERSION = "2026-10-28.endive"
LIVE_KEYS = ("sk_live_", "rk_live_")
TOLERANCE = timedelta(seconds=300)  # either side of now
MOST_LINES = 20  # more become one line that says how many
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


class LiveKeyRefused(Exception):  # noqa: N818 - a refusal to start
    """A live key was about to be sent to an address that is not Stripe's."""

    def __init__(self) -> None:
        super().__init__("A live Stripe key must never be sent to STRIPE_API_BASE.")


class DirectSession(requests.Session):
    """Straight to the sandbox on this machine, past any proxy; each thread has its own connections."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = threading.local()

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - passes on what it is given
        """Send one request by this thread's own session."""
        own: requests.Session | None = getattr(self._threads, "own", None)
        if own is None:
            own = self._threads.own = requests.Session()
            own.trust_env = False
        return own.request(*args, **kwargs)


def client(key: str, *, api_base: str | None, patient: bool) -> stripe.StripeClient:
    """A client for web requests (one try, 2 s to connect, 5 s to read) or a patient one for the worker.

    `api_base` is the sandbox's address, None for Stripe itself. Raises LiveKeyRefused.
    """
    if api_base and key.startswith(LIVE_KEYS):
        raise LiveKeyRefused
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        max_network_retries=2 if patient else 0,
        base_addresses={"api": api_base} if api_base else None,
        http_client=stripe.RequestsClient(
            timeout=(3.05, 10) if patient else (2, 5),
            session=DirectSession() if api_base else None,
        ),
    )


def from_settings(settings: Settings, *, patient: bool = False) -> StripeGateway | None:
    """The gateway the settings ask for, None without a key. `patient` is for the worker and commands."""
    if not settings.stripe_secret_key:
        return None
    return StripeGateway(
        client(settings.stripe_secret_key, api_base=settings.stripe_api_base, patient=patient),
        livemode=settings.stripe_secret_key.startswith(LIVE_KEYS),
        webhook_secrets=settings.stripe_webhook_secrets,
        site=settings.public_base_url,
    )


class StripeGateway:
    """billing.gateway.Gateway by Stripe. `site` is our own public address, without a slash at its end."""

    def __init__(
        self, stripe_client: stripe.StripeClient, *, livemode: bool, webhook_secrets: Sequence[str], site: str
    ) -> None:
        self.livemode = livemode
        self._client = stripe_client
        self._secrets = tuple(webhook_secrets)
        self._site = site

    def create_customer(self, *, name: str, email: str, reference: str, key: str) -> str:
        """Stripe's id of a customer, made once per key."""
        with _translated():
            made = self._client.v1.customers.create(
                {"name": name, "email": email, "metadata": {"customer_id": reference}},
                {"idempotency_key": key},
            )
        return made.id

    def create_session(self, request: CheckoutRequest, *, key: str) -> CheckoutSession:
        """A hosted page, made once per key."""
        try:
            with _translated():
                made = self._client.v1.checkout.sessions.create(
                    session_params(request, site=self._site), {"idempotency_key": key}
                )
        except Declined as refusal:
            if refusal.code == "amount_too_small":
                raise TooSmall(request.minor, request.currency) from refusal
            raise
        return _session(made)

    def session(self, session_id: str) -> CheckoutSession:
        """A hosted page as it stands now."""
        assert session_id.startswith("cs_"), "an empty id would list instead"
        with _translated():
            return _session(self._client.v1.checkout.sessions.retrieve(session_id))

    def find_session(self, reference: str, *, since: datetime, until: datetime) -> CheckoutSession | None:
        """The page made for an attempt between two instants. Lists are consistent; search is not."""
        first, last = int(since.timestamp()), int(until.timestamp())
        with _translated():
            listed = self._client.v1.checkout.sessions.list({"created": {"gte": first, "lte": last}, "limit": 100})
            for found in listed.auto_paging_iter():
                if found.client_reference_id == reference:
                    return _session(found)
        return None

    def expire(self, session_id: str) -> CheckoutSession:
        """Close a page. Stripe answers 400 unless it is open."""
        assert session_id.startswith("cs_"), "an id of a session"
        try:
            with _translated():
                return _session(self._client.v1.checkout.sessions.expire(session_id))
        except NoSuchObject:
            raise
        except Declined as refusal:
            raise NotOpen from refusal

    def intent(self, intent_id: str) -> Intent:
        """The money as it stands now."""
        assert intent_id.startswith("pi_"), "an empty id would list instead"
        with _translated():
            return _intent(self._client.v1.payment_intents.retrieve(intent_id, {"expand": EXPANDED}))

    def events(self, types: Sequence[str], *, since: datetime) -> Iterator[Event]:
        """What happened since an instant, newest first; Stripe keeps thirty days."""
        with _translated():
            listed = self._client.v1.events.list(
                {"types": list(types), "created": {"gte": int(since.timestamp())}, "limit": 100}
            )
            for found in listed.auto_paging_iter():
                yield _event(found, str(found))

    def read_delivery(self, payload: bytes, signature: str | None, *, at: datetime) -> Event:
        """The event of a webhook delivery, signed by one of our secrets within five minutes of `at`."""
        for secret in self._secrets:
            try:
                # Tolerance 0 leaves the age to us: the library measures by its own clock, and only backwards.
                found = self._client.construct_event(payload, signature, secret, tolerance=0)
            except stripe.SignatureVerificationError:
                continue
            except (ValueError, AttributeError, TypeError) as broken:  # no UTF-8, no JSON, no object, a thin event
                raise BadSignature("unreadable") from broken
            if abs(at - _signed_at(signature or "")) > TOLERANCE:
                raise BadSignature("stale")
            try:
                return _event(found, payload.decode())
            except (AttributeError, KeyError, TypeError, ValueError) as broken:
                raise BadSignature("no event") from broken
        raise BadSignature("unsigned")


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
    if len(request.lines) > MOST_LINES:
        params["line_items"] = [_line(f"{len(request.lines)} invoices", request.minor, request.currency)]
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


@contextmanager
def _translated() -> Iterator[None]:
    """Stripe's errors as the port's: what is known to have been refused, and what nobody knows."""
    try:
        yield
    except stripe.IdempotencyError as error:
        raise KeyMismatch(_cause(error)) from error
    except stripe.InvalidRequestError as error:
        if error.code == "resource_missing":
            raise NoSuchObject(error.param or "", str(error.user_message)) from error
        raise Declined(error.code or "invalid_request", str(error.user_message)) from error
    except (stripe.CardError, stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Declined(error.code or type(error).__name__, str(error.user_message)) from error
    except stripe.StripeError as error:  # connection, timeout, 409, 429, 5xx
        if error.http_status == 409 and _code(error) == "idempotency_key_in_use":
            raise KeyInUse(_cause(error)) from error
        raise OutcomeUnknown(_cause(error)) from error


def _cause(error: stripe.StripeError) -> str:
    return f"{type(error).__name__} {error.http_status or ''} {error.request_id or ''}".strip()


def _code(error: stripe.StripeError) -> str:
    body = error.json_body
    return str(body.get("error", {}).get("code")) if isinstance(body, dict) else ""


def _session(found: stripe.checkout.Session) -> CheckoutSession:
    return CheckoutSession(
        id=found.id,
        status=cast("SessionStatus", found.status),
        url=getattr(found, "url", None),
        reference=found.client_reference_id or "",
        intent_id=_id(getattr(found, "payment_intent", None)),
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
        received_minor=_minor(found.amount_received, currency),
        customer_ref=_id(getattr(found, "customer", None)),
        charge_id=charge.id if charge else None,
        charged_at=datetime.fromtimestamp(charge.created, UTC) if charge else None,
        method=_method(getattr(charge, "payment_method_details", None)),
        fee=_fee(getattr(charge, "balance_transaction", None)),
        failure=str(getattr(error, "decline_code", None) or getattr(error, "code", None) or "") if error else "",
    )


def _minor(amount: int, currency: str) -> int:
    """Our minor units. A currency we do not bill in stays in Stripe's smallest unit: kept, never dropped."""
    try:
        return money.from_stripe_amount(amount, currency)
    except money.UnknownCurrency:
        return amount


def _method(details: Any) -> str:  # noqa: ANN401 - one of fifty shapes, all optional
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
        return Fee(minor=_minor(max(int(transaction.fee), 0), currency), currency=currency)
    except money.NotAStripeAmount:  # a part of a whole króna: no row can hold it, and no payment waits for it
        log.warning("fee of %s %s in %s is not booked", transaction.id, transaction.fee, currency)
        return None


def _event(found: stripe.Event, payload: str) -> Event:
    subject = found.data.object
    return Event(
        id=found.id,
        type=found.type,
        object_id=str(getattr(subject, "id", "") or ""),
        livemode=bool(found.livemode),
        api_version=str(getattr(found, "api_version", "") or ""),
        created_at=datetime.fromtimestamp(found.created, UTC),
        payload=payload,
    )


def _id(value: Any) -> str | None:  # noqa: ANN401 - None, an id, or the expanded object
    if value is None or isinstance(value, str):
        return value
    return str(value.id)


def _signed_at(signature: str) -> datetime:
    """The instant in a header that was verified already: "t=1790000000,v1=..."."""
    stamps = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    return datetime.fromtimestamp(int(stamps[0]), UTC)
