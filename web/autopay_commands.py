"""`flask run-autopay`: what the worker does every ten minutes, by hand, also for another day."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from flask import current_app
from flask.cli import with_appcontext

from billing import autopay, clock, db, gateway, seller, stripe_gateway
from billing.errors import Refusal

if TYPE_CHECKING:
    from datetime import datetime


@click.command("run-autopay")
@click.option("--on", "asked", type=click.DateTime(["%Y-%m-%d"]), help="Charge what is due by this day; today if none.")
@with_appcontext
def run_autopay(asked: datetime | None) -> None:
    """Charge what is due to the cards that were agreed to. A second run charges nothing again."""
    gateway.use(stripe_gateway.from_settings(current_app.extensions["remit.settings"], patient=True))
    with db.connection():
        at = clock.now()
        try:
            ran = autopay.work(asked.date() if asked else clock.day_of(at, seller.get().time_zone), at=at)
        except Refusal as refusal:
            click.echo(refusal.message, err=True)
            sys.exit(1)
    click.echo(
        f"{ran.paid} paid, {ran.processing} on their way, {ran.declined} declined and to be tried again, "
        f"{ran.needs_person} for their holder to confirm, {ran.stopped} given up, {ran.mistake} refused, "
        f"{ran.unanswered} unanswered."
    )
    if ran.mistake or ran.unanswered:
        sys.exit(1)
