"""Chargebacks for the billing team: what must be answered, what was taken, and where to answer it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask import current_app, render_template

from admin import admin
from billing import chargebacks, clock, payments
from web.people import staff_only

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from billing.settings import Settings

URGENT = timedelta(days=3)  # so near a deadline is shown in red
DASHBOARD = "https://dashboard.stripe.com"


@admin.get("/chargebacks", endpoint="chargebacks")
@staff_only
def show_chargebacks() -> ResponseReturnValue:
    """Every chargeback, those that wait for an answer first."""
    return render_template("admin/chargebacks/list.html", rows=chargebacks.page(), urgent_before=clock.now() + URGENT)


@admin.get("/chargebacks/<chargeback_id>", endpoint="chargeback")
@staff_only
def show_chargeback(chargeback_id: str) -> ResponseReturnValue:
    """One chargeback: its story, its deadline, and what it did to the invoices."""
    row = chargebacks.get(chargeback_id)
    return render_template(
        "admin/chargebacks/show.html",
        row=row,
        there=_address(row.id),
        free_minor=payments.get(row.payment_id).free_minor,
    )


def _address(chargeback_id: str) -> str:
    """Where it is answered: Stripe's dashboard, or the sandbox's control page."""
    settings: Settings = current_app.extensions["remit.settings"]
    if settings.stripe_api_base:
        return f"{settings.stripe_api_base}/_sandbox/"
    mode = "" if settings.stripe_secret_key.startswith(("sk_live_", "rk_live_")) else "/test"
    return f"{DASHBOARD}{mode}/disputes/{chargeback_id}"
