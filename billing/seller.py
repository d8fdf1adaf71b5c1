"""The seller: the one business of this installation, whose identity is frozen into every document it issues."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from billing import audit, bank_details, formatting, money
from billing.db import transaction
from billing.errors import Conflict, Invalid, Refusal
from billing.prepared import Prepared
from billing.tables import Seller

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor


class SellerNotSetUp(Refusal):
    """Nobody has said yet who bills here."""

    def __init__(self) -> None:
        super().__init__("Enter your business details in Settings first.")


class SellerChanged(Conflict):
    """Two people edited the settings at once."""

    def __init__(self) -> None:
        super().__init__("Somebody changed these settings meanwhile. Check them and save again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerDetails:
    """Everything the settings page asks for. `bank` rows are (label, value), printed as they stand.

    Rows labelled IBAN, BIC or UPI ID, also with a currency as in "IBAN (EUR)", make references and payment codes.
    """

    name: str
    legal_name: str
    address: tuple[str, ...]
    country: str
    email: str
    currency: str
    time_zone: str
    locale: str = "en_GB"
    tax_id: str = ""
    registration: str = ""
    phone: str = ""
    bank: tuple[tuple[str, str], ...] = ()
    terms_days: int = 30
    terms_text: str = ""
    rounding_rule: str = "per_tax_group"
    number_prefix: str = "INV"


def get() -> Seller:
    """The seller. Raises SellerNotSetUp on a fresh installation."""
    seller = find()
    if seller is None:
        raise SellerNotSetUp
    return seller


def find() -> Seller | None:
    """The seller, or None on a fresh installation."""
    return _SELLER.first()


_SELLER = Prepared(lambda: Seller.select().where(Seller.id == 1))


def save(details: SellerDetails, *, version: int, by: Actor, at: datetime) -> Seller:
    """Set the seller up (version 0) or change it. Raises Invalid with the words for each field, SellerChanged."""
    _refuse_what_is_wrong(details)
    values = asdict(details) | {"address": list(details.address), "bank": [list(row) for row in details.bank]}
    with transaction():
        if version == 0 and find() is None:
            Seller.insert(id=1, **values).execute()
        else:
            moved = (
                Seller.update(version=Seller.version + 1, **values)
                .where((Seller.id == 1) & (Seller.version == version))
                .execute()
            )
            if moved != 1:
                raise SellerChanged
        audit.record("seller.saved", "seller:1", by=by, at=at, facts={"legal_name": details.legal_name})
    return get()


def _refuse_what_is_wrong(details: SellerDetails) -> None:
    required = {"name": "Enter your trading name", "legal_name": "Enter your legal name"}
    problems = {field: words for field, words in required.items() if not 1 <= len(getattr(details, field)) <= 200}
    if not details.address:
        problems["address"] = "Enter your address"
    if not formatting.is_country(details.country.upper()):
        problems["country"] = "Enter a two-letter country code, like GB"
    if "@" not in details.email:
        problems["email"] = "Enter an email address, like billing@example.com"
    if details.currency not in money.CURRENCIES:
        problems["currency"] = "Choose a currency"
    if details.time_zone not in available_timezones():
        problems["time_zone"] = "Enter a time zone, like Europe/London"
    if not 0 <= details.terms_days <= 365:
        problems["terms_days"] = "Enter a number of days from 0 to 365"
    if not (
        1 <= len(details.number_prefix) <= 12 and details.number_prefix.isascii() and details.number_prefix.isalnum()
    ):
        problems["number_prefix"] = "Enter 1 to 12 letters or digits"
    wrong_row = bank_details.problem(details.bank)
    if wrong_row:
        problems["bank"] = wrong_row
    if problems:
        raise Invalid(problems)
