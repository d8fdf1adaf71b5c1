"""What the payer typed on the hosted page, read and judged field by field."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stripe_sandbox import cards, payment_methods, sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stripe_sandbox.errors import Json
    from stripe_sandbox.store import Store

FIELDS = ("email", "method", "number", "expiry", "cvc", "name")
LONGEST = 200
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_EXPIRY = re.compile(r"(\d{1,2})\s*[/-]?\s*(\d{2}|\d{4})\Z")
_CVC = re.compile(r"\d{3,4}\Z")


@dataclass
class Payer:
    """The filled-in form. `problems` maps a field to the words beside it."""

    email: str = ""
    method: str = "card"
    number: str = ""
    expiry: str = ""
    cvc: str = ""
    name: str = ""
    is_saving: bool = False
    problems: dict[str, str] = field(default_factory=dict)


def known_email(store: Store, session: Json) -> str:
    """The email the merchant told us, which the payer need not type."""
    if session["customer"]:
        return store.get("customer", session["customer"])["email"] or ""
    return session["customer_email"] or ""


def fresh(store: Store, session: Json) -> Payer:
    """The form as it first appears."""
    return Payer(email=known_email(store, session))


def read(store: Store, session: Json, form: Mapping[str, str]) -> Payer:
    """The form as it was sent, with its problems."""
    given = {name: form.get(name, "").strip()[:LONGEST] for name in FIELDS}
    payer = Payer(
        email=given["email"],
        method=given["method"],
        number=given["number"],
        expiry=given["expiry"],
        cvc=given["cvc"],
        name=given["name"],
        is_saving=form.get("save") == "1",
    )
    payer.email = known_email(store, session) or payer.email
    payer.method = payer.method or "card"
    if not _EMAIL.match(payer.email):
        payer.problems["email"] = "Enter an email address, like name@example.com"
    offered = {"card", sessions.debit_of(session)} | {m["id"] for m in saved_cards(store, session)}
    if payer.method not in offered:
        payer.problems["method"] = "Choose how to pay"
    if payer.method == "card":
        _judge_card(payer, store.now())
    elif payer.method in cards.DEBIT_NAMES and not payer.name:
        payer.problems["name"] = "Enter the name of the person or company that pays"
    return payer


def _judge_card(payer: Payer, now: int) -> None:
    payer.number = re.sub(r"[\s-]", "", payer.number)
    if not payer.number:
        payer.problems["number"] = "Enter a card number"
    elif payer.number not in cards.BY_NUMBER:
        payer.number = ""  # it may be a real one: it is neither kept nor shown again
        payer.problems["number"] = "Use one of the test cards. A real card must never be typed here"
    expires = expiry_of(payer.expiry)
    if expires is None:
        payer.problems["expiry"] = "Enter the expiry date as month and year, like 12/34"
    elif (expires[1], expires[0]) < _month_of(now):
        payer.problems["expiry"] = "Enter an expiry date in the future"
    if not _CVC.match(payer.cvc):
        payer.problems["cvc"] = "Enter a security code of 3 or 4 digits"
    if not payer.name:
        payer.problems["name"] = "Enter the name on the card"


def expiry_of(text: str) -> tuple[int, int] | None:
    """(month, year) of `12/34`, or None."""
    match = _EXPIRY.match(text)
    if not match or not 1 <= int(match[1]) <= 12:
        return None
    year = int(match[2])
    return int(match[1]), year if year > 99 else 2000 + year


def _month_of(now: int) -> tuple[int, int]:
    today = datetime.fromtimestamp(now, UTC)
    return today.year, today.month


def saved_cards(store: Store, session: Json) -> list[Json]:
    """The saved cards this session offers; who saves a card chooses a new one."""
    if session["mode"] == "setup":
        return []
    options = session["saved_payment_method_options"] or {}
    return payment_methods.saved_cards(store, session["customer"], options.get("allow_redisplay_filters", ["always"]))


def payment_method(store: Store, payer: Payer) -> Json:
    """The payment method of a form without problems."""
    assert not payer.problems, "judged before"
    if payer.method == "card":
        expires = expiry_of(payer.expiry)
        assert expires, "judged before"
        return payment_methods.new_card(store, payer.number, expires=expires, name=payer.name, email=payer.email)
    if payer.method in cards.DEBIT_NAMES:
        return payment_methods.new_debit(store, payer.method, name=payer.name, email=payer.email)
    return store.get("payment_method", payer.method)
