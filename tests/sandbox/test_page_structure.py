"""What every page of the sandbox owes to those who do not see it or use no mouse."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.conftest import setup_terms
from tests.servers_sandbox import AUTHENTICATES, DECLINED, Bank

if TYPE_CHECKING:
    from collections.abc import Callable

    import stripe

    from tests.sandbox.conftest import Buyer

VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})
NAMES = ("aria-labelledby", "aria-describedby", "for")


class Structure(HTMLParser):
    """Ids, references to them, headings, and whether the elements nest as they should."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.referred: set[str] = set()
        self.headings: list[int] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.misnested: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.seen.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.referred |= {each for name in NAMES for each in found.get(name, "").split()}
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.misnested.append(tag)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.seen if name == tag]


@pytest.fixture
def pages(bank: Bank, buyer: Buyer, new_session: Callable[..., stripe.checkout.Session]) -> dict[str, str]:
    """The text of every page there is, in every state it can have."""
    terms: Any = setup_terms(customer=buyer.customer)
    setup, over = (buyer.api.v1.checkout.sessions.create(terms) for _ in range(2))
    paying, asked = new_session(), new_session()
    bank.control(f"payments/{buyer.paid()}/dispute")
    buyer.charge(buyer.save("4242424242424242").id)
    buyer.api.v1.checkout.sessions.expire(over.id)
    receipt = next(each["id"] for each in bank.objects("payment_intent") if each["status"] == "succeeded")
    return {
        "control": bank.get("/_sandbox/").text,
        "refused": bank.submit("/_sandbox/payments/pi_none/settle", from_page="1").text,
        "pay": bank.get(paying.url or "").text,
        "mistakes": bank.pay(paying.url or "", "", email="").text,
        "declined": bank.pay(paying.url or "", DECLINED).text,
        "setup": bank.get(setup.url or "").text,
        "question": bank.get(bank.pay(asked.url or "", AUTHENTICATES).headers["Location"]).text,
        "over": bank.get(f"/c/pay/{over.id}").text,
        "receipt": bank.get(f"/receipts/{receipt}").text,
        "missing": bank.get("/nowhere").text,
    }


def test_every_page_is_well_built(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        page = Structure(text)
        assert (page.misnested, page.open) == ([], []), name
        assert page.all("html") == [{"lang": "en"}], name
        assert len(page.all("main")) == 1, name
        assert page.headings[0] == 1, name
        assert page.headings.count(1) == 1, name
        assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False)), name
        assert len(set(page.ids)) == len(page.ids), name
        assert page.referred <= set(page.ids), name


def test_every_field_has_its_label_and_every_column_its_head(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        page = Structure(text)
        labelled = {each["for"] for each in page.all("label")}
        fields = [each for each in page.all("input") if each.get("type") != "hidden"]
        assert {each["id"] for each in fields} <= labelled, name
        assert all(each.get("scope") == "col" for each in page.all("th")), name
        scrolled = [each for each in page.all("div") if each.get("class") == "scroll"]
        assert all({"tabindex", "role", "aria-label"} <= each.keys() for each in scrolled), name


def test_a_refusal_and_a_mistake_are_announced(pages: dict[str, str]) -> None:
    for name in ("refused", "mistakes", "declined"):
        alerts = [each for _, each in Structure(pages[name]).seen if each.get("role") == "alert"]
        assert len(alerts) == 1, name
        assert "autofocus" in alerts[0], name
    assert "<title>Refused: " in pages["refused"]
