"""Saved cards: a customer's people save one, pay with it, let it pay what falls due, and remove it.

The card itself is the provider's; here are its id, the words a person knows it by, and who consented to what.
Wishes to save one are committed before the provider is asked, as payments are.
"""

from billing.cards.agreeing import turn_on, turn_on_by_new_card
from billing.cards.consent import (
    CONSENT_VERSION,
    AutopayChanged,
    consent_text,
    give,
    last_ended,
    live,
    name_of,
    withdraw,
)
from billing.cards.keeping import (
    CardExpired,
    CardInUse,
    NoSuchCard,
    SavedCard,
    find,
    for_customer,
    keep,
    make_default,
    remove,
    usual,
)
from billing.cards.paying import CardRefused, pay
from billing.cards.saving import check, settle_setup, setup_for, start_setup, sweep, sync_session

__all__ = [
    "CONSENT_VERSION",
    "AutopayChanged",
    "CardExpired",
    "CardInUse",
    "CardRefused",
    "NoSuchCard",
    "SavedCard",
    "check",
    "consent_text",
    "find",
    "for_customer",
    "give",
    "keep",
    "last_ended",
    "live",
    "make_default",
    "name_of",
    "pay",
    "remove",
    "settle_setup",
    "setup_for",
    "start_setup",
    "sweep",
    "sync_session",
    "turn_on",
    "turn_on_by_new_card",
    "usual",
    "withdraw",
]
