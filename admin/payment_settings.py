"""The second page of the settings: how the seller is paid, and what paying early or late means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, request, url_for

from admin import admin, reading
from admin.settings import selling
from billing import clock, fee_rules, formatting, money, seller
from web import forms, hx
from web.filters import today
from web.people import person, staff_only
from web.submissions import once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.typing import ResponseReturnValue

    from billing.tables import Seller

FORM = ("admin/settings/payments.html", "admin/settings/_payments_form.html")
TEXTS = ("least_part", "early_rate", "early_days", "approval_over", "methods", "credit_prefix", "late_fee",
         "late_fee_minor", "late_fee_rate", "late_fee_yearly", "late_fee_grace", "late_fee_cap", "late_fee_cap_rate",
         "late_fee_since")  # fmt: skip
SHAPES = (
    (fee_rules.NONE, "None", "Nothing is charged for paying late."),
    (fee_rules.FLAT, "A flat fee", "Once for each overdue invoice."),
    (fee_rules.PERCENT, "A percentage", "Of what is overdue, once for each invoice."),
    (fee_rules.YEARLY, "Interest", "Simple interest on what is overdue each day, charged for every 30 days."),
)


@admin.route("/settings/payments", methods=["GET", "POST"], endpoint="payment_settings")
@staff_only
@once
def edit_payment_settings() -> ResponseReturnValue:
    """Look at how the seller is paid, or change it."""
    found = selling()
    if request.method == "GET":
        return forms.show(*FORM, **_shown(_typed(found), found))
    typed = {name: request.form.get(name, "").replace("\r\n", "\n") for name in TEXTS}
    forms.shown_again(*FORM, **_shown(typed | {"version": request.form.get("version", "")}, found))
    version = reading.number(request.form.get("version", ""))
    seller.save_policy(_read(typed, found), version=version, by=person().actor, at=clock.now())
    flash("The settings are saved. Invoices issued before keep their terms.", "success")
    return hx.go(url_for(".payment_settings"))


def _read(typed: Mapping[str, str], selling_: Seller) -> seller.SellerPolicy:
    """What the form says. Raises Invalid with the words for each field that cannot be read."""
    found, locale = reading.Reading(), selling_.locale

    def sum_of(name: str) -> int | None:
        text = typed[name].strip()
        return (
            found.take(name, lambda: money.read(text, selling_.currency, locale=locale, field=name), 0)
            if text
            else None
        )

    def rate_of(name: str) -> int:
        return found.take(name, lambda: reading.rate(typed[name], name, locale), 0)

    def days_of(name: str) -> int:
        return found.take(name, lambda: reading.days(typed[name], name, otherwise=0), 0)

    policy = seller.SellerPolicy(
        least_part_minor=sum_of("least_part") or 0,
        early_days=days_of("early_days"),
        early_ppm=rate_of("early_rate"),
        late_fee=fee_rules.Rule(
            shape=typed["late_fee"] or fee_rules.NONE,
            minor=sum_of("late_fee_minor") or 0,
            ppm=rate_of("late_fee_rate"),
            yearly_ppm=rate_of("late_fee_yearly"),
            grace_days=days_of("late_fee_grace"),
            cap_minor=sum_of("late_fee_cap"),
            cap_ppm=rate_of("late_fee_cap_rate") or None,
            since=found.take("late_fee_since", lambda: reading.day(typed["late_fee_since"], "late_fee_since"), None),
        ),
        approval_over_minor=sum_of("approval_over"),
        methods=reading.rows(typed["methods"]),
        credit_prefix=typed["credit_prefix"].strip().upper(),
    )
    found.refuse_problems()
    return policy


def _typed(found: Seller) -> dict[str, str]:
    """The settings as a person would type them; a rule that is not there yet begins today."""
    policy, locale = seller.policy_of(found), found.locale
    rule = policy.late_fee

    def sum_of(minor: int | None) -> str:
        if minor is None:
            return ""
        return reading.bare(formatting.money(minor, found.currency, locale=locale), found.currency, locale)

    def rate_of(ppm: int | None) -> str:
        return formatting.rate(ppm, locale=locale) if ppm else ""

    since = today() if rule.shape == fee_rules.NONE else rule.since
    return {
        "version": str(found.version),
        "least_part": sum_of(policy.least_part_minor),
        "early_rate": rate_of(policy.early_ppm),
        "early_days": str(policy.early_days or ""),
        "approval_over": sum_of(policy.approval_over_minor),
        "methods": "\n".join(policy.methods),
        "credit_prefix": policy.credit_prefix,
        "late_fee": rule.shape,
        "late_fee_minor": sum_of(rule.minor or None),
        "late_fee_rate": rate_of(rule.ppm),
        "late_fee_yearly": rate_of(rule.yearly_ppm),
        "late_fee_grace": str(rule.grace_days),
        "late_fee_cap": sum_of(rule.cap_minor),
        "late_fee_cap_rate": rate_of(rule.cap_ppm),
        "late_fee_since": since.isoformat() if since else "",
    }


def _shown(typed: Mapping[str, str], found: Seller) -> dict[str, Any]:
    return {
        "typed": typed,
        "stored": found,
        "symbol": formatting.symbols(found.currency, found.locale)[-1],
        "shapes": SHAPES,
        "shape_words": {value: words for value, words, _ in SHAPES},
    }
