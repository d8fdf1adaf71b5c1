"""The credit note on paper and by mail: it names the invoice it credits, why, and what is credited at which rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import credit_notes, documents, outbox
from billing.rendering import Renderer
from billing.rendering.pages import invoice_html
from billing.tables import Document, Mail
from tests.billing.paper import PATIENT, text_of
from tests.world import AT, Pen, line
from web import letters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.tables import CreditNote
    from tests.world import World


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    with Renderer(limits=lambda _: PATIENT) as one:
        yield one


def credited(world: World) -> CreditNote:
    invoice = world.issued(None, line(), line("Coffee for the office", "3", "12.40", 50_000))
    said = credit_notes.CreditContent(
        shape="amount", reason_code="goodwill", reason="Late by a week", gross_minor=24_000
    )
    return credit_notes.create(invoice.id, said, by=world.sam, at=AT)


def test_the_paper_names_the_invoice_the_reason_and_each_rate(world: World, renderer: Renderer) -> None:
    note = credited(world)
    drawn = documents.draw_due(renderer, invoice_html, at=AT)
    assert drawn == 2
    text = text_of(documents.content(documents.credit_note(note.id)))
    for words in (
        "Credit note", "CN-2026-0001", "For invoice", "INV-2026-0001", "Goodwill", "Late by a week", "VAT at 20%",
        "VAT at 5%", "Total credit", "£240.00",
    ):  # fmt: skip
        assert words in text, words


def test_the_mail_waits_for_the_paper_and_carries_it_with_a_link(world: World) -> None:
    note = credited(world)
    documents.draw_due(Pen(), invoice_html, at=AT, limit=1)
    assert not [mail for mail in outbox.claim_due(AT) if mail.event == "credit_note_issued"]
    documents.draw_due(Pen(), invoice_html, at=AT)
    mail = Mail.get((Mail.event == "credit_note_issued") & (Mail.recipient == "alice@acme.example"))
    letter = letters.write(mail)
    assert letter.subject == "Credit note CN-2026-0001 from Alder & Finch: £240.00 off invoice INV-2026-0001"
    assert [file.name for file in letter.attached] == ["Credit-note-CN-2026-0001.pdf"]
    assert letter.attached[0].content == bytes(Document.get(Document.credit_note == note.id).content)
    assert "Late by a week" in letter.text
    assert "/i/" in letter.text
    assert "Left to pay: £963.06" in letter.text
