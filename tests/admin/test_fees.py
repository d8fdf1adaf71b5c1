"""Late fees in the admin: told beside the overdue invoice, and waived with a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import check, fees, instalments, invoices, payments, seller
from billing.fee_rules import Rule
from billing.tables import Attempt, FeeCharge
from tests.admin.arranged import paying
from tests.admin.typed import words
from tests.billing.paying import again
from tests.portal.scenes import paid
from tests.web_fixtures import fresh_form_id
from tests.world import AT, TODAY, content

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.actors import Actor
    from tests.billing.paying import Sandbox
    from tests.web_fixtures import Client
    from tests.world import World


@pytest.fixture
def sam(world: World, sign_in_as: Callable[[Actor], Client]) -> Client:
    """Sam's browser."""
    return sign_in_as(world.sam)


@pytest.fixture
def charge(world: World) -> FeeCharge:
    """A flat fee of 40.00 on an invoice of Acme that was due 20 days ago."""
    policy = seller.SellerPolicy(late_fee=Rule(shape="flat", minor=40_00))
    seller.save_policy(policy, version=1, by=world.sam, at=AT)
    invoice = world.overdue()
    fees.charge_due(TODAY, AT)
    return fees.of(invoice.id)[0]


def waive(browser: Client, charge: FeeCharge, reason: str = "A favour", **more: object) -> str:
    """Send the form; gives where it leads, or the words of its refusal."""
    sent = {"form_id": fresh_form_id(), "reason": reason}
    reply = browser.post(f"/admin/fees/{charge.id}/waive", data=sent, **more)
    return reply.location or words(reply)


def test_an_overdue_invoice_tells_its_fees_and_a_fee_its_invoice(sam: Client, charge: FeeCharge) -> None:
    overdue, document = (sam.get(f"/admin/invoices/{id_}") for id_ in (charge.invoice_id, charge.fee_invoice_id))
    assert "INV-2026-0002 , £40.00 Not paid yet" in words(overdue)
    assert f'href="/admin/fees/{charge.id}/waive"' in overdue.text
    assert "Late fee On invoice INV-2026-0001 £1,164.00 was due on 2 November 2026 and is unpaid." in words(document)
    assert f'href="/admin/invoices/{charge.invoice_id}"' in document.text


def test_a_viewer_is_offered_no_waiving(world: World, sign_in_as: Callable[[Actor], Client], charge: FeeCharge) -> None:
    page = sign_in_as(world.vic).get(f"/admin/invoices/{charge.invoice_id}")
    assert "INV-2026-0002" in page.text
    assert "/waive" not in page.text


def test_waiving_asks_why_and_says_what_will_happen(sam: Client, charge: FeeCharge) -> None:
    page = sam.get(f"/admin/fees/{charge.id}/waive")
    assert "Acme will no longer owe the £40.00: the document becomes void." in words(page)
    assert "Say why, in 500 characters at most. The customer reads it" in waive(sam, charge, " ")
    assert waive(sam, charge) == f"/admin/invoices/{charge.fee_invoice_id}"
    assert invoices.get(charge.fee_invoice_id).status == "void"
    assert "Waived 22 Nov 2026 by Sam Reyes: A favour" in words(sam.get(f"/admin/invoices/{charge.invoice_id}"))
    assert not check.broken()


def test_a_paid_fee_is_waived_into_credit(world: World, sam: Client, charge: FeeCharge) -> None:
    paid(charge.fee_invoice, by=world.alice)
    page = sam.get(f"/admin/fees/{charge.id}/waive")
    assert "a credit note takes back the £40.00" in words(page)
    assert waive(sam, charge) == f"/admin/invoices/{charge.fee_invoice_id}"
    assert invoices.get(charge.fee_invoice_id).credited_minor == 40_00
    assert not check.broken()


def test_an_open_page_of_a_fee_is_closed_where_a_credit_note_waives_it(
    world: World, sandbox: Sandbox, sam: Client, charge: FeeCharge
) -> None:
    paid(charge.fee_invoice, 10_00, by=world.bob)
    attempt = payments.start_checkout(
        customer_id=world.acme.id, planned=[payments.Planned(charge.fee_invoice_id, 30_00)], nonce="n-1",
        payer=world.alice, at=AT,
    )  # fmt: skip
    assert waive(sam, charge) == f"/admin/invoices/{charge.fee_invoice_id}"
    assert again(attempt).status == "superseded"
    assert not check.broken()


def test_an_open_payment_page_of_a_fee_is_told_of(world: World, sam: Client, charge: FeeCharge) -> None:
    paying(charge.fee_invoice, world)
    assert "Alice Poole is paying it right now" in words(sam.get(f"/admin/fees/{charge.id}/waive"))
    Attempt.update(status="processing").execute()
    assert "Alice Poole is paying invoice INV-2026-0002 right now" in waive(sam, charge, hx=True)
    assert fees.get(charge.id).waived_at is None


def test_a_fee_is_waived_once(sam: Client, charge: FeeCharge) -> None:
    waive(sam, charge)
    assert "This fee is waived already." in waive(sam, charge, hx=True)
    assert sam.get(f"/admin/fees/{charge.id}/waive").status_code == 409


def test_an_invoice_in_parts_shows_what_is_settled_of_each(world: World, sam: Client) -> None:
    parts = tuple(instalments.equal_parts(116_400, 3, first_on=TODAY))
    draft = invoices.draft(world.acme.id, replace(content(), parts=parts), by=world.sam, at=AT)
    invoice = invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
    paid(invoice, 50_000, by=world.alice)
    page = words(sam.get(f"/admin/invoices/{invoice.id}"))
    assert "22 Nov 2026 Settled £388.00" in page
    assert "22 Dec 2026 £276.00 left £388.00" in page
    assert "22 Jan 2027 Open £388.00" in page


def test_the_list_of_overdue_invoices_holds_one_of_which_a_part_is_late(world: World, sam: Client) -> None:
    at = AT - timedelta(days=50)
    parts = tuple(instalments.equal_parts(116_400, 3, first_on=at.date()))
    draft = invoices.draft(world.acme.id, replace(content(), parts=parts), by=world.sam, at=at)
    invoices.issue(draft.id, on=at.date(), version=draft.version, by=world.sam, at=at)
    assert "Was due 3 Oct 2026" in words(sam.get("/admin/invoices?tab=overdue"))
