"""Commands of the installation, `flask NAME` in a shell: the exit code of each is its verdict."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from billing import (
    audit,
    clock,
    comparing,
    db,
    documents,
    gateway,
    migrations,
    outbox,
    stripe_events,
    stripe_gateway,
    users,
)
from billing import check as books
from billing import exports as books_for_others
from billing.actors import Actor
from billing.errors import Refusal
from billing.rendering import Renderer
from web import autopay_commands, backups, fee_commands, mail, worker

if TYPE_CHECKING:
    from datetime import datetime

    from flask import Flask

    from billing.settings import Settings
    from billing.tables import User

COMMAND_LINE = Actor("system", "command-line", "Command line")

PASSWORD_VARIABLE = "REMIT_PASSWORD"  # noqa: S105 - the name of a variable, not a password

STAFF_PASSWORD_VARIABLE = "REMIT_DEMO_STAFF_PASSWORD"  # noqa: S105 - the name of a variable, not a password
CUSTOMER_PASSWORD_VARIABLE = "REMIT_DEMO_CUSTOMER_PASSWORD"  # noqa: S105 - likewise

people = AppGroup("users", help="People who sign in.")
audits = AppGroup("audit", help="The audit chain.")
exports = AppGroup("export", help="What others read.")


def register(app: Flask, settings: Settings) -> None:
    """Add the commands to an application, and let what they and its pages queue wake the worker."""
    if settings.environment != "test":  # tests in this process have no worker to wake
        worker.wake_on_commit(settings)
    for command in (migrate, seed, people, deliver_mail, render_documents, reconcile, check, audits, exports):
        app.cli.add_command(command)
    for command in (backup, restore, fee_commands.charge_late_fees, autopay_commands.run_autopay):
        app.cli.add_command(command)


@click.command()
@with_appcontext
def migrate() -> None:
    """Lay or renew the tables. Run it before the new version starts."""
    file = backups.sqlite_file(_settings().database_url)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    with db.connection():
        applied = migrations.migrate(db.database.obj)
    click.echo(f"Applied: {', '.join(applied)}." if applied else "The tables are up to date.")


@click.command()
@click.option("--customers", default=40, show_default=True, help="How many customers.")
@click.option("--invoices", default=400, show_default=True, help="How many invoices.")
@click.option("--seed", "number", default=1, show_default=True, help="The same number makes the same business.")
@click.option("--where-empty", is_flag=True, help="Leave a database that holds a business alone.")
@with_appcontext
def seed(customers: int, invoices: int, number: int, *, where_empty: bool) -> None:
    """Fill an empty database with a believable business. Not for production."""
    from web.demo import seed as planting
    from web.demo import seed_words

    if _settings().production:
        _refuse("Production is not seeded: the business in it would be invented.")
    with db.connection():
        if planting.holds_a_business():
            if where_empty:
                click.echo("The business is there already.")
                return
            _refuse("This database holds a business already. Seeding needs an empty one.")
        planting.plant(
            customers_wanted=customers,
            invoices_wanted=invoices,
            seed=number,
            staff_password=os.environ.get(STAFF_PASSWORD_VARIABLE) or seed_words.password(),
            customer_password=os.environ.get(CUSTOMER_PASSWORD_VARIABLE) or seed_words.password(),
            folder=_settings().data_dir,
        )


@people.command("create-admin")
@click.option("--email", prompt=True)
@click.option("--name", prompt=True)
@click.option("--role", type=click.Choice(["admin", "approver", "viewer"]), default="admin", show_default=True)
def create_admin(email: str, name: str, role: users.Role) -> None:
    """Add a person of the billing team. The password is asked for, or read from REMIT_PASSWORD."""
    password = _password()
    with db.connection():
        try:
            user = users.create_staff(email, name, role, password, by=COMMAND_LINE, at=clock.now())
        except Refusal as refusal:
            _refuse(refusal.message)
    click.echo(f"{user.name} <{user.email}> may sign in at /admin/login as {user.role}.")


@people.command("set-password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
def set_password(email: str, *, password_stdin: bool) -> None:
    """Give a person a new password and end their sessions. It is asked for, or read from REMIT_PASSWORD."""
    with db.connection():
        user = _person(email)
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _password()
        try:
            users.set_password(user, password, by=COMMAND_LINE, at=clock.now())
        except Refusal as refusal:
            _refuse(refusal.message)
    click.echo(f"{user.name} <{user.email}> has a new password. Their sessions are over.")


@people.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """Let a person sign in no more, and end their sessions."""
    with db.connection():
        user = _person(email)
        users.disable(user, by=COMMAND_LINE, at=clock.now())
    click.echo(f"{user.name} <{user.email}> may not sign in any more. Their sessions are over.")


@people.command("role")
@click.argument("email")
@click.argument("role", type=click.Choice(["admin", "approver", "viewer"]))
def change_role(email: str, role: users.Role) -> None:
    """Give a person of the billing team another role, from their next request on."""
    with db.connection():
        user = _person(email)
        try:
            users.change_role(user, role, by=COMMAND_LINE, at=clock.now())
        except Refusal as refusal:
            _refuse(refusal.message)
    click.echo(f"{user.name} <{user.email}> is {role} now.")


@click.command("deliver-mail")
@click.option("--dead", is_flag=True, help="Try once more what was given up after too many tries.")
@with_appcontext
def deliver_mail(*, dead: bool) -> None:
    """Send what is due now. Fails where a mail was refused or has to wait."""
    if dead:
        with db.connection():
            click.echo(f"{outbox.retry_dead(clock.now())} given up before.")
    run = mail.deliver_due(_settings())
    click.echo(f"{run.accepted} accepted, {run.refused} refused, {run.later} to be tried again.")
    if run.refused or run.later:
        sys.exit(1)


@click.command("render-documents")
@click.option("--failed", "given_up", is_flag=True, help="Try once more what was given up after too many tries.")
@with_appcontext
def render_documents(*, given_up: bool) -> None:
    """Draw the PDFs that are due now. Fails where one could not be drawn."""
    with db.connection(), Renderer() as renderer:
        if given_up:
            click.echo(f"{documents.retry_failed(clock.now())} given up before.")
        drawn, failed = worker.draw_all(renderer)
    click.echo(f"{drawn} drawn, {failed} not.")
    if failed:
        sys.exit(1)


@click.command()
@click.option(
    "--days",
    type=click.IntRange(1, comparing.MOST_DAYS),
    default=comparing.USUAL_DAYS,
    show_default=True,
    help="How far back to compare Stripe's own list with the books.",
)
@with_appcontext
def reconcile(days: int) -> None:
    """Ask Stripe about everything unsettled, and book what the books lack. Fails where it cannot be asked."""
    gateway.use(stripe_gateway.from_settings(_settings(), patient=True))
    at = clock.now()
    with db.connection():
        try:
            caught, swept = stripe_events.reconcile(at, days=days)
        except Refusal as refusal:
            _refuse(refusal.message)
        click.echo(f"Events: {caught.missed} missed, {caught.retried} tried again, {caught.failed} failed.")
        click.echo(f"Payments: {swept.asked} asked, {swept.moved} moved, {swept.unanswered} unanswered.")
        try:
            compared = comparing.compare(at, days=days)
        except Refusal as refusal:
            _refuse(f"Stripe's own list could not be read: {refusal}")
        click.echo(
            f"Movements: {compared.looked} compared, {compared.booked} booked, {compared.differences} unexplained, "
            f"{compared.unanswered} unanswered."
        )
    if caught.failed or swept.unanswered or compared.unanswered:
        sys.exit(1)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@with_appcontext
def check(*, as_json: bool) -> None:
    """Recompute every invariant of the books. Fails where one is broken."""
    with db.connection():
        found = books.broken()
    if as_json:
        click.echo(json.dumps([{"invariant": one.invariant, "words": one.words} for one in found], indent=2))
    else:
        for one in found:
            click.echo(f"{one.invariant}: {one.words}")
        click.echo(f"{len(found)} problems." if found else f"The books are in order: {books.count()} checks.")
    if found:
        sys.exit(1)


@audits.command("verify")
def verify() -> None:
    """Follow the audit chain from its first row to its head."""
    with db.connection():
        broken = audit.verify()
    for sentence in broken:
        click.echo(sentence)
    if broken:
        sys.exit(1)
    click.echo("The audit chain is whole.")


@exports.command("hledger")
@click.option("--on", "until", type=click.DateTime(["%Y-%m-%d"]), help="Only what counts before this day.")
def hledger(until: datetime | None) -> None:
    """The whole ledger as an hledger journal, to standard output."""
    with db.connection():
        for piece in books_for_others.hledger(until=until.date() if until else None):
            click.echo(piece.encode(), nl=False)  # bytes: a journal is UTF-8 wherever it is written


@exports.command("routes")
def routes() -> None:
    """Every address, with its methods and its endpoint, one per line."""
    rows = sorted(
        (rule.rule, ",".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})), rule.endpoint)
        for rule in current_app.url_map.iter_rules()
    )
    for row in rows:
        click.echo("\t".join(row))


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@with_appcontext
def backup(path: Path) -> None:
    """Write a checked copy of the database to PATH, while Remit runs."""
    try:
        backups.backup(_settings().database_url, path)
    except backups.BackupRefused as refused:
        _refuse(str(refused))
    click.echo(f"{path}: {path.stat().st_size:,} bytes, whole.")


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def restore(path: Path, *, yes: bool) -> None:
    """Put the copy at PATH in place of the database. Stop web and worker first."""
    if not yes:
        click.confirm("Everything since that backup will be out of sight. Go on?", abort=True)
    db.database.obj.close_all()
    try:
        said = backups.restore(_settings().database_url, path)
    except backups.BackupRefused as refused:
        _refuse(str(refused))
    click.echo(said)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["remit.settings"]
    return settings


def _person(email: str) -> User:
    user = users.by_email(email)
    if user is None:
        _refuse(f"Nobody signs in as {email}.")
    return user


def _password() -> str:
    given = os.environ.get(PASSWORD_VARIABLE)
    return given or str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _refuse(words: str) -> NoReturn:
    """Say why, and fail."""
    click.echo(words, err=True)
    sys.exit(1)
