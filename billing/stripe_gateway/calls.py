"""The client of Stripe's API, its errors in the port's words, and what every answer is read with."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import requests
import stripe

from billing import money
from billing.gateway import FINAL_REFUSALS, Declined, KeyInUse, KeyMismatch, NoSuchObject, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

API_VERSION = "2026-10-28.endive"
LIVE_KEYS = ("sk_live_", "rk_live_")


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


class Calls:
    """What each part of the gateway stands on. `site` is our own public address, without a slash at its end."""

    def __init__(
        self, stripe_client: stripe.StripeClient, *, livemode: bool, webhook_secrets: Sequence[str], site: str
    ) -> None:
        self.livemode = livemode
        self._client = stripe_client
        self._secrets = tuple(webhook_secrets)
        self._site = site


@contextmanager
def translated() -> Iterator[None]:
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


def failure_of(error: Any) -> str:  # noqa: ANN401 - the error of an answer, or of an intent's last try
    """The bank's word for its no; where it says never to ask again, a word that says so."""
    word = str(getattr(error, "decline_code", None) or getattr(error, "code", None) or "card_declined")
    if getattr(error, "advice_code", None) == "do_not_try_again" and word not in FINAL_REFUSALS:
        return "do_not_try_again"
    return word


def minor_of(amount: int, currency: str) -> int:
    """Our minor units. A currency we do not bill in stays in Stripe's smallest unit: kept, never dropped."""
    try:
        return money.from_stripe_amount(amount, currency)
    except money.UnknownCurrency:
        return amount


def id_of(value: Any) -> str | None:  # noqa: ANN401 - None, an id, or the expanded object
    """The id of something that Stripe may have expanded, None where there is none."""
    if value is None or isinstance(value, str):
        return value
    return str(value.id)


def instant_of(stamp: int) -> datetime:
    """Stripe's seconds since 1970 as an instant."""
    return datetime.fromtimestamp(stamp, UTC)
