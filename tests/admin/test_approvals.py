"""The queue of approvals, write-offs and corrections at the billing team's face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from billing import check, corrections, credit_notes, credits, invoices, refunds, write_offs
from billing.tables import Approval, Attempt, CreditNote, Invoice, Refund, Seller, WriteOff
from tests.admin.arranged import paying
from tests.admin.typed import words
from tests.billing.money_back import paid
from tests.billing.paying import begin
from tests.web_fixtures import fresh_form_id
from tests.world import AT, content, line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from billing.actors import Actor
    from tests.billing.paying import Sandbox
    from tests.web_fixtures import Client
    from tests.world import World


@pytest.fixture
def sam(world: World, sign_in_as: Callable[[Actor], Client]) -> Iterator[Client]:
    yield sign_in_as(world.sam)
    assert check.broken() == []


@pytest.fixture
def ada(world: World, sign_in_as: Callable[[Actor], Client]) -> Client:
    return sign_in_as(world.ada)


def again(invoice: Invoice) -> Invoice:
    now: Invoice = Invoice.get_by_id(invoice.id)
    return now


def form(**fields: Any) -> dict[str, Any]:
    return {"form_id": fresh_form_id()} | fields


def asked(world: World) -> CreditNote:
    Seller.update(approval_over_minor=10_000).execute()
    said = credit_notes.CreditContent(shape="full", reason_code="error", reason="Billed twice")
    return credit_notes.create(world.issued().id, said, by=world.sam, at=AT)


def test_an_approver_sees_what_would_happen_and_approves(world: World, sam: Client, ada: Client) -> None:
    note = asked(world)
    page = words(ada.get("/admin/approvals"))
    assert "Credit note of £1,164.00" in page
    assert "Acme would owe less on invoice INV-2026-0001" in page
    assert "Billing error: Billed twice" in page
    assert "Asked by Sam Reyes" in page
    own = words(sam.get("/admin/approvals"))
    assert "somebody else decides it" in own
    assert "Approve " not in own
    approval = Approval.get()
    reply = ada.post(f"/admin/approvals/{approval.id}", data=form(decision="approve", note="Fine"))
    assert (reply.status_code, reply.location) == (303, "/admin/approvals")
    assert CreditNote.get_by_id(note.id).status == "issued"
    assert "Nothing waits" in words(ada.get("/admin/approvals"))
    assert "Ada Osei approved it: Fine" in words(sam.get(f"/admin/credit-notes/{note.id}"))


def test_a_decline_is_told_to_whoever_asked(world: World, sam: Client, ada: Client) -> None:
    note = asked(world)
    ada.post(f"/admin/approvals/{Approval.get().id}", data=form(decision="decline", note="Not ours"))
    page = words(sam.get(f"/admin/credit-notes/{note.id}"))
    assert "Declined" in page
    assert "Ada Osei declined it: Not ours" in page


def test_nobody_decides_their_own_nor_twice(world: World, sam: Client, ada: Client) -> None:
    asked(world)
    path = f"/admin/approvals/{Approval.get().id}"
    own = sam.post(path, data=form(decision="approve"))
    assert (own.status_code, "Somebody else decides it" in words(own)) == (409, True)
    ada.post(path, data=form(decision="approve"))
    twice = ada.post(path, data=form(decision="decline"))
    assert (twice.status_code, "has approved this already" in words(twice)) == (409, True)


def test_a_decision_is_one_of_the_two_buttons(world: World, ada: Client) -> None:
    note = asked(world)
    assert ada.post(f"/admin/approvals/{Approval.get().id}", data=form()).status_code == 400
    assert CreditNote.get_by_id(note.id).status == "awaiting"


def test_an_approved_credit_note_closes_the_pages_of_all_that_it_pays(
    world: World, sandbox: Sandbox, ada: Client
) -> None:
    Seller.update(approval_over_minor=10_000).execute()
    invoice, other = world.issued(), world.issued()
    said = credit_notes.CreditContent(
        shape="full", reason_code="error", reason="Billed twice",
        destinations=credit_notes.Destinations(invoices=((invoice.id, 16_400), (other.id, 100_000))),
    )  # fmt: skip
    credit_notes.create(invoice.id, said, by=world.sam, at=AT)
    opened = begin(other, world.alice)
    ada.post(f"/admin/approvals/{Approval.get().id}", data=form(decision="approve"))
    assert again(other).balance_minor == 16_400
    assert Attempt.get_by_id(opened.id).status == "superseded"


def test_an_approved_refund_stands_though_its_key_was_used_for_another(
    world: World, sandbox: Sandbox, ada: Client
) -> None:
    invoice = world.issued()
    payment, other = paid(world, sandbox, invoice), paid(world, sandbox, world.issued(world.globex))
    Seller.update(approval_over_minor=0).execute()
    refunds.request(
        source=credits.CreditKey("payment", payment.id), minor=5_000, method="original", reason="Paid twice",
        from_invoice_id=invoice.id, by=world.sam, at=AT,
    )  # fmt: skip
    sandbox.client().v1.refunds.create(
        {"payment_intent": str(other.intent_id), "amount": 1}, {"idempotency_key": f"refund-{Refund.get().reference}"}
    )
    reply = ada.post(f"/admin/approvals/{Approval.get().id}", data=form(decision="approve"))
    assert (reply.status_code, Refund.get().status) == (303, "created")


def test_a_debt_is_written_off_and_owed_again(world: World, sam: Client) -> None:
    invoice = world.overdue()
    path = f"/admin/invoices/{invoice.id}/write-off"
    assert "£1,164.00 is no longer expected from Acme" in words(sam.get(path))
    refused = sam.post(path, data=form(reason=" "), hx=True)
    assert (refused.status_code, "Only staff reads it" in words(refused)) == (422, True)
    assert sam.post(path, data=form(reason="Insolvent")).status_code == 303
    page = words(sam.get(f"/admin/invoices/{invoice.id}"))
    assert "Written off" in page
    assert "Sam Reyes wrote off £1,164.00" in page
    assert "Insolvent" in page
    assert "Reverse write-off" in page
    back = f"{path}/reverse"
    assert "owes £1,164.00 on INV-2026-0001 again" in words(sam.get(back))
    assert sam.post(back, data=form(reason="They pay")).status_code == 303
    assert again(invoice).balance_minor == 116_400
    assert sam.get(back).status_code == 409


def test_a_write_off_above_the_limit_waits_in_the_queue(world: World, sam: Client, ada: Client) -> None:
    Seller.update(approval_over_minor=10_000).execute()
    invoice = world.overdue()
    path = f"/admin/invoices/{invoice.id}/write-off"
    assert "A second person decides" in words(sam.get(path))
    sam.post(path, data=form(reason="Insolvent"))
    assert "A write-off of £1,164.00 waits" in words(sam.get(f"/admin/invoices/{invoice.id}"))
    assert "The debt of Acme on invoice INV-2026-0001 would be given up" in words(ada.get("/admin/approvals"))
    ada.post(f"/admin/approvals/{Approval.get().id}", data=form(decision="approve"))
    assert WriteOff.get().status == "written_off"


def test_no_write_off_is_offered_while_a_credit_note_waits(world: World, sam: Client) -> None:
    invoice_id = asked(world).invoice_id
    path = f"/admin/invoices/{invoice_id}/write-off"
    assert f'href="{path}"' not in sam.get(f"/admin/invoices/{invoice_id}").text
    reply = sam.get(path)
    assert (reply.status_code, "Let it be decided first" in words(reply)) == (409, True)


def test_an_invoice_is_corrected_in_three_steps(world: World, sam: Client) -> None:
    invoice = world.issued()
    assert "Edit the replacement" in words(sam.get(f"/admin/invoices/{invoice.id}/correct"))
    reply = sam.post(f"/admin/invoices/{invoice.id}/correct")
    draft = corrections.draft_of(invoice.id)
    assert draft is not None
    assert reply.location == f"/admin/invoices/{draft.id}/edit"
    invoices.edit(draft.id, content(line(unit_price="400")), version=draft.version, by=world.sam, at=AT)
    assert f'href="/admin/invoices/{draft.id}/correction"' in sam.get(f"/admin/invoices/{draft.id}").text
    page = words(sam.get(f"/admin/invoices/{draft.id}/correction"))
    assert "INV-2026-0001, old total £1,164.00" in page
    assert "Billed less −£204.00" in page
    assert "Owed afterwards £960.00" in page
    sent = form(version=again(draft).version, reason_code="error", reason="The price was wrong")
    reply = sam.post(f"/admin/invoices/{draft.id}/correction", data=sent)
    assert (reply.status_code, reply.location) == (303, f"/admin/invoices/{draft.id}")
    assert "Replaces INV-2026-0001" in words(sam.get(reply.location))
    old = words(sam.get(f"/admin/invoices/{invoice.id}"))
    assert "Replaced by INV-2026-0002" in old
    assert "INV-2026-0002 replaces it, CN-2026-0001 credits it" in old


def test_a_double_click_corrects_once_and_leads_to_the_same_page(world: World, sam: Client) -> None:
    draft = corrections.start(world.issued().id, by=world.sam, at=AT)
    sent = form(version=draft.version, reason_code="error", reason="The price was wrong")
    first, second = (sam.post(f"/admin/invoices/{draft.id}/correction", data=sent, hx=True) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200), words(second)
    assert first.headers["HX-Redirect"] == second.headers["HX-Redirect"] == f"/admin/invoices/{draft.id}"
    assert CreditNote.select().count() == 1


def test_a_correction_that_cannot_be_confirmed_says_why(world: World, sam: Client) -> None:
    draft = corrections.start(world.issued().id, by=world.sam, at=AT)
    path = f"/admin/invoices/{draft.id}/correction"
    for fields, status, said in (
        ({"version": 1, "reason_code": "error", "reason": ""}, 422, "Say why"),
        ({"version": 9, "reason_code": "error", "reason": "Wrong"}, 409, "Somebody changed this draft"),
    ):
        reply = sam.post(path, data=form(**fields), hx=True)
        assert (reply.status_code, said in words(reply)) == (status, True), words(reply)
        assert 'id="correction"' in reply.text
    assert again(draft).status == "draft"
    ordinary = world.draft()
    assert sam.get(f"/admin/invoices/{ordinary.id}/correction").status_code == 409
    assert "instead" in words(sam.post(f"/admin/invoices/{draft.id}/issue", data=form(version=1)))


def test_a_payment_on_its_way_stops_a_correction(world: World, sam: Client) -> None:
    invoice = world.issued()
    draft = corrections.start(invoice.id, by=world.sam, at=AT)
    paying(invoice, world, status="processing")
    path = f"/admin/invoices/{draft.id}/correction"
    assert "is paying the old invoice right now" in words(sam.get(path))
    sent = form(version=1, reason_code="error", reason="Wrong")
    reply = sam.post(path, data=sent, hx=True)
    assert reply.status_code == 409
    assert again(invoice).credited_minor == 0


def test_a_void_of_what_had_an_effect_offers_the_wizard(world: World, sam: Client) -> None:
    invoice = world.issued()
    credit_notes.issue_amount(invoice.id, 100, reason_code="goodwill", reason="Sorry", by=world.sam, at=AT)
    assert "Void" not in words(sam.get(f"/admin/invoices/{invoice.id}"))
    for reply in (sam.get(f"/admin/invoices/{invoice.id}/void"), sam.post(f"/admin/invoices/{invoice.id}/void")):
        assert reply.status_code in {409, 422}
    page = sam.get(f"/admin/invoices/{invoice.id}/void")
    assert "cannot be voided" in words(page)
    assert f'href="/admin/invoices/{invoice.id}/correct"' in page.text


def test_credited_and_written_off_invoices_have_tabs_of_their_own(world: World, sam: Client) -> None:
    given_up, taken_back = world.issued(), world.issued()
    write_offs.create(given_up.id, reason="Insolvent", by=world.sam, at=AT)
    said = credit_notes.CreditContent(shape="full", reason_code="error", reason="Wrong")
    credit_notes.create(taken_back.id, said, by=world.sam, at=AT)
    for tab, number in (("written_off", given_up.number), ("credited", taken_back.number)):
        page = words(sam.get(f"/admin/invoices?tab={tab}"))
        assert str(number) in page
        assert "1 invoice" in page
    assert "Nothing is paid yet" in words(sam.get("/admin/invoices?tab=paid"))
