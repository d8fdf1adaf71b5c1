"""The test cards and what each of them does. Source: docs.stripe.com/testing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stripe_sandbox.errors import Json

DEBITS = {"usd": "us_bank_account", "eur": "sepa_debit", "gbp": "bacs_debit"}  # the bank debit of a currency
DEBIT_NAMES = {
    "us_bank_account": "US bank account",
    "sepa_debit": "SEPA direct debit",
    "bacs_debit": "Bacs direct debit",
}


@dataclass(frozen=True)
class Decline:
    """Why a bank says no. `advice_code` is its advice, such as never to try this card again."""

    code: str
    decline_code: str
    message: str
    advice_code: str | None = None


GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
NO_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.", "try_again_later")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.", "confirm_card_data")
AUTHENTICATE = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
LOST = Decline("card_declined", "lost_card", "Your card was declined.", "do_not_try_again")
STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.", "do_not_try_again")
PICKED_UP = Decline("card_declined", "pickup_card", "Your card was declined.", "do_not_try_again")
NOT_HONOURED = Decline("card_declined", "do_not_honor", "Your card was declined.", "try_again_later")
# What the control plane may make of a saved card, by decline code.
DECLINES = {
    decline.decline_code: decline
    for decline in (GENERIC, NO_FUNDS, EXPIRED, AUTHENTICATE, LOST, STOLEN, PICKED_UP, NOT_HONOURED)
}


@dataclass(frozen=True)
class Card:
    """A card number the sandbox knows. `away` is the decline when the payer is not there to help, `once_saved`
    the one after it was attached to a customer. `disputed` is the status of the dispute that follows a payment.
    """

    number: str
    brand: str
    effect: str
    decline: Decline | None = None
    away: Decline | None = None
    once_saved: Decline | None = None
    asks: bool = False
    disputed: str | None = None
    refunds_slowly: bool = False

    @property
    def spaced(self) -> str:
        """`4242 4242 4242 4242`."""
        return " ".join(self.number[i : i + 4] for i in range(0, len(self.number), 4))


CARDS = (
    Card("4242424242424242", "visa", "Pays"),
    Card("5555555555554444", "mastercard", "Pays"),
    Card("4000000000000002", "visa", "Is declined", GENERIC, GENERIC),
    Card("4000000000009995", "visa", "Has insufficient funds", NO_FUNDS, NO_FUNDS),
    Card("4000000000000069", "visa", "Has expired", EXPIRED, EXPIRED),
    Card("4000002500003155", "visa", "Asks to authenticate (3-D Secure), then pays", asks=True),
    Card("4000002760003184", "visa", "Asks to authenticate every time", away=AUTHENTICATE, asks=True),
    Card("4000000000000341", "visa", "Pays and is saved, is declined when charged later", once_saved=GENERIC),
    Card("4000000000009987", "visa", "Is declined as lost", LOST, LOST),
    Card("4000000000009979", "visa", "Is declined as stolen", STOLEN, STOLEN),
    Card("4000000000000259", "visa", "Pays, and the bank takes the money back", disputed="needs_response"),
    Card("4000000000001976", "visa", "Pays, and the bank asks about it", disputed="warning_needs_response"),
    Card("4000000000007726", "visa", "Pays; a refund takes a few days", refunds_slowly=True),
)
BY_NUMBER = {card.number: card for card in CARDS}
# Stripe's ready-made payment methods, for calls without a page.
READY_MADE = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_createDisputeInquiry": "4000000000001976",
    "pm_card_pendingRefund": "4000000000007726",
}


def debit_details(debit: str, fingerprint: str) -> Json:
    """The bank's part of a payment method, by the kind of debit."""
    if debit == "sepa_debit":
        return {"bank_code": "37040044", "branch_code": "", "country": "DE", "fingerprint": fingerprint,
                "generated_from": {"charge": None, "setup_attempt": None}, "last4": "3000"}  # fmt: skip
    if debit == "bacs_debit":
        return {"fingerprint": fingerprint, "last4": "2345", "sort_code": "108800"}
    assert debit == "us_bank_account", debit
    return {
        "account_holder_type": "company", "account_type": "checking", "bank_name": "SANDBOX TEST BANK",
        "financial_connections_account": None, "fingerprint": fingerprint, "last4": "6789",
        "networks": {"preferred": "ach", "supported": ["ach"]}, "routing_number": "110000000",
        "status_details": None,
    }  # fmt: skip


def debit_charge_details(debit: str, details: Json) -> Json:
    """The bank's part of a charge."""
    if debit == "us_bank_account":
        kept = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
        return {name: details[name] for name in kept} | {"payment_reference": None}
    kept = ("bank_code", "branch_code", "country", "fingerprint", "last4", "sort_code")
    return {name: details[name] for name in kept if name in details} | {"mandate": None}
