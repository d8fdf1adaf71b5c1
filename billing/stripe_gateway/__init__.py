"""Stripe behind the port: the only package that imports `stripe`.

Facts of stripe 16.1.0 this rests on: services live under `client.v1` and take (params, options); a client does
not retry unless told; objects are no dicts, and a field the answer left out raises AttributeError; the webhook
check accepts timestamps from the future, so the age is judged here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import stripe

from billing.gateway import BadSignature, Event
from billing.stripe_gateway.calls import API_VERSION, LIVE_KEYS, LiveKeyRefused, client, instant_of, translated
from billing.stripe_gateway.cards import CardCalls
from billing.stripe_gateway.checkout import CheckoutCalls, session_params
from billing.stripe_gateway.money_back import MoneyBackCalls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from billing.settings import Settings

__all__ = ["API_VERSION", "LiveKeyRefused", "StripeGateway", "client", "from_settings", "session_params"]

TOLERANCE = timedelta(seconds=300)  # either side of now


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


class StripeGateway(CheckoutCalls, MoneyBackCalls, CardCalls):
    """billing.gateway.Gateway by Stripe."""

    def events(self, types: Sequence[str], *, since: datetime) -> Iterator[Event]:
        """What happened since an instant, newest first; Stripe keeps thirty days."""
        with translated():
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


def _event(found: stripe.Event, payload: str) -> Event:
    subject = found.data.object
    return Event(
        id=found.id,
        type=found.type,
        object_id=str(getattr(subject, "id", "") or ""),
        livemode=bool(found.livemode),
        api_version=str(getattr(found, "api_version", "") or ""),
        created_at=instant_of(found.created),
        payload=payload,
    )


def _signed_at(signature: str) -> datetime:
    """The instant in a header that was verified already: "t=1790000000,v1=..."."""
    stamps = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    return instant_of(int(stamps[0]))
