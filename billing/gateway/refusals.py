"""What the port says instead of a value: what was refused, and what nobody knows."""

from __future__ import annotations

from billing import formatting
from billing.errors import Refusal

UNKNOWN_OUTCOME_WORDS = "We could not confirm this. Try again: you will not be charged twice."


class NoGateway(Refusal):
    """Card payment was never set up on this installation."""

    def __init__(self) -> None:
        super().__init__("Card payment is not available yet. Pay by bank transfer, or contact us.")


class OutcomeUnknown(Refusal):
    """No answer, or none that says what happened: it may have been done."""

    def __init__(self, cause: str) -> None:
        super().__init__(UNKNOWN_OUTCOME_WORDS)
        self.cause = cause

    def __str__(self) -> str:
        """For our own records; `message` is for the person."""
        return self.cause


class KeyInUse(OutcomeUnknown):
    """The same call with the same key is being answered at this moment."""


class KeyMismatch(OutcomeUnknown):
    """The key was used with other parameters before: that earlier call may have done something."""


class Declined(Refusal):
    """The provider understood and said no. `code` is its own word for why, for our records."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__("Card payment does not work at the moment. Pay by bank transfer, or contact us.")
        self.code = code
        self.detail = message

    def __str__(self) -> str:
        """For our own records; `message` is for the person."""
        return f"{self.code} {self.detail}".strip()


class NoSuchObject(Declined):
    """The provider does not know the id; `param` is where it was named, such as "customer"."""

    def __init__(self, param: str, message: str = "") -> None:
        super().__init__("resource_missing", message)
        self.param = param


class TooSmall(Declined):
    """Less than a card can carry in this currency."""

    def __init__(self, minor: int, currency: str) -> None:
        super().__init__("amount_too_small")
        amount = formatting.money(minor, currency)
        self.message = f"{amount} is too small to be paid by card. Pay by bank transfer, or contact us."
        self.minor = minor
        self.currency = currency


class NotOpen(Declined):
    """The session can no longer be expired: somebody paid in it, or its time is over. Look which."""

    def __init__(self) -> None:
        super().__init__("session_not_open")


class BadSignature(Refusal):
    """A delivery that nobody with our secret signed, or not within five minutes of now."""

    def __init__(self, why: str) -> None:
        super().__init__("The signature of this delivery is not right.")
        self.why = why
