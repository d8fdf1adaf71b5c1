"""Settings: who bills here. The first thing a fresh installation asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from flask import flash, request, url_for

from admin import admin, reading
from billing import clock, money, seller
from billing.errors import Refusal
from web import filters, forms, hx
from web.people import person, staff_only
from web.submissions import once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.typing import ResponseReturnValue

    from billing.tables import Seller

FORM = ("admin/settings/edit.html", "admin/settings/_form.html")
LOCALES = (
    ("en_GB", "English, United Kingdom"),
    ("en_US", "English, United States"),
    ("en_IE", "English, Ireland"),
    ("en_AU", "English, Australia"),
    ("en_IN", "English, India"),
    ("de_DE", "German, Germany"),
    ("fr_FR", "French, France"),
    ("es_ES", "Spanish, Spain"),
    ("it_IT", "Italian, Italy"),
    ("nl_NL", "Dutch, Netherlands"),
    ("pl_PL", "Polish, Poland"),
    ("sv_SE", "Swedish, Sweden"),
)
ROUNDING = (("per_tax_group", "Once per tax rate (EN 16931)"), ("per_line", "On each line"))
TEXTS = ("name", "legal_name", "tax_id", "registration", "country", "email", "phone", "currency", "time_zone", "locale",
         "rounding_rule", "number_prefix", "terms_days", "terms_text", "address", "bank")  # fmt: skip


class BankRowUnclear(Refusal):
    """A row of bank details without the colon that parts its name from its value."""

    def __init__(self) -> None:
        super().__init__("Write each row as name: value, like Sort code: 20-45-77", field="bank")


def selling() -> Seller:
    """The seller of this request. Raises SellerNotSetUp, which leads here."""
    found = filters.current_seller()
    if found.id is None:
        raise seller.SellerNotSetUp
    return found


@admin.errorhandler(seller.SellerNotSetUp)
def set_up_first(refusal: seller.SellerNotSetUp) -> ResponseReturnValue:
    """Lead whoever wanted something else to the settings."""
    flash(refusal.message, "warning")
    return hx.go(url_for(".settings"))


@admin.route("/settings", methods=["GET", "POST"], endpoint="settings")
@staff_only
@once
def edit_settings() -> ResponseReturnValue:
    """Look at who bills here, or change it."""
    found = seller.find()
    if request.method == "GET":
        return forms.show(*FORM, **_shown(_typed(found), found))
    typed = {name: request.form.get(name, "").replace("\r\n", "\n") for name in TEXTS}
    forms.shown_again(*FORM, **_shown(typed | {"version": request.form.get("version", "")}, found))
    version = reading.number(request.form.get("version", ""))
    seller.save(_read(typed), version=version, by=person().actor, at=clock.now())
    flash("The settings are saved. Invoices issued before keep what they say.", "success")
    return hx.go(url_for(".settings"))


def _read(typed: Mapping[str, str]) -> seller.SellerDetails:
    found = reading.Reading()
    terms_days = found.take("terms_days", lambda: reading.days(typed["terms_days"], "terms_days", otherwise=30), 30)
    no_bank: tuple[tuple[str, str], ...] = ()
    bank = found.take("bank", lambda: _bank(typed["bank"]), no_bank)
    found.refuse_problems()
    plain = {name: typed[name].strip() for name in TEXTS if name not in {"terms_days", "bank", "address"}}
    plain |= {"country": plain["country"].upper(), "number_prefix": plain["number_prefix"].upper()}
    return seller.SellerDetails(**plain, address=reading.rows(typed["address"]), bank=bank, terms_days=terms_days)


def _bank(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [row.partition(":") for row in reading.rows(text)]
    if any(not (label.strip() and value.strip()) for label, _, value in pairs):
        raise BankRowUnclear
    return tuple((label.strip(), value.strip()) for label, _, value in pairs)


def _typed(found: Seller | None) -> dict[str, str]:
    """The settings as a person would type them; the usual ones on a fresh installation."""
    if found is None:
        return dict.fromkeys(TEXTS, "") | {
            "locale": "en_GB",
            "number_prefix": "INV",
            "terms_days": "30",
            "rounding_rule": "per_tax_group",
            "version": "0",
        }
    stored = {name: str(getattr(found, name)) for name in (*TEXTS, "version")}
    bank = "\n".join(f"{label}: {value}" for label, value in found.bank)
    return stored | {"address": "\n".join(found.address), "bank": bank}


def _shown(typed: Mapping[str, str], found: Seller | None) -> dict[str, Any]:
    return {
        "typed": typed,
        "stored": found,
        "currencies": [(code, code) for code in money.CURRENCIES],
        "locales": LOCALES,
        "rounding_rules": ROUNDING,
        "time_zones": sorted(available_timezones()),
    }
