"""Choosing what to pay: several invoices, parts and credit, exactly as shown, with and without scripts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from billing import check, payments
from billing.tables import Attempt, Invoice, Payment
from tests.portal.scenes import attempted, kept, paid, statements
from tests.world import AT, line

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from billing.actors import Actor
    from tests.billing.paying import Sandbox
    from tests.web_fixtures import Client
    from tests.world import World

    SignIn = Callable[[Actor], Client]
    Guest = Callable[[Invoice], Client]


def fields_of(page: str) -> dict[str, list[str]]:
    """What a browser would send of the pay form, as it is shown."""
    form = page[page.index('id="pay-form"') :]
    form = form[: form.index("</form>")]
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") == "checkbox" and " checked" not in tag:
            continue
        if attributes.get("name", "csrf_token") != "csrf_token":
            found.setdefault(attributes["name"], []).append(attributes["value"])
    return found


def send(
    browser: Client, path: str, fields: dict[str, list[str]], *, hx: bool = False, changed: dict[str, str] | None = None
) -> TestResponse:
    return browser.post(path, data=fields | (changed or {}), hx=hx)


def chosen(*invoices: Invoice) -> str:
    return "/pay?" + "&".join(f"invoice={invoice.number}" for invoice in invoices)


def balance_of(invoice: Invoice) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def settle(sandbox: Sandbox, reply: TestResponse) -> None:
    sandbox.pay(reply.headers["Location"])
    payments.settle(sandbox.objects("payment_intent")[0]["id"], at=AT)
    assert check.broken() == []


def test_three_ticked_invoices_and_a_credit_are_paid_at_once(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    three = [world.issued() for _ in range(3)]
    kept(world.acme, 20_000)
    browser = sign_in_as(world.alice)
    page = browser.get(chosen(*three)).text
    assert "Pay £3,292.00" in page
    assert "From your credit" in page
    reply = send(browser, "/pay", fields_of(page))
    assert reply.status_code == 303
    settle(sandbox, reply)
    assert [balance_of(invoice) for invoice in three] == [0, 0, 0]
    assert payments.credit_in(world.acme.id, "GBP") == 0
    told = re.sub(r"<[^>]+>|\s+", " ", browser.get(f"/payments/{Attempt.get().id}").text)
    assert f"From your credit, on {three[0].number} £200.00" in " ".join(told.split())


def test_a_list_lets_two_be_ticked_but_one_is_paid_by_itself(world: World, sign_in_as: SignIn) -> None:
    first = world.issued()
    browser = sign_in_as(world.alice)
    assert 'action="/pay"' not in browser.get("/invoices").text
    second = world.issued()
    text = browser.get("/invoices").text
    assert all(f'name="invoice" value="{invoice.number}"' in text for invoice in (first, second))
    assert 'hx-get="/pay/selection"' in text


def test_the_selection_is_added_up_by_us(world: World, sign_in_as: SignIn) -> None:
    first, second = world.issued(), world.issued()
    browser = sign_in_as(world.alice)
    text = browser.get(chosen(first, second).replace("/pay", "/pay/selection"), hx=True).text
    assert "£2,328.00" in text
    assert "Pay 2 invoices" in text
    assert "Pay chosen" in browser.get("/pay/selection", hx=True).text


def test_without_scripts_a_typed_part_is_shown_before_it_is_paid(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    invoice = world.issued()
    browser, path = sign_in_as(world.alice), f"/invoices/{invoice.number}/pay"
    typed = {f"amount-{invoice.number}": ["400"]}
    asked = send(browser, path, fields_of(browser.get(path).text) | typed)
    assert asked.status_code == 409
    assert "These amounts are new. Check them, then pay." in asked.text
    assert "Pay £400.00" in asked.text
    assert Attempt.select().count() == 0
    reply = send(browser, path, fields_of(asked.text))
    settle(sandbox, reply)
    assert balance_of(invoice) == 76_400


def test_the_quote_follows_what_is_typed_and_what_is_switched(world: World, sign_in_as: SignIn) -> None:
    invoice, credit = world.issued(), kept(world.acme, 10_000)
    browser, path = sign_in_as(world.alice), f"/invoices/{invoice.number}/pay"
    fields = fields_of(browser.get(path).text)
    assert fields["credit"] == [f"payment-{credit.id}"]
    fragment = send(browser, f"{path}/quote", fields, hx=True, changed={f"amount-{invoice.number}": "500,00"})
    assert fragment.status_code == 422
    text = send(browser, f"{path}/quote", fields, hx=True, changed={f"amount-{invoice.number}": "500.00"}).text
    assert "Pay £400.00" in text
    assert 'value="500.00"' in text
    assert "<html" not in text
    off = {name: value for name, value in fields.items() if name != "credit"}
    assert "Pay £1,164.00" in send(browser, f"{path}/quote", off, hx=True).text


def test_an_impossible_amount_comes_back_with_words_at_its_field(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    invoice = world.issued()
    browser, path = sign_in_as(world.alice), f"/invoices/{invoice.number}/pay"
    fields = fields_of(browser.get(path).text)
    for typed, words in (
        ("1,164.01", f"Enter £1,164.00 or less. That is all you owe on {invoice.number}"),
        ("0.99", f"Enter £1.00 or more for {invoice.number}"),
        ("a lot", ""),
    ):
        reply = send(browser, path, fields, changed={f"amount-{invoice.number}": typed})
        assert reply.status_code == 422
        assert words in reply.text
        assert f'value="{typed}"' in reply.text
        assert f'id="amount-{invoice.number}-error"' in reply.text
    assert Attempt.select().count() == 0


def test_every_bad_amount_is_named_and_the_credit_stays(world: World, sandbox: Sandbox, sign_in_as: SignIn) -> None:
    first, second, third = (world.issued() for _ in range(3))
    kept(world.acme, 5_000)
    browser = sign_in_as(world.alice)
    fields = fields_of(browser.get(chosen(first, second, third)).text)
    bad = {f"amount-{first.number}": "9999", f"amount-{second.number}": "abc"}
    for path in ("/pay", "/pay/quote"):
        page = send(browser, path, fields, changed=bad).text
        assert [f'id="amount-{invoice.number}-error"' in page for invoice in (first, second, third)] == [
            True,
            True,
            False,
        ]
        assert f"Enter an amount, like 250 or 250.00, for {second.number}" in page
        assert "Use your credit first" in page
        assert re.search(r'name="credit" value="payment-\d+" checked', page)
    assert Attempt.select().count() == 0


def test_credit_that_covers_it_needs_no_card(world: World, sign_in_as: SignIn) -> None:
    invoice = world.issued(world.acme, line(quantity="1", unit_price="100.00"))
    kept(world.acme, 50_000)
    browser, path = sign_in_as(world.alice), f"/invoices/{invoice.number}/pay"
    page = browser.get(path).text
    assert "Use £120.00 credit" in page
    fields = fields_of(page)
    for _ in range(2):
        reply = send(browser, path, fields)
        assert reply.status_code in {303, 409}
    assert balance_of(invoice) == 0
    assert payments.credit_in(world.acme.id, "GBP") == 38_000
    assert Payment.select().count() == 1


def test_a_balance_that_moved_is_shown_anew_before_anything_is_paid(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    invoice = world.issued()
    browser, path = sign_in_as(world.alice), f"/invoices/{invoice.number}/pay"
    fields = fields_of(browser.get(path).text)
    paid(invoice, 16_400, by=world.bob)
    reply = send(browser, path, fields)
    assert reply.status_code == 422  # what was typed is more than is owed by now
    assert Attempt.select().count() == 0
    fields[f"amount-{invoice.number}"] = [""]
    again = send(browser, path, fields)
    assert again.status_code == 409
    assert "Pay £1,000.00" in again.text


def test_who_pays_already_is_named_on_every_page_and_may_be_replaced(
    world: World, sandbox: Sandbox, sign_in_as: SignIn
) -> None:
    invoice, other = world.issued(), world.issued()
    alice, bob = sign_in_as(world.alice), sign_in_as(world.bob)
    path = f"/invoices/{invoice.number}/pay"
    send(alice, path, fields_of(alice.get(path).text))
    words = "Being paid by card, started 1 second ago by Alice Poole"
    for address in ("/invoices", f"/invoices/{invoice.number}", path, chosen(invoice, other)):
        assert words in bob.get(address).text, address
    assert "Cancel that payment" in alice.get(path).text
    assert "Cancel that payment" not in bob.get(path).text
    fields = fields_of(bob.get(path).text)
    refused = send(bob, path, {name: value for name, value in fields.items() if name != "take_over"})
    assert refused.status_code == 409
    reply = send(bob, path, fields)
    assert reply.status_code == 303
    assert [attempt.status for attempt in Attempt.select().order_by(Attempt.created_at, Attempt.nonce)].count(
        "open"
    ) == 1
    settle(sandbox, reply)
    assert balance_of(invoice) == 0


def test_a_guest_may_pay_a_part_and_sees_no_credit(world: World, sandbox: Sandbox, guest_of: Guest) -> None:
    invoice = world.issued()
    kept(world.acme, 10_000)
    browser, path = guest_of(invoice), f"/invoices/{invoice.number}/pay"
    page = browser.get(path).text
    assert "credit" not in page.lower().replace("credit-card", "")
    shown = send(browser, path, fields_of(page), changed={f"amount-{invoice.number}": "164"})
    settle(sandbox, send(browser, path, fields_of(shown.text)))
    assert balance_of(invoice) == 100_000
    assert browser.get(chosen(invoice)).status_code == 303
    assert browser.get("/credits").status_code == 303


def test_what_cannot_be_paid_together_is_refused(world: World, sign_in_as: SignIn) -> None:
    mine, theirs, settled = world.issued(), world.issued(world.globex), world.issued()
    paid(settled, by=world.alice)
    browser = sign_in_as(world.alice)
    assert browser.get(chosen(mine, theirs)).status_code == 404
    assert browser.get(chosen(mine, settled)).status_code == 409
    assert browser.get("/pay").headers["Location"].endswith("/invoices")


def test_money_on_its_way_asks_for_no_second_payment(world: World, sign_in_as: SignIn) -> None:
    invoice = world.issued()
    attempted(invoice, by=world.bob, status="processing")
    page = sign_in_as(world.alice).get(f"/invoices/{invoice.number}/pay").text
    assert "£1,164.00 is on its way" in page
    assert 'class="paybar"' not in page


def test_the_page_costs_the_same_however_many_are_chosen(world: World, sign_in_as: SignIn) -> None:
    many = [world.issued() for _ in range(8)]
    kept(world.acme, 10_000)
    browser = sign_in_as(world.alice)
    browser.get(chosen(*many))

    def cost(*invoices: Invoice) -> int:
        with statements() as ran:
            assert browser.get(chosen(*invoices)).status_code == 200
        return len(ran)

    assert cost(*many) == cost(*many[:2]) <= 16
