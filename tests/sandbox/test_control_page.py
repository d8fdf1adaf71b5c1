"""The control page: every button it shows does what it says, by a plain form, and comes back to the page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.servers_sandbox import AUTHENTICATES, GOOD, Bank

if TYPE_CHECKING:
    from collections.abc import Callable

    import stripe

    from tests.sandbox.conftest import Buyer


class Buttons(HTMLParser):
    """The forms of the page: each button's words with its action and its fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, str, dict[str, str]]] = []
        self.headings: list[str] = []
        self._action = ""
        self._fields: dict[str, str] = {}
        self._words: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._action, self._fields = found["action"], {}
        elif tag == "input":
            self._fields[found["name"]] = found["value"]
        elif tag == "button":
            self._words = []

    def handle_data(self, data: str) -> None:
        if self._words is not None:
            self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._words is not None:
            self.forms.append(("".join(self._words).strip(), self._action, dict(self._fields)))
            self._words = None


@pytest.fixture
def busy(buyer: Buyer, bank: Bank) -> Bank:
    """A bank with something in every table of the page."""
    buyer.charge(buyer.save(GOOD).id)
    buyer.charge(buyer.save(AUTHENTICATES).id, return_url="http://localhost:8000/back")
    buyer.paid(number="", method="us_bank_account")
    settled = buyer.paid(number="", method="us_bank_account")
    bank.control(f"payments/{settled}/settle")
    buyer.api.v1.refunds.create({"payment_intent": settled, "amount": 100})
    for inquiry in (True, False):
        bank.control(f"payments/{buyer.paid()}/dispute", inquiry=inquiry)
    lost = bank.control(f"payments/{buyer.paid()}/dispute")
    bank.control(f"disputes/{lost['id']}/lose")
    return bank


def test_every_button_of_a_full_page_works_without_a_script(busy: Bank) -> None:
    forms = Buttons(busy.get("/_sandbox/").text).forms
    assert {words.partition(" ")[0] for words, _, _ in forms} >= {
        "Settle", "Refuse", "Refund", "Dispute", "Ask", "Send", "Win", "Lose", "Prevent", "Close", "Take", "Appeal",
        "Give", "Fail", "No", "Lost", "Renew", "Pause", "Drop", "Forget",
    }  # fmt: skip
    refused = []
    for words, action, fields in forms:
        answer = busy.submit(action, **fields)
        if answer.status_code != 303:  # an earlier button has decided it: said on the page
            assert "That was refused" in answer.text, (words, action, answer.text)
            refused.append(words.partition(" ")[0])
        else:
            assert answer.headers["Location"] == "/_sandbox/"
    assert set(refused) <= {"Refuse", "Refund", "Dispute", "Ask", "Send", "Lose", "Prevent", "Take", "Fail", "Give"}, (
        refused
    )


def test_two_buttons_never_sound_alike(busy: Bank) -> None:
    forms = Buttons(busy.get("/_sandbox/").text).forms
    names = [words for words, _, _ in forms]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)


@pytest.mark.parametrize(
    ("on", "off", "state"),
    [
        ("Pause", "Resume", ("webhooks", "paused", True)),
        ("Send all at once", "Send one by one", ("webhooks", "at_once", True)),
        ("Send as live events", "Send as test events", ("webhooks", "wrong_mode", True)),
        ("Send before answering", "Send after answering", ("webhooks", "before_response", True)),
        ("Next 3 calls are too many (429)", "No trouble", ("calls", "failing_status", 429)),
        ("One day later", "Real time", ("clock", "offset_seconds", 86_400)),
    ],
)
def test_a_switch_turns_and_its_button_turns_it_back(
    bank: Bank, on: str, off: str, state: tuple[str, str, object]
) -> None:
    section, name, value = state
    for words, expected in ((on, value), (off, None)):
        _, action, fields = next(f for f in Buttons(bank.get("/_sandbox/").text).forms if f[0] == words)
        assert bank.submit(action, **fields).status_code == 303
        found = bank.read("state")[section][name]
        assert found == expected or expected is None
    if name != "failing_status":
        assert not bank.read("state")[section][name]


def test_the_page_tells_how_much_a_bank_holds(busy: Bank) -> None:
    page = busy.get("/_sandbox/").text
    assert "Held by the bank" in page
    assert page.count("$100.00</td><td>needs_response") == 1
    assert page.count("$0.00</td><td>warning_needs_response") == 1


def test_a_setup_session_has_no_amount_on_the_page(
    bank: Bank, buyer: Buyer, new_session: Callable[..., stripe.checkout.Session]
) -> None:
    buyer.save(GOOD)
    new_session()
    page = bank.get("/_sandbox/").text
    assert "a card</td>" in page
    assert "no_payment_required" in page
