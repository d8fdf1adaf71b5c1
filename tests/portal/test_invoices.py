"""The customer's list and the page of one invoice: what they show, to whom, and what they cost."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from billing import customers, invoices, seller
from billing.actors import SYSTEM
from billing.db import database, is_sqlite, transaction
from billing.tables import Customer, CustomerBalance, Invoice
from tests.portal.scenes import attempted, paid, statements
from tests.world import AT, SELLER, TODAY, content, line

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.actors import Actor
    from tests.web_fixtures import Client
    from tests.world import World

LIST_STATEMENTS = 5  # one of them asks who is paying now
PAGE_STATEMENTS = 8  # one asks what credit there is, one whether autopay will pay it
MOST_WEIGHT = 45 * 1024


@pytest.fixture
def alice(sign_in_as: Callable[[Actor], Client], world: World) -> Client:
    """A person of Acme, signed in."""
    return sign_in_as(world.alice)


def issued_many(world: World, count: int) -> None:
    with transaction():
        for _ in range(count):
            world.issued()


def numbers(text: str) -> list[str]:
    """The invoices of a list, in their order."""
    return re.findall(r'class="rowlink" href="/invoices/([^"#]+)"', text)


def cost(client: Client, address: str, **kwargs: Any) -> list[str]:
    with statements() as ran:
        reply = client.get(address, **kwargs)
    assert reply.status_code == 200
    return ran


class TestList:
    def test_each_tab_holds_its_own(self, alice: Client, world: World) -> None:
        late, due, done, gone = world.overdue(), world.issued(), world.issued(), world.issued()
        paid(done, by=world.alice)
        invoices.void(gone.id, reason="Ordered twice.", by=world.sam, at=AT)
        world.draft()
        world.issued(world.globex)
        assert numbers(alice.get("/invoices").text) == [late.number, due.number]
        assert numbers(alice.get("/invoices?tab=overdue").text) == [late.number]
        assert numbers(alice.get("/invoices?tab=paid").text) == [done.number]
        assert numbers(alice.get("/invoices?tab=all").text) == [found.number for found in (gone, done, due, late)]
        assert numbers(alice.get("/invoices?tab=nonsense").text) == [late.number, due.number]

    def test_rows_say_what_is_true_of_each(self, alice: Client, world: World) -> None:
        partly, done, gone = world.overdue(), world.issued(), world.issued()
        paid(partly, 16_400, by=world.alice)
        paid(done, by=world.alice)
        invoices.void(gone.id, reason="Ordered twice.", by=world.sam, at=AT)
        attempted(world.issued(), by=world.bob, status="processing")
        text = alice.get("/invoices?tab=all").text
        for words in ("20 days overdue", "£1,000.00", "left of £1,164.00", "Paid <time", "Cancelled", "on its way"):
            assert words in text, words
        assert text.count('aria-label="Pay INV-') == 1, "what is paid, cancelled or on its way has no Pay button"

    def test_the_strip_sums_what_is_owed(self, alice: Client, world: World) -> None:
        world.overdue()
        world.issued(on=TODAY - timedelta(days=25), at=AT - timedelta(days=25))
        text = alice.get("/invoices").text
        assert '£2,328<span class="minor">.00</span>' in text
        assert "2 open invoices" in text
        assert text.count('<span class="money">£1,164.00</span>') == 2
        assert "Your credit" not in text

    def test_sums_of_two_currencies_stand_apart_with_their_codes(self, alice: Client, world: World) -> None:
        world.issued()
        Customer.update(currency="EUR").where(Customer.id == world.acme.id).execute()
        world.issued()
        text = alice.get("/invoices").text
        euros, pounds = text.index("You owe in EUR"), text.index("You owe in GBP")
        assert euros < pounds, "the customer's own currency comes first"
        assert "€1,164.00\u00a0EUR" in text or "€1,164.00 EUR" in text
        assert "2,328" not in text

    def test_credit_is_shown_where_there_is_some(self, alice: Client, world: World) -> None:
        world.issued()
        CustomerBalance.update(credit_minor=12_000).where(CustomerBalance.customer == world.acme.id).execute()
        assert "£120.00" in alice.get("/invoices").text

    def test_search_finds_by_number_and_by_description(self, alice: Client, world: World) -> None:
        first, second = world.issued(), world.issued()
        assert second.number is not None
        assert numbers(alice.get(f"/invoices?q={second.number[-4:]}").text) == [second.number]
        assert numbers(alice.get("/invoices?q=OCTOBER").text) == [first.number, second.number]
        nothing = alice.get("/invoices?q=%3Cb%3Ekettle")
        assert "No invoices match “&lt;b&gt;kettle”" in nothing.text
        assert "We searched your open invoices only." in nothing.text
        assert "/invoices?tab=all&amp;q=%3Cb%3Ekettle" in nothing.text

    def test_searching_while_typing_swaps_the_rows_alone(self, alice: Client, world: World) -> None:
        world.issued()
        reply = alice.get("/invoices?q=october", hx=True)
        assert reply.text.lstrip().startswith('<div id="results">')
        assert "1 invoice matches “october”" in reply.text
        assert "<h1>" not in reply.text
        assert "HX-Request" in reply.headers["Vary"]

    def test_pages_follow_each_other_without_gap_or_repeat(self, alice: Client, world: World) -> None:
        issued_many(world, 51)
        seen: list[str] = []
        address = "/invoices?tab=all"
        for _ in range(3):
            text = alice.get(address).text
            seen += numbers(text)
            found = re.search(r'rel="next" href="([^"]+)"', text)
            address = found.group(1).replace("&amp;", "&") if found else ""
        assert address == ""
        assert len(seen) == len(set(seen)) == 51
        assert "First page" in text

    def test_a_new_customer_reads_what_will_be_here(self, alice: Client) -> None:
        text = alice.get("/invoices").text
        assert "No invoices yet" in text
        assert 'role="search"' not in text

    def test_who_owes_nothing_is_told_so(self, alice: Client, world: World) -> None:
        paid(world.issued(), by=world.alice, at=AT)
        text = alice.get("/invoices").text
        assert "You’re all paid up" in text
        assert 'Your last payment was £1,164.00 on <time datetime="2026-11-22">22 Nov 2026</time>' in text
        assert "No invoices match" in alice.get("/invoices?q=kettle").text

    def test_what_is_not_due_is_not_overdue(self, alice: Client, world: World) -> None:
        world.issued()
        assert "Nothing is overdue" in alice.get("/invoices?tab=overdue").text
        assert "No paid invoices yet" in alice.get("/invoices?tab=paid").text

    def test_it_costs_few_statements_however_many_there_are(self, alice: Client, world: World) -> None:
        world.overdue()
        issued_many(world, 3)
        paid(world.issued(), by=world.alice)
        addresses = [f"/invoices{q}" for q in ("", "?tab=all", "?tab=paid", "?tab=overdue", "?q=october", "?q=kettle")]
        few = {address: cost(alice, address) for address in addresses}
        assert max(map(len, few.values())) <= LIST_STATEMENTS
        assert all(sql.lstrip().startswith("SELECT") for ran in few.values() for sql in ran)
        issued_many(world, 55)
        assert {address: cost(alice, address) for address in addresses} == few

    def test_a_fragment_asks_less_than_the_page(self, alice: Client, world: World) -> None:
        world.issued()
        page = cost(alice, "/invoices?q=october")
        assert len(cost(alice, "/invoices?q=october", hx=True)) < len(page)


class TestPage:
    def test_it_says_what_the_frozen_document_says(self, alice: Client, world: World) -> None:
        machine, beans = (
            line(discount=invoices.DiscountContent(kind="percent", value=100_000)),
            line("Beans", "10", "12.005", 0),
        )
        invoice = world.issued(None, machine, beans)
        seller.save(seller.SellerDetails(**{**_details(), "legal_name": "Changed Ltd"}), version=1, by=SYSTEM, at=AT)
        Customer.update(legal_name="Renamed Ltd", address=["Elsewhere"]).where(Customer.id == world.acme.id).execute()
        text = alice.get(f"/invoices/{invoice.number}").text
        paper = text[text.index('<article class="paper"') : text.index("</article>")]
        for words in ("Alder &amp; Finch Ltd", "Acme Ltd", "12 Harbour Street", "October services", "Your PO 88213"):
            assert words in text, words
        for words in ("£12.005", "£970.00</span> less", "£97.00", "VAT at 20% on £873.00", "VAT at 0% on £120.05"):
            assert words in paper, words
        for figure in (invoice.lines_minor, invoice.total_minor):
            assert f"£{figure // 100:,}.{figure % 100:02}" in paper
        assert "Renamed" not in text
        assert "Changed Ltd" not in paper

    def test_it_says_why_there_is_no_tax(self, alice: Client, world: World) -> None:
        reverse = invoices.LineContent(
            description="Training",
            quantity=Decimal(1),
            unit_price=Decimal(500),
            tax_category="AE",
            tax_reason="Art. 196",
        )
        text = alice.get(f"/invoices/{world.issued(None, reverse).number}").text
        assert 'VAT reverse charge<span class="sub">Art. 196</span>' in text

    def test_it_names_the_bank_details_with_the_reference(self, alice: Client, world: World) -> None:
        text = alice.get(f"/invoices/{world.issued().number}").text
        assert 'data-copy="204577"' in text
        assert "<dt>Reference</dt><dd>INV-2026-0001" in text

    def test_what_people_wrote_is_never_markup(self, alice: Client, world: World) -> None:
        nasty = "<script>alert(1)</script>"
        subject = content(line(nasty), subject=nasty, po=nasty)
        draft = invoices.draft(world.acme.id, subject, by=world.sam, at=AT)
        invoice = invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
        for address in (f"/invoices/{invoice.number}", "/invoices"):
            text = alice.get(address).text
            assert nasty not in text
            assert "&lt;script&gt;alert(1)" in text

    def test_paying_quotes_the_exact_amount(self, alice: Client, world: World) -> None:
        text = alice.get(f"/invoices/{world.issued().number}").text
        assert '<input type="hidden" name="quoted_total" value="116400">' in text
        assert "<span>Pay £1,164.00</span>" in text
        assert re.search(r'name="nonce" value="[\w-]{16,64}"', text)
        assert "Due in 30 days" in text

    def test_an_overdue_partly_paid_one_says_both(self, alice: Client, world: World) -> None:
        invoice = world.overdue()
        paid(invoice, 16_400, by=world.alice, at=AT - timedelta(days=3))
        text = alice.get(f"/invoices/{invoice.number}").text
        for words in ("20 days overdue", "£164.00 of £1,164.00 paid", "Pay £1,000.00", "\u2212£164.00"):
            assert words in text, words
        assert 'value="100000"' in text

    def test_a_paid_one_shows_what_came_and_no_form(self, alice: Client, world: World) -> None:
        invoice = world.issued()
        payment = paid(invoice, by=world.alice)
        text = alice.get(f"/invoices/{invoice.number}").text
        assert "Payment received" in text
        assert payment.reference in text
        assert '/pay"' not in text
        assert "paid by Visa ending 4242" in text

    def test_a_receipt_is_linked_for_who_may_open_it(
        self, alice: Client, guest_of: Callable[[Invoice], Client], world: World
    ) -> None:
        invoice = world.issued()
        attempt = attempted(invoice, by=world.bob, status="succeeded")
        paid(invoice, by=world.bob, attempt=attempt)
        assert f'href="/payments/{attempt.id}"' in alice.get(f"/invoices/{invoice.number}").text
        assert f"/payments/{attempt.id}" not in guest_of(invoice).get(f"/invoices/{invoice.number}").text

    def test_a_cancelled_one_need_not_be_paid(self, alice: Client, world: World) -> None:
        invoice = world.issued()
        invoices.void(invoice.id, reason="Ordered twice.", by=world.sam, at=AT)
        text = alice.get(f"/invoices/{invoice.number}").text
        assert "You do not need to pay it." in text
        assert "Ordered twice." in text
        assert '/pay"' not in text

    def test_nothing_is_asked_for_a_total_of_nothing(self, alice: Client, world: World) -> None:
        invoice = world.issued(None, line(unit_price="0"))
        text = alice.get(f"/invoices/{invoice.number}").text
        assert "Nothing to pay" in text
        assert '/pay"' not in text

    def test_money_on_its_way_asks_for_no_second_payment(self, alice: Client, world: World) -> None:
        invoice = world.issued()
        attempted(invoice, by=world.bob, status="processing")
        text = alice.get(f"/invoices/{invoice.number}").text
        assert "Payment on its way" in text
        assert '/pay"' not in text

    def test_who_is_paying_is_said_and_may_be_taken_over(self, alice: Client, world: World) -> None:
        invoice = world.issued()
        attempt = attempted(invoice, by=world.bob)
        text = alice.get(f"/invoices/{invoice.number}").text
        assert "Being paid by card, started 1 second ago by Bob Hale" in text
        assert f'name="take_over" value="{attempt.id}"' in text

    def test_ones_own_open_page_is_gone_back_to(self, alice: Client, world: World) -> None:
        invoice = world.issued()
        attempted(invoice, by=world.alice)
        text = alice.get(f"/invoices/{invoice.number}").text
        assert "Being paid by card, started 1 second ago by you" in text
        assert "take_over" not in text

    def test_a_declined_card_is_told_to_whose_it_was(
        self, alice: Client, sign_in_as: Callable[[Actor], Client], world: World
    ) -> None:
        invoice = world.issued()
        attempted(invoice, by=world.bob, failure="card_declined")
        declined = "Your card was declined. You have not been charged."
        assert declined in sign_in_as(world.bob).get(f"/invoices/{invoice.number}").text
        assert declined not in alice.get(f"/invoices/{invoice.number}").text

    def test_a_payment_page_that_is_over_hinders_nobody(self, alice: Client, world: World, now: Any) -> None:
        invoice = world.issued()
        attempted(invoice, by=world.bob)
        now.forward(timedelta(hours=2))
        text = alice.get(f"/invoices/{invoice.number}").text
        assert "right now" not in text
        assert "take_over" not in text

    def test_a_long_one_shows_two_hundred_lines_at_a_time(self, alice: Client, world: World) -> None:
        invoice = world.issued(None, *(line(f"Box {number}", "1", "3.10") for number in range(1, 452)))
        first, last = (alice.get(f"/invoices/{invoice.number}{q}").text for q in ("", "?line=401"))
        assert (first.count('class="d"'), last.count('class="d"')) == (200, 51)
        assert "Items 1 to 200 of 451" in first
        assert f'href="/invoices/{invoice.number}?line=201#lines"' in first
        assert "Items 401 to 451 of 451" in last
        for nonsense in ("0", "-5", "9999", "x", "1e3"):
            assert "Items 1 to 200" in alice.get(f"/invoices/{invoice.number}?line={nonsense}").text

    def test_a_document_speaks_its_own_locale_to_guests_too(
        self, alice: Client, guest_of: Callable[[Invoice], Client], world: World
    ) -> None:
        Customer.update(locale="de_DE", currency="EUR").where(Customer.id == world.acme.id).execute()
        invoice = world.issued()
        Customer.update(locale="en_GB").where(Customer.id == world.acme.id).execute()
        for reader in (alice, guest_of(invoice)):
            assert "1.164,00\u00a0€" in reader.get(f"/invoices/{invoice.number}").text

    def test_a_guest_sees_no_whole_address_and_no_other_invoice(
        self, guest_of: Callable[[Invoice], Client], world: World
    ) -> None:
        invoice = world.issued()
        Invoice.update(sent_at=AT).where(Invoice.id == invoice.id).execute()
        text = guest_of(invoice).get(f"/invoices/{invoice.number}").text
        assert "a•••@acme.example" in text
        assert "alice@acme.example" not in text
        assert "All invoices" not in text
        assert "Sign in" in text

    def test_a_strangers_a_draft_and_a_missing_one_read_the_same(self, alice: Client, world: World) -> None:
        stranger = alice.get(f"/invoices/{world.issued(world.globex).number}")
        missing, odd = alice.get("/invoices/INV-2026-9999"), alice.get("/invoices/None")
        world.draft()
        assert {reply.status_code for reply in (stranger, missing, odd)} == {404}
        assert stranger.text == missing.text == odd.text

    def test_staff_have_no_way_in_here(self, sign_in_as: Callable[[Actor], Client], world: World) -> None:
        invoice = world.issued()
        sam = sign_in_as(world.sam)
        for address in ("/invoices", f"/invoices/{invoice.number}", f"/invoices/{invoice.number}.pdf"):
            assert sam.get(address).headers["Location"].startswith("/login")

    def test_looking_writes_nothing_and_a_person_is_recorded_once(
        self, alice: Client, guest_of: Callable[[Invoice], Client], world: World
    ) -> None:
        invoice = world.issued()
        address = f"/invoices/{invoice.number}"
        assert all(sql.lstrip().startswith("SELECT") for sql in cost(alice, address))
        assert f'data-viewed-url="{address}/viewed"' in alice.get(address).text
        for reader in (guest_of(invoice), alice):
            assert reader.post(f"{address}/viewed").status_code == 204
        assert Invoice.get_by_id(invoice.id).viewed_at == AT
        seen = [event for event in invoices.activities(invoice.id, customer_sees_only=False) if event.kind == "viewed"]
        assert [event.actor for event in seen] == ["alice@acme.example"]
        assert "data-viewed-url" not in alice.get(address).text

    def test_a_stranger_cannot_record_a_view(self, alice: Client, world: World) -> None:
        invoice = world.issued(world.globex)
        assert alice.post(f"/invoices/{invoice.number}/viewed").status_code == 404
        assert Invoice.get_by_id(invoice.id).viewed_at is None

    @pytest.mark.parametrize("reader", ["customer", "guest", "both"])
    @pytest.mark.parametrize("state", ["open", "part", "paid", "void", "taken"])
    def test_it_costs_few_statements_in_every_state(
        self, alice: Client, guest_of: Callable[[Invoice], Client], world: World, reader: str, state: str
    ) -> None:
        invoice = world.issued(None, *(line(f"Box {number}") for number in range(3)))
        if state in {"part", "paid"}:
            paid(invoice, 100 if state == "part" else None, by=world.alice)
        elif state == "void":
            invoices.void(invoice.id, reason="Ordered twice.", by=world.sam, at=AT)
        elif state == "taken":
            attempted(invoice, by=world.bob)
        guest = guest_of(invoice)
        client = {"customer": alice, "guest": guest, "both": guest}[reader]
        if reader == "both":
            token = alice.get_cookie("remit_portal")
            assert token is not None
            guest.carry("portal", token.value)
        few = cost(client, f"/invoices/{invoice.number}")
        # Who brings a session and a link needs one statement more, to know that the link is not needed.
        assert len(few) <= PAGE_STATEMENTS + (reader == "both")
        issued_many(world, 2)
        assert cost(client, f"/invoices/{invoice.number}") == few


def test_no_page_reads_a_whole_table(alice: Client, world: World) -> None:
    invoice = world.issued()
    paid(world.issued(), by=world.alice)
    attempted(invoice, by=world.bob)
    asked: list[tuple[str, Any]] = []
    database.obj.query_hooks.append(lambda event: asked.append((event.sql, event.params)))
    try:
        for address in (
            "/invoices", "/invoices?tab=all", "/invoices?tab=overdue", "/invoices?tab=paid", "/invoices?q=october",
            f"/invoices/{invoice.number}", "/invoices/INV-2026-0002", f"/invoices/{invoice.number}.pdf",
        ):  # fmt: skip
            alice.get(address)
            alice.get(f"{address}{'&' if '?' in address else '?'}after=2026-01-01~1")
    finally:
        database.obj.query_hooks.pop()
    assert len(asked) > 30
    assert not is_sqlite() or scans("SELECT 1 FROM invoice WHERE po = 'x'", ()), "a whole table would be noticed"
    for sql, params in asked:
        if '"seller"' not in sql:  # the one row of its table
            assert scans(sql, params) == [], sql


def scans(sql: str, params: Any) -> list[str]:
    """The steps of a statement's plan that read a whole table. PostgreSQL must do without where it can."""
    if is_sqlite():
        steps = [row[3] for row in database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", params or ())]
        return [step for step in steps if re.match(r"SCAN (?!always\b|o\b|paid\b|every\b|planned\b|CONSTANT)", step)]
    database.execute_sql("SET enable_seqscan = off")
    steps = [row[0] for row in database.execute_sql(f"EXPLAIN {sql}", params or ())]
    database.execute_sql("RESET enable_seqscan")
    return [step for step in steps if "Seq Scan" in step]


def test_the_first_visit_weighs_little(alice: Client, world: World) -> None:
    page = alice.get(f"/invoices/{world.issued(None, *(line() for _ in range(10))).number}").data
    assets = set(re.findall(rb'(?:href|src)="(/static/[^"#]+)', page))
    assert len(assets) >= 4
    weight = len(gzip.compress(page, 6))
    for address in assets:
        if not address.endswith(b".woff2"):
            weight += len(gzip.compress(alice.get(address.decode()).data, 6))
    assert weight <= MOST_WEIGHT


def _details() -> dict[str, Any]:
    return {name: getattr(SELLER, name) for name in SELLER.__slots__}


def test_only_known_customers_have_a_list(sign_in_as: Callable[[Actor], Client], world: World) -> None:
    world.issued()
    assert customers.get(world.globex.id)
    assert "No invoices yet" in sign_in_as(world.gina).get("/invoices").text
