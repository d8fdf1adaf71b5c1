"""A bank to play with: the whole billing.gateway port inside one process, as Stripe behaves (fees, keys, refusals).

It stands in for the provider alone; all that the domain does is the domain's own. What the payer, the payer's bank
and the dashboard do are its other methods. Its own balance is the sum of its own movements, and so an oracle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.gateway import BadSignature
from tests.simulation.bank.back import Back
from tests.simulation.bank.wallet import Wallet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from billing.gateway import Event


class PlayBank(Wallet, Back):
    """billing.gateway.Gateway, and the world behind it."""

    livemode: bool = False

    def identity(self) -> str:
        """Whose keys these are."""
        return "acct_play"

    def events(self, types: Sequence[str], *, since: datetime) -> Iterator[Event]:
        """Nothing is told by events: whoever plays calls the verbs that an event would call."""
        assert types, f"asked for nothing since {since}"
        return iter(())

    def read_delivery(self, payload: bytes, signature: str | None, *, at: datetime) -> Event:
        """Nothing is delivered."""
        raise BadSignature(f"{len(payload)} bytes, {signature}, {at}")
