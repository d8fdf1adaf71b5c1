"""Payment methods in the portal: saving a card, autopay and its consent, and letting a card go."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import cards
from billing.tables import Attempt, Autopay, AutopayRun, Card, CardSetup, Invoice
from tests.admin.typed import words
from tests.billing import paying
from tests.billing.saved import away, save_card
from tests.portal.scenes import attempted, kept
from tests.servers_sandbox import ASKS_ALWAYS, FAILS_LATER
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from billing.actors import Actor
    from tests.billing.paying import Sandbox
    from tests.web_fixtures import Client, MovedClock
    from tests.world import World

    SignIn = Callable[[Actor], Client]
    Guest = Callable[[Invoice], Client]


def hidden(page: str, name: str) -> str:
    """What a hidden field of a page says."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    assert found, name
    return found.group(1).replace("&#39;", "'").replace("&amp;", "&")


def agree(browser: Client, card: str, **more: str) -> TestResponse:
    """Open the consent page for a card, tick the box and send it."""
    page = browser.get(f"/cards/autopay?card={card}").text
    form = {name: hidden(page, name) for name in ("nonce", "card", "agreed")} | {"agree": "1"} | more
    return browser.post("/cards/autopay", data=form)


def test_nobody_has_saved_a_card_yet(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    page = sign_in_as(world.alice).get("/cards").text
    assert "No cards saved" in page
    assert "Set up autopay" in page


def test_a_card_is_added_on_the_providers_page_and_back(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    browser = sign_in_as(world.alice)
    nonce = hidden(browser.get("/cards").text, "nonce")
    reply = browser.post("/cards/add", data={"nonce": nonce})
    assert reply.status_code == 303
    back = sandbox.pay(reply.headers["Location"]).headers["Location"]
    path = back.removeprefix("http://localhost:8000")
    assert "Checking your card" in browser.get(path).text
    assert cards.for_customer(world.acme.id) == [], "coming back proves nothing"
    checked = browser.post(path.split("?")[0] + "/check", hx=True)
    assert "Card saved" in checked.text
    page = browser.get("/cards").text
    assert "Visa ending 4242" in page
    assert "expires 12/2034" in page
    assert "Added by Alice Poole" in page


def test_htmx_is_sent_to_the_providers_page_by_header(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    reply = sign_in_as(world.alice).post("/cards/add", data={"nonce": secrets.token_urlsafe(18)}, hx=True)
    assert reply.headers["HX-Redirect"] == CardSetup.get().url


def test_a_waiting_page_hears_nothing_until_there_is_news(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    browser = sign_in_as(world.alice)
    wish = cards.start_setup(world.acme.id, nonce="n-1", by=world.alice, at=AT)
    began = {"began": str(int(AT.timestamp())), "returned": "1"}
    assert browser.post(f"/cards/saving/{wish.id}/check", data=began, hx=True).status_code == 204
    assert "Continue to save your card" in browser.get(f"/cards/saving/{wish.id}").text


def test_the_consent_says_card_charges_and_words_and_is_kept(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    card, late = save_card(world, sandbox), world.overdue()
    browser = sign_in_as(world.alice)
    page = browser.get("/cards/autopay").text
    assert "Visa ending 4242, expires 12/2034" in page
    assert f"{late.number}, today" in page
    assert "You can turn this off at any time" in page
    assert agree(browser, str(card.id)).headers["Location"] == "/cards"
    given = Autopay.get()
    assert (given.consented_by, given.consented_at, given.ip) == (world.alice.key, AT, "127.0.0.1")
    assert given.consent_version == cards.CONSENT_VERSION
    assert given.consent.startswith("Alder & Finch Ltd may charge Visa ending 4242, expires 12/2034 for")
    page = browser.get("/cards").text
    assert "pays your invoices on the day they fall due" in page
    assert "Turned on by Alice Poole" in page
    agree(browser, str(card.id))
    assert Autopay.select().count() == 1


def test_nothing_is_agreed_to_without_the_tick(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    card = save_card(world, sandbox)
    reply = agree(sign_in_as(world.alice), str(card.id), agree="")
    assert reply.status_code == 422
    assert reply.text.count("Tick the box to agree") == 2, "in the summary and at the box"
    assert 'aria-describedby="agree-error' in reply.text
    assert Autopay.select().count() == 0


def test_a_card_that_has_expired_is_not_agreed_to(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    card = save_card(world, sandbox)
    Card.update(expires_on=TODAY).execute()
    reply = agree(sign_in_as(world.alice), str(card.id))
    assert reply.status_code == 409
    assert "Visa ending 4242 has expired. Choose another card." in reply.text
    assert "A new card" in reply.text, "it is not proposed again"
    assert Autopay.select().count() == 0


def test_the_consent_says_what_is_charged_today_in_all_and_that_credit_is_left(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    card = save_card(world, sandbox)
    world.overdue()
    world.overdue()
    kept(world.acme, 5_000)
    text = words(sign_in_as(world.alice).get(f"/cards/autopay?card={card.id}"))
    assert "Today in all £2,328.00" in text
    assert "Autopay does not use your credit of £50.00" in text


def test_words_that_changed_meanwhile_are_read_again(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    card = save_card(world, sandbox)
    reply = agree(sign_in_as(world.alice), str(card.id), agreed="You may charge anything.")
    assert reply.status_code == 409
    assert "Read it again" in reply.text
    assert Autopay.select().count() == 0


def test_autopay_by_a_new_card_is_on_once_the_card_is_saved(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    browser = sign_in_as(world.alice)
    reply = agree(browser, "new")
    assert reply.status_code == 303
    assert Autopay.select().count() == 0, "nothing is charged before there is a card"
    back = sandbox.pay(reply.headers["Location"]).headers["Location"].removeprefix("http://localhost:8000")
    assert "Autopay is on" in browser.post(back.split("?")[0] + "/check", hx=True).text
    assert Autopay.get().ip == "127.0.0.1"


def test_anybody_of_the_customer_turns_autopay_off(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    save_card(world, sandbox, autopay_consent="I agree.")
    browser = sign_in_as(world.bob)
    assert browser.post("/cards/autopay/off").headers["Location"] == "/cards"
    assert cards.live(world.acme.id) is None
    assert "turned off by Bob Hale" in browser.get("/cards").text


def test_removing_a_card_says_first_that_autopay_ends(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    card = save_card(world, sandbox, autopay_consent="I agree.")
    browser = sign_in_as(world.alice)
    assert "Autopay is turned off too" in browser.get(f"/cards/{card.id}/remove").text
    browser.post(f"/cards/{card.id}/remove")
    page = browser.get("/cards").text
    assert "Visa ending 4242 is removed." in page
    assert "No cards saved" in page


def test_a_card_that_cannot_be_removed_just_now_stays(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    card = save_card(world, sandbox)
    browser = sign_in_as(world.alice)
    sandbox.control("calls", failing=1)
    browser.post(f"/cards/{card.id}/remove")
    page = browser.get("/cards").text
    assert "We could not remove the card just now" in page
    assert "Visa ending 4242" in page


def test_another_card_is_offered_first(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    save_card(world, sandbox)
    second = save_card(world, sandbox, "5555555555554444")
    sign_in_as(world.alice).post(f"/cards/{second.id}/usual")
    usual = cards.usual(world.acme.id)
    assert usual is not None
    assert usual.words == "Mastercard ending 4444"


@pytest.mark.parametrize("path", ["/cards/{card}/remove", "/cards/{card}/usual"])
def test_the_other_customer_cannot_touch_the_card(
    world: World, sandbox: Sandbox, sign_in_as: SignIn, path: str
) -> None:
    card = save_card(world, sandbox)
    browser = sign_in_as(world.gina)
    assert browser.post(path.format(card=card.id)).status_code == 404
    assert "4242" not in browser.get("/cards").text
    assert len(cards.for_customer(world.acme.id)) == 1


def test_the_invoice_page_says_when_it_is_charged_and_lets_it_be_left_out(
    world: World, sandbox: Sandbox, sign_in_as: SignIn, guest_of: Guest
) -> None:
    save_card(world, sandbox, autopay_consent="I agree.")
    invoice = world.issued()
    browser = sign_in_as(world.alice)
    address = f"/invoices/{invoice.number}"
    assert "will be charged to Visa ending 4242 on" in browser.get(address).text
    assert "22 December 2026" in browser.get(address).text
    assert "4242" not in guest_of(invoice).get(address).text
    browser.post(f"{address}/autopay", data={"skips": "1"})
    assert "Autopay leaves this invoice out" in browser.get(address).text
    browser.post(f"{address}/autopay", data={"skips": "0"})
    assert not Invoice.get_by_id(invoice.id).skips_autopay


def test_the_invoice_page_says_nothing_of_autopay_where_nobody_agreed(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    save_card(world, sandbox)
    invoice = world.issued()
    assert "Autopay" not in sign_in_as(world.alice).get(f"/invoices/{invoice.number}").text
    assert paying.begin(invoice, world.alice).url


def pay_with(browser: Client, invoice: Invoice, card: str, *, hx: bool = False) -> TestResponse:
    """Open the pay page of an invoice and press its button with this card chosen."""
    address = f"/invoices/{invoice.number}/pay"
    page = browser.get(address).text
    form = {name: hidden(page, name) for name in ("nonce", "seal")}
    return browser.post(address, data=form | {"card": card, f"amount-{invoice.number}": "1164.00"}, hx=hx)


def test_a_saved_card_pays_in_one_step(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    card, invoice = save_card(world, sandbox), world.issued()
    browser = sign_in_as(world.alice)
    assert "Visa ending 4242" in browser.get(f"/invoices/{invoice.number}/pay").text
    reply = pay_with(browser, invoice, str(card.id))
    assert reply.headers["Location"].startswith("/payments/PAY-")
    assert "Payment received" in browser.get(reply.headers["Location"]).text
    assert Invoice.get_by_id(invoice.id).balance_minor == 0


def test_a_declined_saved_card_says_so_on_the_page(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    card, invoice = save_card(world, sandbox, FAILS_LATER), world.issued()
    reply = pay_with(sign_in_as(world.alice), invoice, str(card.id))
    assert reply.status_code == 422
    assert "Visa ending 0341 was declined. You have not been charged." in reply.text
    assert "Pay £1,164.00" in reply.text, "the page stays"


def test_a_saved_card_pays_from_the_invoice_itself(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    card, invoice = save_card(world, sandbox), world.issued()
    browser = sign_in_as(world.alice)
    page = browser.get(f"/invoices/{invoice.number}").text
    assert re.search(rf'name="card" value="{card.id}" checked', page)
    form = {name: hidden(page, name) for name in ("nonce", "quoted_total")}
    reply = browser.post(f"/invoices/{invoice.number}/pay", data=form | {"card": str(card.id), "part": "116400"})
    assert "Payment received" in browser.get(reply.headers["Location"]).text
    assert Invoice.get_by_id(invoice.id).balance_minor == 0


@pytest.mark.parametrize(("outcome", "proposed"), [("declined", False), ("needs_person", True)])
def test_a_card_that_declined_autopay_is_not_proposed(
    world: World, sandbox: Sandbox, sign_in_as: SignIn, outcome: str, *, proposed: bool
) -> None:
    card, invoice = save_card(world, sandbox), world.issued()
    browser = sign_in_as(world.alice)
    agree(browser, str(card.id))
    attempt = attempted(invoice, by=world.alice, status="failed", failure="insufficient_funds")
    Attempt.update(kind="autopay", card=card.id).where(Attempt.id == attempt.id).execute()
    told = {"run_key": "1", "try_number": 1, "outcome": outcome, "next_on": TODAY, "at": AT}
    AutopayRun.create(invoice=invoice.id, attempt=attempt.id, **told)
    page = browser.get(f"/invoices/{invoice.number}").text
    assert (f'name="card" value="{card.id}" checked' in page) is proposed
    assert ('name="card" value="" checked' in page) is not proposed


@pytest.mark.parametrize("path", ["", "/pay"])
def test_after_a_decline_another_way_is_chosen(world: World, sandbox: Sandbox, sign_in_as: SignIn, path: str) -> None:
    card, invoice = save_card(world, sandbox, FAILS_LATER), world.issued()
    browser = sign_in_as(world.alice)
    page = browser.get(f"/invoices/{invoice.number}{path}").text
    form = {name: hidden(page, name) for name in ("nonce", "seal" if path else "quoted_total")}
    reply = browser.post(f"/invoices/{invoice.number}/pay", data=form | {"card": str(card.id)})
    assert "was declined. You have not been charged." in reply.text
    assert re.search(r'name="card" value="" checked', reply.text)
    assert Invoice.get_by_id(invoice.id).balance_minor == invoice.balance_minor


@pytest.mark.parametrize("hx", [True, False])
def test_the_bank_is_met_by_header_or_by_link_and_never_by_a_form(
    world: World, sandbox: Sandbox, sign_in_as: SignIn, now: MovedClock, *, hx: bool
) -> None:
    card, invoice = save_card(world, sandbox, ASKS_ALWAYS), world.issued()
    browser = sign_in_as(world.alice)
    reply = pay_with(browser, invoice, str(card.id), hx=hx)
    attempt = Attempt.get()
    if hx:
        assert reply.headers["HX-Redirect"] == attempt.url
    else:
        assert reply.headers["Location"] == f"/payments/{attempt.id}"
        assert f'href="{attempt.url}"' in browser.get(reply.headers["Location"]).text
    back = away(str(attempt.url), "complete").removeprefix("http://localhost:8000")
    assert "Checking your payment" in browser.get(back).text
    now.forward(timedelta(seconds=3))
    browser.post(f"/payments/{attempt.id}/check")
    assert Invoice.get_by_id(invoice.id).balance_minor == 0


def test_a_guest_can_name_no_card(world: World, sandbox: Sandbox, guest_of: Guest) -> None:
    card, invoice = save_card(world, sandbox), world.issued()
    browser = guest_of(invoice)
    assert "4242" not in browser.get(f"/invoices/{invoice.number}/pay").text
    assert pay_with(browser, invoice, str(card.id)).status_code == 404
    assert sandbox.objects("payment_intent") == []
