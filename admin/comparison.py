"""The comparison with Stripe: what nobody can explain yet, and the words of whoever explained the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import flash, render_template, request, url_for

from admin import admin
from billing import clock, comparing, stripe_events
from web import forms, hx
from web.people import person, staff_only, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

FORM = ("admin/comparison/resolve.html", "admin/comparison/_resolve.html")


@admin.get("/comparison", endpoint="comparison")
@staff_only
def show_comparison() -> ResponseReturnValue:
    """What Stripe's own list and the books do not agree on."""
    return render_template(
        "admin/comparison/show.html",
        differences=comparing.open_differences(),
        resolved=comparing.resolved_differences(),
        troubles=stripe_events.troubles(clock.now()),
    )


@admin.post("/comparison/now", endpoint="compare_now")
@staff_role("admin")
def compare() -> ResponseReturnValue:
    """Compare without waiting for the night. Asking twice books nothing twice."""
    found = comparing.compare(clock.now())
    movements = "1 movement" if found.looked == 1 else f"{found.looked} movements"
    flash(f"Compared. Stripe lists {movements} since the last time.", "success")
    return hx.go(url_for(".comparison"))


@admin.route("/comparison/<difference_id>", methods=["GET", "POST"], endpoint="resolve_difference")
@staff_role("admin")
@once
def resolve_difference(difference_id: str) -> ResponseReturnValue:
    """Say what a difference was."""
    difference = comparing.get(difference_id)
    note = request.form.get("note", "").replace("\r\n", "\n").strip()
    if request.method == "GET":
        return forms.show(*FORM, difference=difference, note="")
    forms.shown_again(*FORM, difference=difference, note=note)
    comparing.resolve(difference_id, note=note, by=person().actor, at=clock.now())
    flash("The difference is explained.", "success")
    return hx.go(url_for(".comparison"))
