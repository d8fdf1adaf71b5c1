"""Paying in the portal: from the button to the payment page, back, and every way it can end."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from billing import instalments, invoices, payments
from billing.tables import Attempt, Invoice, Payment
from tests.admin.typed import words
from tests.billing import paying
from tests.portal.scenes import charged_back, refunded
from tests.world import AT, TODAY, content

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from werkzeug.test import TestResponse

    from billing.actors import Actor
    from tests.billing.paying import Sandbox
    from tests.web_fixtures import Client, MovedClock
    from tests.world import World

    SignIn = Callable[[Actor], Client]
    Guest = Callable[[Invoice], Client]


def press_pay(browser: Client, invoice: Invoice, *, hx: bool = False, **more: Any) -> TestResponse:
    """Send the pay form as its page made it."""
    form = {"nonce": secrets.token_urlsafe(18), "quoted_total": str(invoice.total_minor)} | more
    return browser.post(f"/invoices/{invoice.number}/pay", data=form, hx=hx)


def form_of(page: str) -> dict[str, str]:
    """The hidden fields of the pay form that a page shows."""
    form = page[page.index('/pay"') :]
    form = form[: form.index("</form>")]
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: value for name, value in fields if name != "csrf_token"}


def balance_of(invoice: Invoice) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def test_the_button_leads_to_the_payment_page(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    invoice = world.issued()
    browser = sign_in_as(world.alice)
    page = browser.get(f"/invoices/{invoice.number}").text
    fields = form_of(page)
    assert fields["quoted_total"] == "116400"
    reply = browser.post(f"/invoices/{invoice.number}/pay", data=fields)
    assert reply.status_code == 303
    assert reply.headers["Location"] == Attempt.get().url
    again = browser.post(f"/invoices/{invoice.number}/pay", data=fields)
    assert again.headers["Location"] == reply.headers["Location"]
    assert sandbox.state()["sessions_created"] == 1


def test_the_part_that_is_due_is_paid_by_itself(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    terms = replace(content(), parts=tuple(instalments.equal_parts(116_400, 3, first_on=TODAY)))
    draft = invoices.draft(world.acme.id, terms, by=world.sam, at=AT)
    invoice = invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
    browser = sign_in_as(world.alice)
    fields = form_of(browser.get(f"/invoices/{invoice.number}").text)
    for part, minor in (("38800", 38_800), ("116400", 116_400)):
        reply = browser.post(f"/invoices/{invoice.number}/pay", data=fields | {"part": part})
        assert reply.status_code == 303
        assert Attempt.get(Attempt.status == "open").minor == minor
    assert browser.post(f"/invoices/{invoice.number}/pay", data=fields | {"part": "116401"}).status_code == 409


def test_htmx_is_sent_there_by_header(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    reply = press_pay(sign_in_as(world.alice), world.issued(), hx=True)
    assert reply.status_code == 200
    assert reply.headers["HX-Redirect"] == Attempt.get().url
    assert "Location" not in reply.headers


def test_the_policy_lets_the_form_lead_to_the_payment_page(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    reply = sign_in_as(world.alice).get(f"/invoices/{world.issued().number}")
    policy = reply.headers["Content-Security-Policy"]
    assert re.search(r"form-action 'self' http://127\.0\.0\.1:\d+", policy)


def test_a_guest_pays_and_sees_only_what_the_link_paid(
    world: World, sandbox: Sandbox, guest_of: Guest, sign_in_as: SignIn
) -> None:
    invoice = world.issued()
    browser = guest_of(invoice)
    reply = press_pay(browser, invoice)
    sandbox.pay(reply.headers["Location"])
    attempt = Attempt.get()
    browser.post(f"/payments/{attempt.id}/check")
    page = browser.get(f"/payments/{attempt.id}").text
    assert "Payment received" in page
    assert "We sent the receipt to the address this invoice was sent to" in page
    assert "alice@acme.example" not in page
    assert balance_of(invoice) == 0
    other = guest_of(world.issued(world.globex))
    assert other.get(f"/payments/{attempt.id}").status_code == 404
    assert sign_in_as(world.gina).get(f"/payments/{attempt.id}").status_code == 404
    assert sign_in_as(world.alice).get(f"/payments/{attempt.id}").status_code == 200


def test_a_guest_of_the_same_invoice_never_sees_a_signed_in_persons_payment(
    world: World, sandbox: Sandbox, guest_of: Guest, sign_in_as: SignIn
) -> None:
    invoice = world.issued()
    press_pay(sign_in_as(world.alice), invoice)
    attempt = Attempt.get()
    browser = guest_of(invoice)
    for path in (f"/payments/{attempt.id}",):
        assert browser.get(path).status_code == 404
    for path in (f"/payments/{attempt.id}/check", f"/payments/{attempt.id}/cancel"):
        assert browser.post(path).status_code == 404
    reply = press_pay(browser, invoice)
    assert reply.status_code == 409
    assert attempt.url is not None
    assert attempt.url not in reply.text


def test_nobody_else_may_look_and_strange_ids_read_the_same(
    world: World, sandbox: Sandbox, sign_in_as: SignIn, client: Client
) -> None:
    press_pay(sign_in_as(world.alice), world.issued())
    attempt = Attempt.get()
    stranger = sign_in_as(world.gina)
    known = stranger.get(f"/payments/{attempt.id}")
    unknown = stranger.get("/payments/PAY-0000-0000-0000")
    assert (known.status_code, unknown.status_code) == (404, 404)
    assert known.text.replace(attempt.id, "") == unknown.text.replace("PAY-0000-0000-0000", "")
    assert client.get(f"/payments/{attempt.id}").status_code == 303


def test_coming_back_shows_a_check_and_get_changes_nothing(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    invoice = world.issued()
    browser = sign_in_as(world.alice)
    back = sandbox.pay(press_pay(browser, invoice).headers["Location"]).headers["Location"]
    path = back.removeprefix("http://localhost:8000")
    page = browser.get(path)
    assert "Checking your payment" in page.text
    assert 'hx-trigger="load, every 3s"' in page.text
    assert "Check now" in page.text
    assert balance_of(invoice) == 116_400
    assert Attempt.get().status == "open"


def test_without_javascript_check_now_settles_while_webhooks_are_silent(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    invoice = world.issued()
    browser = sign_in_as(world.alice)
    sandbox.pay(press_pay(browser, invoice).headers["Location"])
    attempt = Attempt.get()
    reply = browser.post(f"/payments/{attempt.id}/check")
    assert (reply.status_code, reply.headers["Location"]) == (303, f"/payments/{attempt.id}")
    page = browser.get(reply.headers["Location"]).text
    assert "Payment received" in page
    assert "£1,164.00" in page
    assert "Visa ending 4242" in page
    assert attempt.id in page
    assert "hx-trigger" not in page[page.index('id="payment"') :]
    assert balance_of(invoice) == 0


def test_a_waiting_page_hears_nothing_until_there_is_news_and_gives_up_after_two_minutes(
    world: World, sandbox: Sandbox, sign_in_as: SignIn, now: MovedClock
) -> None:
    browser = sign_in_as(world.alice)
    press_pay(browser, world.issued())
    attempt = Attempt.get()
    began = str(int(AT.timestamp()))
    sandbox.control("calls", path="/v1/checkout/sessions", failing=2, failing_status=500)
    now.forward(timedelta(seconds=60))
    quiet = browser.post(f"/payments/{attempt.id}/check", data={"began": began}, hx=True)
    assert (quiet.status_code, quiet.text) == (204, "")
    now.forward(timedelta(seconds=61))
    tired = browser.post(f"/payments/{attempt.id}/check", data={"began": began}, hx=True)
    assert tired.status_code == 200
    assert "You can close this page" in tired.text
    assert "hx-trigger" not in tired.text
    assert "Check now" in tired.text


@pytest.mark.parametrize("began", ["", "soon", "-1", "9999999999", "99999999999999999999", "٣"])
def test_a_made_up_beginning_harms_nobody(world: World, sandbox: Sandbox, sign_in_as: SignIn, began: str) -> None:
    browser = sign_in_as(world.alice)
    press_pay(browser, world.issued())
    reply = browser.post(f"/payments/{Attempt.get().id}/check", data={"began": began}, hx=True)
    assert reply.status_code in {200, 204}


def test_a_waiting_page_is_told_the_news_once(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    browser = sign_in_as(world.alice)
    sandbox.pay(press_pay(browser, world.issued()).headers["Location"])
    attempt = Attempt.get()
    reply = browser.post(f"/payments/{attempt.id}/check", data={"began": str(int(AT.timestamp()))}, hx=True)
    assert reply.status_code == 200
    assert reply.text.lstrip().startswith("<title>Payment received")
    assert "hx-trigger" not in reply.text


def test_an_unpaid_page_offers_to_go_on_to_its_payer_alone(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    press_pay(sign_in_as(world.alice), world.issued())
    attempt = Attempt.get()
    assert attempt.url is not None
    browser = sign_in_as(world.alice)
    browser.post(f"/payments/{attempt.id}/check")
    hers = browser.get(f"/payments/{attempt.id}").text
    assert "Not paid yet" in hers
    assert attempt.url in hers
    his = sign_in_as(world.bob).get(f"/payments/{attempt.id}").text
    assert "Alice Poole began to pay it" in his
    assert attempt.url not in his
    assert "Cancel this payment" not in his


def test_a_declined_card_is_said_so(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    browser = sign_in_as(world.alice)
    sandbox.pay(press_pay(browser, world.issued()).headers["Location"], paying.DECLINED_CARD)
    attempt = Attempt.get()
    browser.post(f"/payments/{attempt.id}/check")
    page = browser.get(f"/payments/{attempt.id}").text
    assert "Your card was declined. You have not been charged." in page
    assert "Continue to payment" in page


def test_a_payer_may_cancel(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    browser = sign_in_as(world.alice)
    press_pay(browser, world.issued())
    attempt = Attempt.get()
    assert sign_in_as(world.bob).post(f"/payments/{attempt.id}/cancel").status_code == 404
    reply = browser.post(f"/payments/{attempt.id}/cancel")
    assert reply.status_code == 303
    page = browser.get(reply.headers["Location"]).text
    assert "Payment cancelled" in page
    assert "You have not been charged." in page
    assert sandbox.objects("checkout.session")[0]["status"] == "expired"


@pytest.mark.parametrize("hx", [False, True])
def test_a_changed_amount_asks_to_check_it(
    world: World,
    sandbox: Sandbox,
    sign_in_as: SignIn,
    hx: bool,  # noqa: FBT001 - the two kinds of request
) -> None:
    invoice = world.issued()
    reply = press_pay(sign_in_as(world.alice), invoice, hx=hx, quoted_total="100000")
    assert reply.status_code == 409
    assert "The balance changed to £1,164.00 while this page was open" in reply.text
    assert form_of(reply.text)["quoted_total"] == "116400"
    assert not Attempt.select().exists()


def test_somebody_else_may_take_over(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    invoice = world.issued()
    press_pay(sign_in_as(world.alice), invoice)
    browser = sign_in_as(world.bob)
    reply = press_pay(browser, invoice)
    assert reply.status_code == 409
    assert "Being paid by card, started 1 second ago by Alice Poole" in reply.text
    fields = form_of(reply.text)
    assert fields["take_over"] == Attempt.get().id
    taken = browser.post(f"/invoices/{invoice.number}/pay", data=fields)
    assert taken.status_code == 303
    assert taken.headers["Location"] == Attempt.get(Attempt.payer == world.bob.key).url
    page = sign_in_as(world.alice).get(f"/payments/{fields['take_over']}").text
    assert "Paid by somebody else" in page


def test_nobody_takes_over_a_strangers_payment(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    theirs, mine = world.issued(world.globex), world.issued()
    press_pay(sign_in_as(world.gina), theirs)
    ginas = Attempt.get()
    reply = press_pay(sign_in_as(world.alice), mine, take_over=ginas.id)
    assert reply.status_code == 404
    assert paying.again(ginas).status == "open"


def test_a_paid_invoice_is_not_paid_again(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    invoice = world.issued()
    browser = sign_in_as(world.alice)
    sandbox.pay(press_pay(browser, invoice).headers["Location"])
    payments.sync(Attempt.get(), at=AT)
    reply = press_pay(browser, invoice)
    assert reply.status_code == 409
    assert Payment.select().count() == 1
    assert Attempt.select().count() == 1


def test_a_lost_answer_says_that_a_second_try_is_safe_and_it_is(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    invoice = world.issued()
    browser = sign_in_as(world.alice)
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500, failing_after=True)
    nonce = secrets.token_urlsafe(18)
    reply = press_pay(browser, invoice, nonce=nonce)
    assert reply.status_code == 503
    assert reply.headers["Retry-After"] == "5"
    assert "We could not confirm this. Try again: you will not be charged twice." in reply.text
    second = press_pay(browser, invoice, nonce=nonce)
    assert second.status_code == 303
    assert sandbox.state()["sessions_created"] == 1


def test_money_that_could_not_be_applied_is_explained(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    invoice = world.issued()
    browser = sign_in_as(world.alice)
    sandbox.pay(press_pay(browser, invoice).headers["Location"])
    attempt = Attempt.get()
    Attempt.update(status="expired").execute()  # as if staff had closed the page a moment too late
    invoices.void(invoice.id, reason="Ordered twice", by=world.sam, at=AT)
    assert attempt.session_id is not None
    payments.sync_session(attempt.session_id, at=AT)
    page = browser.get(f"/payments/{attempt.id}").text
    assert "The invoice was paid or cancelled meanwhile" in page
    assert "£1,164.00 is kept as your credit" in re.sub(r"<[^>]+>", "", page).replace("\n", " ")


@pytest.mark.parametrize(
    ("refunded_minor", "taken_minor", "reversed_at", "told"),
    [
        (30_000, 0, None, "Payment received £1,164.00 from Visa ending 4242. We sent the receipt"),
        (30_000, 0, None, "Not all of it stayed £300.00 of it was sent back to you."),
        (0, 30_000, None, "Not all of it stayed £300.00 of it was taken back by your bank."),
        (116_400, 0, None, "Payment given back £1,164.00 came from Visa ending 4242 and was sent back to you."),
        (16_400, 100_000, None, "Payment taken back by your bank £1,164.00 came from Visa ending 4242, and your bank"),
        (0, 0, AT, "Payment did not go through £1,164.00 came from Visa ending 4242, and did not stay."),
    ],
)
def test_the_page_of_a_payment_says_what_went_back_of_it(
    world: World,
    sandbox: Sandbox,
    sign_in_as: SignIn,
    refunded_minor: int,
    taken_minor: int,
    reversed_at: datetime | None,
    told: str,
) -> None:
    browser = sign_in_as(world.alice)
    sandbox.pay(press_pay(browser, world.issued()).headers["Location"])
    attempt = Attempt.get()
    payments.sync(attempt, at=AT)
    payment = Payment.get()
    if refunded_minor:
        refunded(payment, "succeeded", minor=refunded_minor)
    if taken_minor:
        charged_back(payment, "dp_1", "lost", taken_minor)
    Payment.update(reversed_at=reversed_at).execute()
    assert told in words(browser.get(f"/payments/{attempt.id}"))


@pytest.mark.parametrize(
    "form",
    [
        {"nonce": "short", "quoted_total": "116400"},
        {"nonce": "n" * 80, "quoted_total": "116400"},
        {"nonce": "n" * 20, "quoted_total": "-1"},
        {"nonce": "n" * 20, "quoted_total": "1e9"},
        {"nonce": "n" * 20, "quoted_total": "1164.00"},
        {"nonce": "n" * 20, "quoted_total": "٣"},
        {"nonce": "n" * 20},
        {},
    ],
)
def test_a_form_that_no_page_made_is_refused(
    world: World, sandbox: Sandbox, sign_in_as: SignIn, form: dict[str, str]
) -> None:
    reply = sign_in_as(world.alice).post(f"/invoices/{world.issued().number}/pay", data=form)
    assert reply.status_code == 400
    assert not Attempt.select().exists()


def test_paying_needs_the_forms_token(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    invoice = world.issued()
    browser = sign_in_as(world.alice)
    form = {"nonce": "n" * 20, "quoted_total": "116400"}
    assert browser.post(f"/invoices/{invoice.number}/pay", data=form, csrf=False).status_code == 400
    assert not Attempt.select().exists()


def test_a_strangers_a_missing_and_a_draft_invoice_are_not_found(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    theirs = world.issued(world.globex)
    browser = sign_in_as(world.alice)
    for number in (theirs.number, "INV-2026-9999"):
        reply = browser.post(f"/invoices/{number}/pay", data={"nonce": "n" * 20, "quoted_total": "116400"})
        assert reply.status_code == 404
    assert not Attempt.select().exists()
