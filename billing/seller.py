"""The seller: the one business of this installation, whose identity is frozen into every document it issues."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from billing import audit, bank_details, fee_rules, formatting, money, outbox, tax
from billing.db import transaction
from billing.errors import Conflict, Invalid, Refusal
from billing.prepared import Prepared
from billing.tables import Seller, User

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor


DECIDING_ROLES = ("admin", "approver")  # whose word an approval takes
MOST_DAYS = 365
MOST_EARLY_PPM = 500_000
MOST_METHODS, LONGEST_METHOD = 20, 40
PREFIX_WORDS = "Enter 1 to 12 letters or digits"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerPolicy:
    """How the seller is paid and what paying early or late means. Money is minor units of the seller's currency.

    `least_part_minor` is the least a customer may pay on an invoice, unless it is the rest. Credits, refunds and
    write-offs above `approval_over_minor` take two people; None never. `methods` are own ways to be paid.
    """

    least_part_minor: int = 100
    early_days: int = 0
    early_ppm: int = 0
    late_fee: fee_rules.Rule = field(default_factory=fee_rules.Rule)
    approval_over_minor: int | None = None
    methods: tuple[str, ...] = ()
    credit_prefix: str = "CN"


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


def policy_of(selling: Seller) -> SellerPolicy:
    """The policy as it stands."""
    return SellerPolicy(
        least_part_minor=selling.least_part_minor,
        early_days=selling.early_days,
        early_ppm=selling.early_ppm,
        late_fee=fee_rules.Rule.stored(selling.late_fee),
        approval_over_minor=selling.approval_over_minor,
        methods=tuple(selling.methods),
        credit_prefix=selling.credit_prefix,
    )


def save_policy(policy: SellerPolicy, *, version: int, by: Actor, at: datetime) -> Seller:
    """Change how the seller is paid. Whoever decides on approvals is told where fewer will be asked for.

    Raises SellerNotSetUp, Invalid with the words for each field, SellerChanged.
    """
    before = get()
    _refuse_wrong_policy(policy, before)
    values = asdict(policy) | {"late_fee": policy.late_fee.as_stored(), "methods": list(policy.methods)}
    with transaction():
        moved = (
            Seller.update(version=Seller.version + 1, **values)
            .where((Seller.id == 1) & (Seller.version == version))
            .execute()
        )
        if moved != 1:
            raise SellerChanged
        if _is_looser(policy.approval_over_minor, before.approval_over_minor):
            _tell_deciders(policy, before, by=by, at=at)
        audit.record("seller.policy_saved", "seller:1", by=by, at=at, facts=values)
    return get()


def _is_looser(over_minor: int | None, before_minor: int | None) -> bool:
    """Whether less than before takes two people; None is never."""
    return before_minor is not None and (over_minor is None or over_minor > before_minor)


def _tell_deciders(policy: SellerPolicy, before: Seller, *, by: Actor, at: datetime) -> None:
    """One person could lift the limit, do what it forbids and set it back: everybody who decides hears of it."""
    who = (User.role.in_(DECIDING_ROLES)) & User.disabled_at.is_null()
    for user in User.select().where(who).order_by(User.id):
        outbox.queue(
            outbox.APPROVAL_LOOSENED,
            to=user.email,
            to_name=user.name,
            key=f"{outbox.APPROVAL_LOOSENED}:{before.version}:{user.id}",
            context={
                "before_minor": before.approval_over_minor,
                "over_minor": policy.approval_over_minor,
                "currency": before.currency,
                "by": by.name,
            },
            at=at,
        )


def _refuse_wrong_policy(policy: SellerPolicy, selling: Seller) -> None:
    problems = _wrong_late_fee(policy.late_fee)
    if policy.least_part_minor < 0:
        problems["least_part"] = "Enter zero or more"
    if policy.approval_over_minor is not None and policy.approval_over_minor < 0:
        problems["approval_over"] = "Enter zero or more, or nothing"
    if bool(policy.early_days) != bool(policy.early_ppm):
        problems["early_days"] = "Enter both a percentage and a number of days, or neither"
    elif not 0 <= policy.early_days <= MOST_DAYS:
        problems["early_days"] = "Enter a number of days from 1 to 365"
    if not 0 <= policy.early_ppm <= MOST_EARLY_PPM:
        problems["early_rate"] = "Enter a percentage up to 50"
    if len(policy.methods) > MOST_METHODS or any(not 1 <= len(name) <= LONGEST_METHOD for name in policy.methods):
        problems["methods"] = f"Name up to {MOST_METHODS} ways to be paid, each in {LONGEST_METHOD} characters at most"
    elif len({name.casefold() for name in policy.methods}) < len(policy.methods):
        problems["methods"] = "Name each way to be paid once"
    if not _is_prefix(policy.credit_prefix):
        problems["credit_prefix"] = PREFIX_WORDS
    elif policy.credit_prefix == selling.number_prefix:
        problems["credit_prefix"] = "Credit notes need another prefix than invoices"
    if problems:
        raise Invalid(problems)


def _wrong_late_fee(rule: fee_rules.Rule) -> dict[str, str]:
    """The words for what cannot be so of a late fee; only what its shape uses is looked at."""
    problems = {}
    if rule.shape not in fee_rules.SHAPES:
        problems["late_fee"] = "Choose a late fee, or none"
    if rule.shape == fee_rules.FLAT and rule.minor <= 0:
        problems["late_fee_minor"] = "Enter the late fee"
    if rule.shape == fee_rules.PERCENT and not 0 < rule.ppm <= tax.PPM:
        problems["late_fee_rate"] = "Enter a percentage up to 100"
    if rule.shape == fee_rules.YEARLY and not 0 < rule.yearly_ppm <= tax.PPM:
        problems["late_fee_yearly"] = "Enter a percentage up to 100"
    if not 0 <= rule.grace_days <= MOST_DAYS:
        problems["late_fee_grace"] = "Enter a number of days from 0 to 365"
    if rule.cap_minor is not None and rule.cap_minor <= 0:
        problems["late_fee_cap"] = "Enter more than zero, or nothing"
    if rule.cap_ppm is not None and not 0 < rule.cap_ppm <= tax.PPM:
        problems["late_fee_cap_rate"] = "Enter a percentage up to 100, or nothing"
    return problems


def _is_prefix(text: str) -> bool:
    return 1 <= len(text) <= 12 and text.isascii() and text.isalnum()


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
    if not _is_prefix(details.number_prefix):
        problems["number_prefix"] = PREFIX_WORDS
    else:
        selling = find()
        if details.number_prefix == (selling.credit_prefix if selling else SellerPolicy().credit_prefix):
            problems["number_prefix"] = "Invoices need another prefix than credit notes"
    wrong_row = bank_details.problem(details.bank)
    if wrong_row:
        problems["bank"] = wrong_row
    if problems:
        raise Invalid(problems)
