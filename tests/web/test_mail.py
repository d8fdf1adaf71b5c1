"""What a mail says, and what counts as sent."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from billing import allocations, clock, customers, documents, invoices, ledger, links, outbox
from billing.actors import SYSTEM
from billing.settings import Settings
from billing.tables import Contact, Link, Mail, Payment, Seller
from tests.servers import Catcher, free_port
from tests.world import AT, BASE_URL, SECRET_KEY
from web import letters, mail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from aiosmtpd.smtp import SMTP, Envelope, Session

    from billing.tables import Invoice
    from tests.world import World

CERTIFICATE = Path(__file__).with_name("loopback_certificate.pem")
PDF = b"%PDF-1.7 the very bytes"


class Draws:
    """Draws every document alike."""

    def render(self, html: str, *, title: str, author: str, at: datetime, lines: int) -> bytes:
        assert html, f"{title} by {author} at {at} has {lines} lines"
        return PDF


@pytest.fixture
def settings(tmp_path: Path, catcher: Catcher) -> Settings:
    return settings_for(catcher.port, tmp_path)


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    with Catcher() as one:
        yield one


@pytest.fixture(autouse=True)
def moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "now"
    file.write_text(AT.isoformat())
    monkeypatch.setenv(clock.NOW_FILE_VARIABLE, str(file))


def settings_for(port: int, folder: Path, **more: Any) -> Settings:
    given: dict[str, Any] = {
        "environment": "test",
        "secret_key": SECRET_KEY,
        "public_base_url": BASE_URL,
        "mail_server": "127.0.0.1",
        "mail_port": port,
        "mail_tls": "none",
        "mail_sender": "billing@alderfinch.example",
        "data_dir": folder,
    }
    return Settings(**given | more)


def store_pdfs() -> None:
    documents.draw_due(Draws(), lambda frozen: str(frozen["number"]), at=AT)


def issued(world: World) -> Invoice:
    invoice = world.issued()
    store_pdfs()
    return invoice


def only(caught: Catcher, recipient: str) -> Any:
    found = caught.to(recipient)
    assert len(found) == 1
    return found[0]


def test_the_invoice_mail_names_amount_and_due_day_and_carries_link_and_pdf(
    world: World, settings: Settings, catcher: Catcher
) -> None:
    invoice = issued(world)

    run = mail.deliver_due(settings)

    assert (run.accepted, run.refused, run.later) == (2, 0, 0)
    one = only(catcher, "alice@acme.example")
    assert one.subject == f"Invoice {invoice.number} from Alder & Finch: £1,164.00, due 22 Dec"
    assert one.message["From"] == "Alder & Finch <billing@alderfinch.example>"
    assert one.message["Reply-To"] == "billing@alderfinch.example"
    assert one.message["To"] == "Alice <alice@acme.example>"
    link = Link.get((Link.invoice == invoice.id) & (Link.recipient == "alice@acme.example"))
    for words in (one.text(), one.html()):
        assert links.url(link.id) in words
        assert "£1,164.00" in words
        assert "Tuesday 22 December 2026" in words
        assert "never send new bank details by email" in words
        assert "Bristol BS1 6QF" in words
        assert "88213" in words
    assert one.attachments() == [(f"Invoice-{invoice.number}.pdf", "application/pdf", PDF)]


def test_each_recipient_gets_a_message_and_a_link_of_their_own(
    world: World, settings: Settings, catcher: Catcher
) -> None:
    issued(world)
    mail.deliver_due(settings)
    alice, bob = only(catcher, "alice@acme.example"), only(catcher, "bob@acme.example")
    assert alice.message_id != bob.message_id
    assert alice.text() != bob.text()
    assert "bob" not in str(alice.message["To"])


def test_accepted_mail_is_marked_so_and_its_invoice_counts_as_sent(
    world: World, settings: Settings, catcher: Catcher
) -> None:
    invoice = issued(world)
    mail.deliver_due(settings)
    assert {row.state for row in Mail.select()} == {"accepted"}
    assert invoices.get(invoice.id).sent_at == AT
    assert mail.deliver_due(settings).accepted == 0
    assert len(catcher.caught) == 2


def test_the_message_id_is_the_rows_own_and_the_same_at_every_try(
    world: World, settings: Settings, catcher: Catcher
) -> None:
    issued(world)
    catcher.script = lambda stage, _to: "451 later, please" if stage == "data" else None
    mail.deliver_due(settings)
    assert catcher.caught == []
    row = Mail.get(Mail.recipient == "alice@acme.example")

    catcher.script = lambda _stage, _to: None
    (settings.data_dir / "now").write_text((AT + timedelta(hours=1)).isoformat())
    mail.deliver_due(settings)

    assert only(catcher, "alice@acme.example").message_id == f"<{row.message_id}@alderfinch.example>"


def test_a_mail_waits_until_its_pdf_is_stored(world: World, settings: Settings, catcher: Catcher) -> None:
    world.issued()
    assert mail.deliver_due(settings).accepted == 0
    store_pdfs()
    assert mail.deliver_due(settings).accepted == 2
    assert len(catcher.caught) == 2


def test_a_part_paid_invoice_shows_what_is_left(world: World, settings: Settings, catcher: Catcher) -> None:
    invoice = issued(world)
    pay(invoice, 600_00)
    mail.deliver_due(settings)
    text = only(catcher, "alice@acme.example").text()
    assert "£564.00, due" in text
    assert "Total: £1,164.00" in text
    assert "Paid so far: £600.00" in text


def test_an_invoice_voided_before_it_left_is_not_sent_and_nobody_is_told_of_a_cancellation(
    world: World, settings: Settings, catcher: Catcher
) -> None:
    invoice = issued(world)
    invoices.void(invoice.id, reason="Raised twice", by=world.sam, at=AT)

    run = mail.deliver_due(settings)

    assert (run.accepted, run.refused) == (0, 2)
    assert catcher.to("alice@acme.example") == []
    kept = Mail.get((Mail.event == "invoice_issued") & (Mail.recipient == "alice@acme.example"))
    assert (kept.state, kept.error) == ("refused", "Not sent: the invoice was cancelled first.")
    assert kept.dropped_at is not None, "by us, and by no server"
    assert [delivery.state for delivery in outbox.for_invoice(invoice.id)][:2] == ["dropped", "dropped"]


def test_whom_an_invoice_reached_is_told_by_name_that_it_is_cancelled(
    world: World, settings: Settings, catcher: Catcher
) -> None:
    invoice = issued(world)
    Mail.update(state="dead").where(Mail.recipient == "bob@acme.example").execute()
    Mail.update(state="accepted", accepted_at=AT).where(Mail.recipient == "alice@acme.example").execute()
    invoices.void(invoice.id, reason="Raised twice", by=world.sam, at=AT)

    run = mail.deliver_due(settings)

    assert (run.accepted, run.refused) == (1, 0)
    one = only(catcher, "alice@acme.example")
    assert one.subject == f"Invoice {invoice.number} from Alder & Finch is cancelled: £1,164.00 no longer due"
    assert "Raised twice" in one.text()
    assert "Raised twice" in one.html()
    assert Mail.get(Mail.event == "invoice_voided").recipient_name == "Alice"


def test_the_receipt_names_the_amount_the_reference_and_what_is_left(
    world: World, settings: Settings, catcher: Catcher
) -> None:
    invoice = issued(world)
    payment = pay(invoice, 600_00, received_minor=650_00)
    link = Link.get(Link.recipient == "alice@acme.example")
    queue("receipt", {"payment_id": payment.id, "link_id": link.id}, customer_id=world.acme.id)

    mail.deliver_due(settings)

    one = catcher.to("alice@acme.example")[-1]
    assert one.subject == "Receipt: £650.00 paid to Alder & Finch"
    assert "Reference: PAY-TEST" in one.text()
    assert f"Invoice {invoice.number}: £600.00, £564.00 left to pay" in one.text()
    assert "Kept as your credit: £50.00" in one.text()
    assert links.url(link.id) in one.html()


def test_a_signed_in_payers_receipt_has_no_link(world: World, settings: Settings, catcher: Catcher) -> None:
    payment = pay(issued(world), 1_164_00)
    queue("receipt", {"payment_id": payment.id, "link_id": None}, customer_id=world.acme.id)
    mail.deliver_due(settings)
    one = catcher.to("alice@acme.example")[-1]
    assert "paid in full" in one.text()
    assert "/i/" not in one.text() + one.html()


def test_the_code_mail_shows_the_code_first_and_no_link(world: World, settings: Settings, catcher: Catcher) -> None:
    assert world.acme
    queue("sign_in_code", {"code": "482913", "minutes": 10, "purpose": "portal"})
    mail.deliver_due(settings)
    one = only(catcher, "alice@acme.example")
    assert one.subject == "482 913 is your Alder & Finch code"
    assert "10 minutes" in one.text()
    assert "http" not in one.text()
    assert "href" not in one.html()


def test_a_code_that_is_over_is_not_mailed(world: World, settings: Settings, catcher: Catcher, tmp_path: Path) -> None:
    assert world.acme
    queue("sign_in_code", {"code": "482913", "minutes": 10, "purpose": "portal"})
    (tmp_path / "now").write_text((AT + timedelta(minutes=10)).isoformat())
    assert mail.deliver_due(settings).refused == 1
    assert catcher.caught == []


def test_the_new_link_mail_leads_to_the_invoice(world: World, settings: Settings, catcher: Catcher) -> None:
    invoice = issued(world)
    link = Link.get(Link.recipient == "alice@acme.example")
    queue("invoice_link", {"invoice_id": invoice.id, "link_id": link.id}, customer_id=world.acme.id)
    mail.deliver_due(settings)
    one = catcher.to("alice@acme.example")[-1]
    assert one.subject == f"Your new link to invoice {invoice.number} from Alder & Finch: £1,164.00"
    assert links.url(link.id) in one.text()
    assert links.url(link.id) in one.html()


def test_amounts_are_written_in_the_customers_locale(world: World, settings: Settings, catcher: Catcher) -> None:
    details = customers.CustomerDetails(
        name="Lindner", legal_name="Lindner GmbH", address=("Berlin",), country="DE", currency="EUR", locale="de_DE",
        contacts=(customers.ContactDetails(name="Uwe", email="uwe@lindner.example"),),
    )  # fmt: skip
    world.issued(customers.create(details, by=SYSTEM, at=AT))
    store_pdfs()
    mail.deliver_due(settings)
    assert "1.164,00\u00a0€" in only(catcher, "uwe@lindner.example").subject


@pytest.mark.parametrize(
    "name", ["Eve\r\nBcc: victim@example.com", "Eve\nX-Evil: 1", "Eve\u202egnp.exe", "Eve\x07\x1b[2J"]
)
def test_a_hostile_name_adds_no_header(world: World, settings: Settings, catcher: Catcher, name: str) -> None:
    Contact.update(name=name).where(Contact.email == "alice@acme.example").execute()
    Seller.update(name=f"Alder{name}").execute()
    world.issued()
    store_pdfs()

    mail.deliver_due(settings)

    one = only(catcher, "alice@acme.example")
    assert one.message["Bcc"] is None
    assert one.message["X-Evil"] is None
    assert catcher.to("victim@example.com") == []
    for header in ("From", "To", "Subject"):
        assert not set(str(one.message[header])) & set("\r\n\x07\x1b\u202e")


def test_user_text_is_escaped_in_the_html_part(world: World, settings: Settings, catcher: Catcher) -> None:
    invoice = invoices.draft(
        world.acme.id,
        invoices.DraftContent(lines=(world_line(),), subject="<script>alert(1)</script>", po="'\"><img src=x>"),
        by=world.sam,
        at=AT,
    )
    invoices.issue(invoice.id, on=AT.date(), version=None, by=world.sam, at=AT)
    store_pdfs()
    mail.deliver_due(settings)
    html = only(catcher, "alice@acme.example").html()
    assert "<script>" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("Invoice-INV-2026-0001.pdf", "Invoice-INV-2026-0001.pdf"),
        ('a"b\r\nX: y.pdf', "a-b-X-y.pdf"),
        ("../../etc/passwd", "etc-passwd"),
        ("\u202efdp.exe", "fdp.exe"),
        ("...", "document"),
    ],
)
def test_file_names_are_plain(given: str, wanted: str) -> None:
    assert letters.file_name(given) == wanted


def test_one_refused_recipient_does_not_cost_the_other(world: World, settings: Settings, catcher: Catcher) -> None:
    issued(world)
    catcher.script = lambda stage, to: "550 no such user" if (stage, to[:3]) == ("rcpt", "bob") else None

    run = mail.deliver_due(settings)

    assert (run.accepted, run.refused) == (1, 1)
    bob = Mail.get(Mail.recipient == "bob@acme.example")
    assert (bob.state, bob.error) == ("refused", "550 no such user")
    assert only(catcher, "alice@acme.example")


@pytest.mark.parametrize("stage", ["rcpt", "data"])
def test_a_temporary_answer_is_tried_again_later(
    world: World, settings: Settings, catcher: Catcher, stage: str
) -> None:
    issued(world)
    catcher.script = lambda now, _to: "451 greylisted" if now == stage else None
    run = mail.deliver_due(settings)
    assert (run.accepted, run.later) == (0, 2)
    row = Mail.get(Mail.recipient == "bob@acme.example")
    assert row.state == "queued"
    assert row.error == "451 greylisted"
    assert row.due_at > AT


def test_a_5xx_answer_to_the_message_is_final(world: World, settings: Settings, catcher: Catcher) -> None:
    issued(world)
    catcher.script = lambda stage, _to: "554 looks like spam" if stage == "data" else None
    assert mail.deliver_due(settings).refused == 2


def test_an_absent_server_costs_no_mail_a_try_and_ends_the_run(world: World, tmp_path: Path) -> None:
    issued(world)
    run = mail.deliver_due(settings_for(free_port(), tmp_path))
    assert run.unreachable
    assert run.later == 1
    assert {(row.state, row.attempts) for row in Mail.select()} == {("queued", 0)}
    asked = Mail.get(Mail.error != "")
    assert "ConnectionRefusedError" in asked.error
    assert asked.due_at == AT + outbox.SERVER_WAIT


class HangsUp(Catcher):
    """Breaks off when it has a message, so that nobody knows whether it was kept."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(server.transport, asyncio.WriteTransport)
        server.transport.abort()
        return "250 nobody hears this"


def test_a_server_that_breaks_off_costs_the_mail_under_way_a_try(world: World, tmp_path: Path) -> None:
    issued(world)
    with HangsUp() as catcher:
        run = mail.deliver_due(settings_for(catcher.port, tmp_path))
    assert run.unreachable
    assert sorted((row.state, row.attempts) for row in Mail.select()) == [("queued", 0), ("queued", 1)]


def test_a_silent_server_is_left_in_time(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issued(world)
    monkeypatch.setattr(mail, "TIMEOUT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        run = mail.deliver_due(settings_for(silent.getsockname()[1], tmp_path))
    assert run.unreachable
    assert "timed out" in Mail.get(Mail.error != "").error


def test_a_mail_that_cannot_be_written_does_not_hold_up_the_others(
    world: World, settings: Settings, catcher: Catcher
) -> None:
    assert world.acme
    queue("receipt", {"payment_id": 999, "link_id": None})
    queue("sign_in_code", {"code": "111222", "minutes": 10, "purpose": "portal"}, to="gina@globex.example")
    run = mail.deliver_due(settings)
    assert (run.accepted, run.later) == (1, 1)
    assert only(catcher, "gina@globex.example")
    assert "PaymentDoesNotExist" in Mail.get(Mail.event == "receipt").error


def test_a_certificate_nobody_vouches_for_is_refused(world: World, tmp_path: Path) -> None:
    issued(world)
    with Catcher(tls=certified()) as secured:
        run = mail.deliver_due(settings_for(secured.port, tmp_path, mail_tls="starttls"))
    assert run.unreachable
    assert "certificate verify failed" in Mail.get(Mail.error != "").error.lower()
    assert secured.caught == []


def test_the_authority_of_the_settings_is_trusted(world: World, tmp_path: Path) -> None:
    issued(world)
    with Catcher(tls=certified()) as secured:
        run = mail.deliver_due(settings_for(secured.port, tmp_path, mail_tls="starttls", mail_ca_file=str(CERTIFICATE)))
    assert run.accepted == 2
    assert len(secured.caught) == 2


def test_a_server_without_tls_gets_no_mail_where_tls_is_asked_for(
    world: World, catcher: Catcher, tmp_path: Path
) -> None:
    issued(world)
    run = mail.deliver_due(settings_for(catcher.port, tmp_path, mail_tls="starttls"))
    assert run.unreachable
    assert catcher.caught == []


def test_every_line_on_the_wire_is_short(world: World, settings: Settings, catcher: Catcher) -> None:
    issued(world)
    mail.deliver_due(settings)
    raw = only(catcher, "alice@acme.example").message.as_bytes()
    assert max(len(row) for row in raw.splitlines()) <= 998
    assert raw.isascii()


def test_every_event_has_its_three_templates() -> None:
    for event in letters._EVENTS:
        for part in ("subject.txt", "body.txt", "body.html"):
            assert (letters.TEMPLATES / event / part).is_file()


def queue(
    event: str, context: dict[str, Any], *, to: str = "alice@acme.example", customer_id: int | None = None
) -> None:
    outbox.queue(event, to=to, to_name="Alice", key=f"{event}:{to}", context=context, at=AT, customer_id=customer_id)


def pay(invoice: Invoice, minor: int, *, received_minor: int | None = None) -> Payment:
    """Money that came by card, `minor` of it applied."""
    received = received_minor or minor
    payment = Payment.create(
        reference="PAY-TEST", customer=invoice.customer_id, currency="GBP", minor=received, method="Visa ending 4242",
        received_at=AT,
    )  # fmt: skip
    leg = ledger.Leg(
        debit=ledger.CARD_CLEARING, credit=ledger.CUSTOMER_CREDIT, minor=received, currency="GBP",
        customer_id=invoice.customer_id, payment_id=payment.id,
    )  # fmt: skip
    ledger.post(f"payment:{payment.id}", "payment_received", [leg], on=AT.date(), at=AT)
    allocations.apply(payment, invoice.id, minor, ref="first", on=AT.date(), at=AT)
    if received > minor:
        allocations.keep(payment, reason="amount_mismatch")
    return payment


def world_line() -> invoices.LineContent:
    from tests.world import line

    return line()


def certified() -> ssl.SSLContext:
    """What a server shows that vouches for itself."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context
