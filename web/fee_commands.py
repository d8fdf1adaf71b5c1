"""`flask charge-late-fees`: what the worker does every hour, by hand, and what it would do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from billing import clock, db, fees, formatting, seller
from billing.errors import Refusal
from billing.fee_rules import Fee

if TYPE_CHECKING:
    from datetime import datetime


@click.command("charge-late-fees")
@click.option("--on", "asked", type=click.DateTime(["%Y-%m-%d"]), help="Judge by this day; today where none is given.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be charged, and why the rest is not.")
@with_appcontext
def charge_late_fees(asked: datetime | None, *, dry_run: bool) -> None:
    """Charge late fees and interest by the rule in the settings. A second run charges nothing again."""
    with db.connection():
        at = clock.now()
        try:
            on = asked.date() if asked else clock.day_of(at, seller.get().time_zone)
            judged = fees.charge_due(on, at, dry_run=dry_run)
        except Refusal as refusal:
            click.echo(refusal.message, err=True)
            sys.exit(1)
    for one in judged:
        click.echo(f"{one.invoice.number} {one.invoice.customer.name}: {_words(one)}")
    charged = sum(isinstance(one.decision, Fee) for one in judged)
    click.echo(f"{charged} {'would be charged' if dry_run else 'charged'}, {len(judged) - charged} not.")


def _words(one: fees.Judged) -> str:
    if not isinstance(one.decision, Fee):
        return f"nothing, {one.decision.why}"
    sum_ = formatting.money(one.decision.minor, one.invoice.currency)
    document = f" by {one.charged.number}" if one.charged else ""
    return f"{fees.NAMES[one.decision.kind]} {sum_}{document}. {one.decision.words}"
