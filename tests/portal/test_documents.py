"""The PDF's download: stored bytes, asked for anew each time, and never a page of ours."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from billing.tables import Document
from tests.portal.scenes import statements
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.actors import Actor
    from billing.tables import Invoice
    from tests.web_fixtures import Client
    from tests.world import World

PDF = b"%PDF-1.7 the very bytes"
SHA256 = hashlib.sha256(PDF).hexdigest()


def stored(invoice: Invoice) -> Invoice:
    """Its PDF was drawn."""
    Document.insert(
        invoice=invoice.id, media_type="application/pdf", sha256=SHA256, size=len(PDF), content=PDF, stored_at=AT
    ).execute()
    return invoice


@pytest.fixture
def alice(sign_in_as: Callable[[Actor], Client], world: World) -> Client:
    """A person of Acme, signed in."""
    return sign_in_as(world.alice)


def test_the_stored_bytes_come_as_a_download_with_their_hash(alice: Client, world: World) -> None:
    invoice = stored(world.issued())
    reply = alice.get(f"/invoices/{invoice.number}.pdf")
    assert (reply.status_code, reply.data, reply.mimetype) == (200, PDF, "application/pdf")
    assert reply.headers["ETag"] == f'"{SHA256}"'
    assert reply.headers["Content-Disposition"] == f"attachment; filename=Invoice-{invoice.number}.pdf"


def test_no_browser_takes_the_download_for_a_page_of_ours(alice: Client, world: World) -> None:
    reply = alice.get(f"/invoices/{stored(world.issued()).number}.pdf")
    assert reply.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "private, no-cache"
    assert "Cookie" in reply.headers["Vary"]


def test_a_browser_that_has_it_gets_304_without_reading_it_again(alice: Client, world: World) -> None:
    invoice = stored(world.issued())
    with statements() as ran:
        reply = alice.get(f"/invoices/{invoice.number}.pdf", headers={"If-None-Match": f'"{SHA256}"'})
    assert (reply.status_code, reply.data, reply.headers["ETag"]) == (304, b"", f'"{SHA256}"')
    assert not any('"content"' in sql for sql in ran)
    assert alice.get(f"/invoices/{invoice.number}.pdf", headers={"If-None-Match": '"other"'}).data == PDF


def test_a_head_request_tells_the_headers_alone(alice: Client, world: World) -> None:
    reply = alice.head(f"/invoices/{stored(world.issued()).number}.pdf")
    assert (reply.status_code, reply.data, reply.headers["ETag"]) == (200, b"", f'"{SHA256}"')


def test_a_download_costs_four_statements_at_most(alice: Client, world: World) -> None:
    invoice = stored(world.issued())
    with statements() as ran:
        alice.get(f"/invoices/{invoice.number}.pdf")
    assert len(ran) <= 4
    assert all(sql.startswith("SELECT") for sql in ran)


def test_a_pdf_that_is_still_being_drawn_says_so_and_when_to_ask(alice: Client, world: World) -> None:
    reply = alice.get(f"/invoices/{world.issued().number}.pdf")
    assert (reply.status_code, reply.headers["Retry-After"], reply.mimetype) == (503, "10", "text/html")
    assert "The PDF is being prepared" in reply.text
    assert "Back to the invoice" in reply.text


def test_a_guest_downloads_the_one_document_of_the_link(guest_of: Callable[[Invoice], Client], world: World) -> None:
    invoice, other = stored(world.issued()), stored(world.issued())
    guest = guest_of(invoice)
    assert guest.get(f"/invoices/{invoice.number}.pdf").data == PDF
    assert guest.get(f"/invoices/{other.number}.pdf").status_code == 303


def test_a_strangers_and_a_missing_document_read_the_same(alice: Client, world: World) -> None:
    theirs = stored(world.issued(world.globex))
    stranger, missing = alice.get(f"/invoices/{theirs.number}.pdf"), alice.get("/invoices/INV-2026-9999.pdf")
    assert stranger.status_code == missing.status_code == 404
    assert stranger.text == missing.text
    etag = {"If-None-Match": f'"{SHA256}"'}
    assert alice.get(f"/invoices/{theirs.number}.pdf", headers=etag).status_code == 404


def test_nobody_downloads_without_signing_in(client: Client, world: World) -> None:
    number = stored(world.issued()).number
    reply = client.get(f"/invoices/{number}.pdf", headers={"If-None-Match": f'"{SHA256}"'})
    assert (reply.status_code, reply.data[:4] == b"%PDF") == (303, False)


@pytest.mark.parametrize("tail", ["/x.css", ".pdf/x.css", ".css", ".pdf.css"])
def test_no_other_address_gives_the_invoice_away_to_a_cache(alice: Client, world: World, tail: str) -> None:
    assert alice.get(f"/invoices/{stored(world.issued()).number}{tail}").status_code == 404
