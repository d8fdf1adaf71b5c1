"""Refunds, chargebacks and the comparison as the billing team meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import payments
from billing.tables import GatewayDifference, Invoice, Refund, Seller
from tests.admin.typed import value_of, words
from tests.billing.money_back import by_hand, paid, things
from tests.web_fixtures import fresh_form_id
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from billing.actors import Actor
    from tests.billing import paying
    from tests.web_fixtures import Client
    from tests.world import World


def form(**typed: str) -> dict[str, str]:
    usual = {"place": "", "amount": "50.00", "way": "bank", "sent_on": "2026-11-22", "reason": "Paid twice"}
    return usual | typed | {"form_id": fresh_form_id()}


def test_money_goes_back_to_the_card_once_the_refund_stands_in_the_books(
    world: World, sandbox: paying.Sandbox, sign_in_as: Callable[[Actor], Client]
) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    sam, path = sign_in_as(world.sam), f"/admin/payments/{payment.id}/refund"
    page = words(sam.get(path))
    assert "Back to Visa ending 4242" in page
    assert f"Invoice {invoice.number}" in page
    sent = form(place=str(invoice.id), way=f"original-{payment.id}")
    reply = sam.post(path, data=sent)
    refund = Refund.get()
    assert reply.headers["Location"] == f"/admin/refunds/{refund.id}"
    assert (refund.status, refund.minor) == ("succeeded", 5_000)
    assert Invoice.get_by_id(invoice.id).balance_minor == 5_000
    assert sam.post(path, data=sent).headers["Location"] == f"/admin/refunds/{refund.id}"
    assert Refund.select().count() == 1, "the same form acts once"
    shown = words(sam.get(f"/admin/refunds/{refund.id}"))
    assert "Sent" in shown
    assert "Paid twice" in shown
    assert refund.reference in words(sam.get("/admin/refunds"))


def test_a_refund_without_an_answer_says_so_and_is_asked_about_again(
    world: World, sandbox: paying.Sandbox, sign_in_as: Callable[[Actor], Client]
) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    sam = sign_in_as(world.sam)
    sandbox.control("calls", path="/v1/refunds", failing=1, failing_status=500, failing_after=True)
    typed = form(place=str(invoice.id), way=f"original-{payment.id}")
    page = sam.post(f"/admin/payments/{payment.id}/refund", data=typed, follow_redirects=True)
    assert "Stripe has not confirmed it yet" in words(page)
    refund = Refund.get()
    assert "Ask Stripe now" in page.text
    sam.post(f"/admin/refunds/{refund.id}/send")
    assert Refund.get().status == "succeeded"
    assert len(sandbox.objects("refund")) == 1
    assert sam.post("/admin/refunds/999999/send").status_code == 404


def test_what_is_mistyped_comes_back_with_words(
    world: World, app: Flask, sign_in_as: Callable[[Actor], Client]
) -> None:
    payment, sam = by_hand(world, 10_000), sign_in_as(world.sam)
    path = f"/admin/payments/{payment.id}/refund"
    for typed, expected in (
        (form(amount="lots"), "Enter"),
        (form(amount="500.00"), "Only £100.00 can be given back here"),
        (form(reason=" "), "Say why"),
        (form(sent_on="2026-12-24"), "today or before"),
        (form(sent_on="soon"), "Enter a date"),
        (form(way=f"original-{payment.id}"), "cannot go back the way it came"),
        (form(place="999999"), "can be given back here"),
    ):
        reply = sam.post(path, data=typed)
        assert reply.status_code in {409, 422}, typed
        assert expected in words(reply), typed
    told = words(sam.post(path, data=form(amount="500.00", reason="", sent_on="soon")))
    for expected in ("Only £100.00 can be given back here", "Say why", "Enter a date"):
        assert expected in told, "everything that is wrong is told at once"
    assert not Refund.select().exists()


def test_a_second_person_approves_or_declines(world: World, app: Flask, sign_in_as: Callable[[Actor], Client]) -> None:
    Seller.update(approval_over_minor=0).execute()
    payment = by_hand(world, 10_000)
    sam, ada = sign_in_as(world.sam), sign_in_as(world.ada)
    sam.post(f"/admin/payments/{payment.id}/refund", data=form())
    refund = Refund.get()
    assert refund.status == "awaiting"
    path = f"/admin/refunds/{refund.id}"
    assert "Approve" not in words(sam.get(path))
    assert "Approve £50.00" in words(ada.get(path))
    for sent in ({}, {"decision": "decide"}):
        assert ada.post(f"{path}/decide", data={"note": "Fine", "form_id": fresh_form_id()} | sent).status_code == 400
    assert Refund.get().status == "awaiting"
    own = sam.post(f"{path}/decide", data={"decision": "approve", "form_id": fresh_form_id()})
    assert own.status_code == 409
    ada.post(f"{path}/decide", data={"decision": "approve", "note": "Fine", "form_id": fresh_form_id()})
    assert Refund.get().status == "succeeded"
    assert "approved it: Fine" in words(sam.get(path))


def test_the_lists_say_what_must_be_done(world: World, app: Flask, sign_in_as: Callable[[Actor], Client]) -> None:
    made, sam = things(world), sign_in_as(world.sam)
    Refund.update(needs_review=True).execute()
    assert "Made in Stripe’s dashboard" in words(sam.get("/admin/refunds"))
    sam.post(f"/admin/refunds/{made['refund']['refund_id']}/reviewed")
    assert not Refund.get().needs_review
    assert "Answer it" in words(sam.get("/admin/chargebacks"))
    page = sam.get("/admin/chargebacks/dp_1")
    assert "The bank took the payment back" in words(page)
    assert 'href="https://dashboard.stripe.com/test/disputes/dp_1"' in page.text
    assert "Reserve" in words(sam.get("/admin/comparison"))
    path = "/admin/comparison/txn_1"
    assert sam.post(path, data={"note": "", "form_id": fresh_form_id()}).status_code == 422
    sam.post(path, data={"note": "Stripe keeps a reserve", "form_id": fresh_form_id()})
    assert GatewayDifference.get().resolved_by == "Sam Reyes"
    assert "Stripe keeps a reserve" in words(sam.get("/admin/comparison"))


def test_comparing_is_not_said_before_it_was_done(
    world: World, sandbox: paying.Sandbox, sign_in_as: Callable[[Actor], Client]
) -> None:
    assert sandbox, "the provider that is asked"
    sam = sign_in_as(world.sam)
    page = words(sam.get("/admin/comparison"))
    assert "Not compared yet" in page
    assert "Nothing is unexplained" not in page
    assert sam.post("/admin/comparison/now").location == "/admin/comparison"
    assert "Compared. Stripe lists 0 movements" in words(sam.get("/admin/comparison"))
    page = words(sam.get("/admin/comparison"))
    assert "Last compared Today, 10:00" in page
    assert "Nothing is unexplained" in page


def test_a_refund_says_what_it_does_before_it_is_asked_for(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    invoice = world.issued()
    received = payments.Received(
        customer_id=world.acme.id, minor=20_000, currency="GBP", method="Cheque", received_on=TODAY,
        parts=(payments.Planned(invoice.id, 15_000),), rest_is_credit=True,
    )  # fmt: skip
    payment = payments.record(received, by=world.sam, at=AT)
    sam, path = sign_in_as(world.sam), f"/admin/payments/{payment.id}/refund"
    first = sam.get(path)
    assert (value_of(first, "amount"), "Record £50.00 as given back" in words(first)) == ("50.00", True)
    assert "No invoice changes." in words(first)
    sent = {
        "preview": "1",
        "place": str(invoice.id),
        "shown": "",
        "amount": "50.00",
        "way": "bank",
        "reason": "Asked for",
    }
    chosen = sam.post(path, data=sent | {"form_id": fresh_form_id()})
    assert value_of(chosen, "amount") == "150.00"
    assert f"{invoice.number} owes £150.00 again." in words(chosen)
    assert "Asked for" in words(chosen)
    typed = sent | {"shown": str(invoice.id), "amount": "150.01"}
    more = sam.post(path, data=typed | {"form_id": fresh_form_id()})
    assert "That is more than the £150.00 there is." in words(more)
    unseen = {name: text for name, text in typed.items() if name != "preview"}
    again = sam.post(
        path, data=unseen | {"amount": "30", "seen": f"{invoice.id} 150.00 bank", "form_id": fresh_form_id()}
    )
    assert (again.status_code, "Nothing was given back yet" in words(again)) == (200, True)
    assert "Record £30.00 as given back" in words(again)
    Seller.update(approval_over_minor=10_000).execute()
    asked = sam.post(path, data=typed | {"amount": "150", "form_id": fresh_form_id()})
    assert "Ask to give back £150.00" in words(asked)
    assert not Refund.select().exists()
