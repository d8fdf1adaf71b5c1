"""From draft to document and back out: what is reviewed is what is issued, and a void has its reasons."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import customers, invoices, payments
from billing.tables import Contact, Customer, Invoice, Mail
from tests.admin.arranged import draw, paying
from tests.admin.typed import value_of, words
from tests.web_fixtures import fresh_form_id
from tests.world import AT, TODAY, content, line
from web import letters

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from billing.actors import Actor
    from tests.web_fixtures import Client
    from tests.world import World


@pytest.fixture
def sam(world: World, sign_in_as: Callable[[Actor], Client]) -> Client:
    """Sam's browser."""
    return sign_in_as(world.sam)


def confirmed(draft: Invoice, on: date | str = TODAY, *, version: int = 1) -> dict[str, str]:
    """The review's form as it is sent."""
    return {"form_id": fresh_form_id(), "version": str(version), "issue_on": str(on), "draft": str(draft.id)}


def test_the_review_shows_what_is_frozen_and_what_is_sent(world: World, sam: Client) -> None:
    draft = world.draft()
    page = words(sam.get(f"/admin/invoices/{draft.id}/issue"))
    assert "Issued 22 November 2026 Due 22 December 2026" in page
    assert "Total £1,164.00" in page
    assert "2 people get this mail Alice alice@acme.example Bob bob@acme.example" in page
    assert "Issue invoice for £1,164.00 and send to 2 people" in page


def test_the_subject_in_the_review_is_the_subject_of_the_mail(world: World, sam: Client) -> None:
    draft = world.draft()
    page = words(sam.get(f"/admin/invoices/{draft.id}/issue"))
    issued = invoices.issue(draft.id, on=TODAY, version=1, by=world.sam, at=AT)
    mail = Mail.select().order_by(Mail.id).first()
    assert mail is not None
    draw(issued)
    subject = letters.write(mail).subject
    assert subject.replace(str(issued.number), "(its number)") in page


def test_the_review_speaks_as_the_document_and_its_mail_will(world: World, sam: Client) -> None:
    Customer.update(locale="de_DE").where(Customer.id == world.acme.id).execute()
    page = words(sam.get(f"/admin/invoices/{world.draft().id}/issue"))
    assert "Issue invoice for 1.164,00 £ and send" in page
    assert "Due 22. Dezember 2026" in page


def test_another_day_may_be_looked_at_before_issuing(world: World, sam: Client) -> None:
    draft = world.draft()
    part = sam.get(f"/admin/invoices/{draft.id}/issue?issue_on=2026-11-20", hx=True)
    assert "Issued 20 November 2026 Due 20 December 2026" in words(part)
    assert part.text.lstrip().startswith('<div class="split" id="review">')
    unread = sam.get(f"/admin/invoices/{draft.id}/issue?issue_on=soon", hx=True)
    assert unread.status_code == 422
    assert "Enter a date, like 2026-11-22" in words(unread)


def test_a_draft_with_a_day_of_its_own_proposes_it_once_it_has_come(world: World, sam: Client) -> None:
    for planned, proposed in ((TODAY - timedelta(days=3), "2026-11-19"), (TODAY + timedelta(days=3), "2026-11-22")):
        said = content()
        draft = invoices.draft(world.acme.id, type(said)(lines=said.lines, issue_on=planned), by=world.sam, at=AT)
        assert value_of(sam.get(f"/admin/invoices/{draft.id}/issue"), "issue_on") == proposed


def test_the_review_remarks_on_what_is_worth_a_look(world: World, sam: Client) -> None:
    free = world.draft(None, line(unit_price="0"))
    page = words(sam.get(f"/admin/invoices/{free.id}/issue?issue_on=2026-11-20"))
    assert "The due date is a Sunday." in page
    assert "The total is zero, so it counts as paid at once." in page
    assert "No VAT number is known for Acme." in page
    Customer.update(tax_id="GB 123 4567 89").where(Customer.id == world.acme.id).execute()
    quiet = world.draft()
    page = words(sam.get(f"/admin/invoices/{quiet.id}/issue"))
    assert "No VAT number" not in page
    assert "The due date is a" not in page


def test_issuing_from_the_review_numbers_it_and_queues_its_mails(world: World, sam: Client) -> None:
    draft = world.draft()
    reply = sam.post(f"/admin/invoices/{draft.id}/issue", data=confirmed(draft, TODAY - timedelta(days=1)))
    issued = invoices.get(draft.id)
    assert (reply.status_code, reply.location) == (303, f"/admin/invoices/{draft.id}")
    assert (issued.number, issued.issue_on) == ("INV-2026-0001", TODAY - timedelta(days=1))
    assert Mail.select().count() == 2
    assert "INV-2026-0001 is issued" in words(sam.get(reply.location))


def test_a_double_click_issues_once_and_leads_to_the_same_page(world: World, sam: Client) -> None:
    draft = world.draft()
    sent = confirmed(draft)
    first, second = (sam.post(f"/admin/invoices/{draft.id}/issue", data=sent, hx=True) for _ in range(2))
    assert first.headers["HX-Redirect"] == second.headers["HX-Redirect"] == f"/admin/invoices/{draft.id}"
    assert Invoice.select().where(Invoice.status == "issued").count() == 1
    assert Mail.select().count() == 2


def test_a_draft_that_changed_under_the_review_is_shown_anew_before_it_is_issued(world: World, sam: Client) -> None:
    draft = world.draft()
    invoices.edit(draft.id, content(line(quantity="5")), version=1, by=world.ada, at=AT)
    reply = sam.post(f"/admin/invoices/{draft.id}/issue", data=confirmed(draft), hx=True)
    assert reply.status_code == 409
    assert "Somebody changed this draft" in words(reply)
    assert "Issue invoice for £2,910.00" in words(reply)
    assert value_of(reply, "version") == "2"
    assert invoices.get(draft.id).number is None


def test_what_the_domain_refuses_is_told_in_the_review(world: World, sam: Client) -> None:
    world.issued()
    draft, empty = world.draft(), invoices.draft(world.acme.id, invoices.DraftContent(lines=()), by=world.sam, at=AT)
    for invoice, on, status, said in (
        (draft, TODAY + timedelta(days=1), 422, "The issue date cannot be in the future"),
        (draft, TODAY - timedelta(days=1), 409, "The last number was given on 22 Nov 2026"),
        (draft, "soon", 422, "Enter a date, like 2026-11-22"),
        (empty, TODAY, 422, "Add a line first"),
    ):
        reply = sam.post(f"/admin/invoices/{invoice.id}/issue", data=confirmed(invoice, on), hx=True)
        assert (reply.status_code, said in words(reply)) == (status, True), (on, words(reply))
        assert value_of(reply, "issue_on") == str(on)
        assert "<title>Error: Review and issue" in reply.text
    assert invoices.get(draft.id).number is None


def test_where_nobody_would_get_it_a_contact_is_asked_for(world: World, sam: Client) -> None:
    draft = world.draft()
    Contact.update(receives_invoices=False).where(Contact.customer == world.acme.id).execute()
    page = sam.get(f"/admin/invoices/{draft.id}/issue")
    assert "Nobody would get it" in words(page)
    assert f'href="/admin/customers/{world.acme.id}/edit"' in page.text
    assert sam.post(f"/admin/invoices/{draft.id}/issue", data=confirmed(draft)).status_code == 409
    assert invoices.get(draft.id).status == "draft"


def test_an_issued_invoice_has_no_review(world: World, sam: Client) -> None:
    issued = world.issued()
    assert sam.get(f"/admin/invoices/{issued.id}/issue").status_code == 409
    assert sam.post(f"/admin/invoices/{issued.id}/issue", data=confirmed(issued, version=2)).status_code == 409


def test_a_void_says_why_and_tells_the_recipients(world: World, sam: Client) -> None:
    issued = world.issued()
    Mail.update(state="accepted", accepted_at=AT).where(Mail.event == "invoice_issued").execute()
    assert "will no longer owe £1,164.00" in words(sam.get(f"/admin/invoices/{issued.id}/void"))
    reply = sam.post(f"/admin/invoices/{issued.id}/void", data={"reason": "Billed twice"})
    assert (reply.status_code, reply.location) == (303, f"/admin/invoices/{issued.id}")
    page = words(sam.get(reply.location))
    assert "Void · Today, 10:00 Billed twice" in page
    assert page.count("Notice of the void: waiting to be sent") == 2
    assert customers.balance(world.acme.id, "GBP").receivable_minor == 0


def test_a_void_without_reason_is_refused_and_closes_no_payment_page(
    world: World, sam: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    monkeypatch.setattr(payments, "release", lambda invoice_id, **_: closed.append(invoice_id))
    issued = world.issued()
    for reason in ("", "   ", "x" * 501):
        reply = sam.post(f"/admin/invoices/{issued.id}/void", data={"reason": reason}, hx=True)
        assert reply.status_code == 422
        assert words(reply).count("Say why, in 500 characters at most") == 2
        assert value_of(reply, "reason").strip() == reason.strip()
    assert closed == []
    assert invoices.get(issued.id).status == "issued"


def test_what_cannot_be_voided_says_why_and_keeps_the_reason_typed(world: World, sam: Client) -> None:
    void, draft = world.issued(), world.draft()
    invoices.void(void.id, reason="Twice", by=world.sam, at=AT)
    for invoice, said in ((void, "This invoice is void already"), (draft, "A draft is removed, not voided")):
        reply = sam.post(f"/admin/invoices/{invoice.id}/void", data={"reason": "Because"}, hx=True)
        assert reply.status_code == 409
        assert said in words(reply)
        assert value_of(reply, "reason") == "Because"


def test_a_payment_on_its_way_stops_the_void(world: World, sam: Client) -> None:
    issued = world.issued()
    paying(issued, world, status="processing")
    assert "Alice Poole is paying it right now" in words(sam.get(f"/admin/invoices/{issued.id}/void"))
    reply = sam.post(f"/admin/invoices/{issued.id}/void", data={"reason": "Because"}, hx=True)
    assert reply.status_code == 409
    assert "Alice Poole is paying invoice" in words(reply)
    assert value_of(reply, "reason") == "Because"
    assert invoices.get(issued.id).status == "issued"


def test_only_an_admin_issues_and_voids(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    issued, draft = world.issued(), world.draft()
    for who in (world.vic, world.ada):
        browser = sign_in_as(who)
        assert browser.post(f"/admin/invoices/{draft.id}/issue", data=confirmed(draft)).status_code == 403
        assert browser.post(f"/admin/invoices/{issued.id}/void", data={"reason": "x"}).status_code == 403
    assert invoices.get(draft.id).status == "draft"
    assert invoices.get(issued.id).status == "issued"
