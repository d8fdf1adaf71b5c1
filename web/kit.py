"""The component page: every component in every state, for whoever builds pages and for the tests that guard them.

Registered in development, demo and test only; it shows no record of the business.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from flask import Blueprint, render_template

kit = Blueprint("kit", __name__)

# What each status means, in the order of its precedence from the last to the first.
STATUSES = (
    ("draft", "Being written. No number yet"),
    ("scheduled", "Will be issued and sent on a date"),
    ("issued", "Issued. No mail server has accepted it yet"),
    ("sent", "Issued, and a mail server accepted the email"),
    ("viewed", "A person opened it"),
    ("partially_paid", "Some money or credit is allocated"),
    ("overdue", "The due date has passed, something is still owed"),
    ("failed", "The last payment did not go through"),
    ("processing", "A bank payment is on its way"),
    ("disputed", "A dispute is open. Reminders are paused"),
    ("paid", "Nothing is owed"),
    ("credited", "A credit note covers all of it"),
    ("refunded", "Paid, then the money was given back"),
    ("written_off", "The rest was given up"),
    ("void", "Cancelled. The number is kept"),
)


@kit.get("/kit")
def show() -> str:
    """Every component, drawn from fixed example figures."""
    return render_template(
        "kit/kit.html",
        statuses=STATUSES,
        day_of_issue=date(2026, 10, 17),
        day_due=date(2026, 11, 16),
        moment_paid=datetime(2026, 11, 22, 10, 42, tzinfo=UTC),
    )
