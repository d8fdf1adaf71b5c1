"""Every page a person can open, in every state it can be in: a row each.

To add a page, add a row; a GET route without one fails (tests/browser/test_pages.py). `{names}` in an address are
made in tests/browser/stage.py. `act` is what the person does there before the page is judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

# GET routes that show no page of their own.
NO_PAGES = {
    "static": "files",
    "web.healthz": "one word for machines",
    "web.readyz": "one word for machines",
    "portal.home": "leads to the invoices",
    "admin.home": "leads to the invoices",
    "demo.attachment": "a file",
    "kit.show": "judged in tests/design/test_look_in_browser.py",
    "portal.selection": "the bar below the list",
    "portal.transfer_code": "a picture",
    "demo.html": "somebody else's words, in the frame of demo.message",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A page: its endpoint, what is special about it, who opens it, and where."""

    endpoint: str
    state: str
    person: str
    address: str
    act: Callable[[Page], None] | None = None
    status: int = 200

    def __str__(self) -> str:
        return f"{self.endpoint}, {self.state}"


def send(words: str, **texts: str) -> Callable[[Page], None]:
    """Type texts into fields, by id, press a button, and meet the problems; the server alone judges what was typed."""

    def act(page: Page) -> None:
        page.evaluate("document.querySelectorAll('form').forEach((form) => { form.noValidate = true; })")
        for name, text in texts.items():
            page.locator(f"#{name}").fill(text)
        page.get_by_role("button", name=words).last.click()
        page.locator(".error-summary, [role=alert]").first.wait_for()

    return act


def ask_for_code(page: Page) -> None:
    page.locator("#email").fill("alice@acme.example")
    page.get_by_role("button", name="Email me a code").click()
    page.locator("#code").wait_for()


def mistype_code(page: Page) -> None:
    ask_for_code(page)
    send("Sign in", code="000000")(page)


def ask_for_new_link(page: Page) -> None:
    page.get_by_role("button", name="Send a new link").click()
    page.get_by_role("heading", name="Check your email").wait_for()


def pay_an_old_figure(page: Page) -> None:
    page.evaluate("document.querySelector('[name=quoted_total]').value = '100'")
    page.get_by_role("button", name="Pay £").click()
    page.get_by_text("The balance changed to").wait_for()


def pay_too_much(page: Page) -> None:
    page.locator(".chosen__row input[type=text]").first.fill("9,999,999.00")
    page.locator(".field--error").first.wait_for()


def tick_two(page: Page) -> None:
    for place in (0, 1):
        with page.expect_response("**/pay/selection*"):
            page.locator(".c-check input").nth(place).check()
    page.get_by_role("button", name="Pay 2 invoices").wait_for()


def choose_other_taxes(page: Page) -> None:
    """A rate to be typed, and a reason to be given."""
    with page.expect_response("**/admin/invoices/lines"):
        page.get_by_role("button", name="Add a line").click()
    for index, tax in enumerate(("S:", "AE:0")):
        with page.expect_response("**/admin/invoices/lines"):
            page.locator(f"#lines-{index}-tax").select_option(tax)
    page.get_by_label("Reason for no VAT").wait_for()


def ask_to_remove(page: Page) -> None:
    page.get_by_role("button", name="Remove").first.click()
    page.get_by_role("dialog").wait_for()


def search_in_vain(page: Page) -> None:
    page.locator("#q").fill("kettle")
    page.get_by_role("heading", name="match “kettle”").wait_for()


def take_back_too_much(page: Page) -> None:
    """Open the box, and ask for more than was applied."""
    page.get_by_text("Take back from an invoice").click()
    send("Take back", amount="9999", reason="Wrong")(page)


PORTAL_ROWS = [
    Row("portal.sign_in", "empty", "nobody", "/login"),
    Row("portal.sign_in", "refused", "nobody", "/login", send("Email me a code", email="often@acme.example")),
    Row("portal.sign_in_code", "empty", "nobody", "/login", ask_for_code),
    Row("portal.sign_in_code", "refused", "nobody", "/login", mistype_code),
    Row("portal.sign_in_password", "empty", "nobody", "/login/password"),
    Row(
        "portal.sign_in_password",
        "refused",
        "nobody",
        "/login/password",
        send("Sign in", email="alice@acme.example", password="wrong"),
    ),
    Row("portal.choose_customer", "several", "both", "/customer"),
    Row("portal.choose_customer", "none", "lost", "/customer"),
    Row("portal.open_link", "expired", "nobody", "/i/{late}", status=410),
    Row("portal.open_link", "unknown", "nobody", f"/i/{'x' * 43}", status=404),
    Row("portal.new_link", "sent", "nobody", "/links/new"),
    Row("portal.new_link", "asked for", "nobody", "/i/{late}", ask_for_new_link, status=410),
    Row("portal.invoices", "open", "alice", "/invoices"),
    Row("portal.invoices", "overdue", "alice", "/invoices?tab=overdue"),
    Row("portal.invoices", "paid", "alice", "/invoices?tab=paid"),
    Row("portal.invoices", "all", "alice", "/invoices?tab=all"),
    Row("portal.invoices", "found", "alice", "/invoices?tab=all&q=INV-2026"),
    Row("portal.invoices", "found nothing", "alice", "/invoices", search_in_vain),
    Row("portal.invoices", "all paid up", "gina", "/invoices"),
    Row("portal.invoices", "none yet", "newcomer", "/invoices"),
    Row("portal.invoice", "open", "alice", "/invoices/{changed}"),
    Row("portal.invoice", "overdue", "alice", "/invoices/{overdue}"),
    Row("portal.invoice", "partly paid", "alice", "/invoices/{partly}"),
    Row("portal.invoice", "paid", "alice", "/invoices/{paid}"),
    Row("portal.invoice", "void", "alice", "/invoices/{void}"),
    Row("portal.invoice", "on its way", "alice", "/invoices/{processing}"),
    Row("portal.invoice", "being paid by another", "alice", "/invoices/{busy}"),
    Row("portal.invoice", "begun", "alice", "/invoices/{mine}"),
    Row("portal.invoice", "another balance meanwhile", "alice", "/invoices/{changed}", pay_an_old_figure),
    Row("portal.invoice", "open to a guest", "guest", "/invoices/{open}"),
    Row("portal.invoice", "paid, to a guest", "guest", "/invoices/{paid}"),
    Row("portal.invoice", "void, to a guest", "guest", "/invoices/{void}"),
    Row("portal.invoice", "being paid by another, to a guest", "guest", "/invoices/{busy}"),
    Row("portal.invoice", "a stranger's", "gina", "/invoices/{open}", status=404),
    Row("portal.invoice_pdf", "not drawn yet", "alice", "/invoices/{open}.pdf", status=503),
    Row("portal.invoices", "two ticked", "alice", "/invoices", tick_two),
    Row("portal.choose_payment", "several", "alice", "/pay?invoice={changed}&invoice={overdue}&invoice={open}"),
    Row("portal.choose_payment", "too much", "alice", "/pay?invoice={changed}&invoice={overdue}", pay_too_much),
    Row("portal.choose_payment", "one is being paid", "alice", "/pay?invoice={changed}&invoice={busy}"),
    Row("portal.choose_payment", "one is paid", "alice", "/pay?invoice={changed}&invoice={paid}", status=409),
    Row("portal.choose_amount", "open", "alice", "/invoices/{changed}/pay"),
    Row("portal.choose_amount", "begun", "alice", "/invoices/{mine}/pay"),
    Row("portal.choose_amount", "on its way", "alice", "/invoices/{processing}/pay"),
    Row("portal.choose_amount", "to a guest", "guest", "/invoices/{open}/pay"),
    Row("portal.credits", "some", "alice", "/credits"),
    Row("portal.credits", "none", "gina", "/credits"),
    Row("portal.choose_use", "an open invoice", "alice", "/credits/{credit}/use"),
    Row(
        "portal.choose_use",
        "too much",
        "alice",
        "/credits/{credit}/use?invoice={overdue}&shown={overdue}&amount=9999",
        status=422,
    ),
    Row("portal.credit_note_pdf", "no such", "alice", "/credits/credit_note-999999.pdf", status=404),
    Row("portal.choose_ahead", "empty", "alice", "/credits/pay-ahead"),
    Row("portal.choose_ahead", "refused", "alice", "/credits/pay-ahead", send("Continue to payment", amount="0")),
    Row("portal.payments", "some", "alice", "/payments"),
    Row("portal.payments", "none", "newcomer", "/payments"),
    Row("portal.receipt_pdf", "not drawn yet", "alice", "/payments/{received}/receipt.pdf", status=503),
    Row("portal.payment", "received", "alice", "/payments/{received}"),
    Row("portal.payment", "on its way", "alice", "/payments/{on_its_way}"),
    Row("portal.payment", "not paid yet", "alice", "/payments/{not_paid_yet}"),
    Row("portal.payment", "declined once", "alice", "/payments/{declined_once}"),
    Row("portal.payment", "being checked", "alice", "/payments/{checking}?returned=1"),
    Row("portal.payment", "cancelled", "alice", "/payments/{cancelled}"),
    Row("portal.payment", "failed", "alice", "/payments/{failed}"),
    Row("portal.invoice", "charged by autopay", "hanna", "/invoices/{coming}"),
    Row("portal.invoice", "declined to autopay", "hanna", "/invoices/{tried}"),
    Row("portal.invoice", "left out of autopay", "hanna", "/invoices/{skipped}"),
    Row("portal.cards", "none", "alice", "/cards"),
    Row("portal.cards", "several, autopay on", "hanna", "/cards"),
    Row("portal.saving_card", "open", "hanna", "/cards/saving/{saving_open}"),
    Row("portal.saving_card", "saved", "hanna", "/cards/saving/{saving_succeeded}"),
    Row("portal.saving_card", "over", "hanna", "/cards/saving/{saving_expired}"),
    Row("portal.confirm_card_removal", "of autopay", "hanna", "/cards/{card_id}/remove"),
    Row("portal.autopay_consent", "by a new card", "alice", "/cards/autopay"),
    Row("portal.autopay_consent", "by a saved card", "hanna", "/cards/autopay"),
    Row("portal.autopay_consent", "not agreed", "hanna", "/cards/autopay", send("Turn on autopay")),
]
ADMIN_ROWS = [
    Row("admin.invoice", "declined to autopay", "sam", "/admin/invoices/{tried_id}"),
    Row("admin.customer", "with cards and autopay", "vic", "/admin/customers/{hooli_id}"),
    Row("admin.sign_in", "empty", "nobody", "/admin/login"),
    Row(
        "admin.sign_in",
        "refused",
        "nobody",
        "/admin/login",
        send("Sign in", email="sam@alderfinch.example", password="wrong"),
    ),
    Row("admin.invoices", "all, with a next page", "sam", "/admin/invoices"),
    Row("admin.invoices", "drafts", "sam", "/admin/invoices?tab=draft&q=Acme"),
    Row("admin.invoices", "open", "sam", "/admin/invoices?tab=open"),
    Row("admin.invoices", "overdue", "sam", "/admin/invoices?tab=overdue"),
    Row("admin.invoices", "paid", "sam", "/admin/invoices?tab=paid"),
    Row("admin.invoices", "void", "sam", "/admin/invoices?tab=void"),
    Row("admin.invoices", "found nothing", "sam", "/admin/invoices", search_in_vain),
    Row("admin.invoices", "to look at", "vic", "/admin/invoices?tab=open"),
    Row("admin.new_invoice", "empty", "sam", "/admin/invoices/new"),
    Row("admin.new_invoice", "refused", "sam", "/admin/invoices/new", send("Review and issue", terms_days="soon")),
    Row("admin.new_invoice", "other taxes", "sam", "/admin/invoices/new", choose_other_taxes),
    Row("admin.new_invoice", "not allowed", "vic", "/admin/invoices/new", status=403),
    Row("admin.edit_invoice", "a draft", "sam", "/admin/invoices/{draft_id}/edit"),
    Row("admin.edit_invoice", "issued meanwhile", "sam", "/admin/invoices/{open_id}/edit", status=409),
    Row("admin.review_invoice", "ready", "sam", "/admin/invoices/{draft_id}/issue"),
    Row("admin.review_invoice", "refused", "sam", "/admin/invoices/{draft_id}/issue?issue_on=soon", status=422),
    Row("admin.invoice", "a draft", "sam", "/admin/invoices/{draft_id}"),
    Row("admin.invoice", "a draft to be removed", "sam", "/admin/invoices/{draft_id}", ask_to_remove),
    Row("admin.invoice", "open", "sam", "/admin/invoices/{changed_id}"),
    Row("admin.invoice", "overdue", "sam", "/admin/invoices/{overdue_id}"),
    Row("admin.invoice", "partly paid", "sam", "/admin/invoices/{partly_id}"),
    Row("admin.invoice", "paid", "sam", "/admin/invoices/{paid_id}"),
    Row("admin.invoice", "void", "sam", "/admin/invoices/{void_id}"),
    Row("admin.invoice", "on its way", "sam", "/admin/invoices/{processing_id}"),
    Row("admin.invoice", "being paid", "vic", "/admin/invoices/{busy_id}"),
    Row("admin.invoice", "unknown", "sam", "/admin/invoices/999999", status=404),
    Row("admin.invoice_pdf", "not drawn yet", "sam", "/admin/invoices/{open_id}.pdf", status=503),
    Row("admin.void_invoice", "asked", "sam", "/admin/invoices/{changed_id}/void"),
    Row("admin.void_invoice", "refused", "sam", "/admin/invoices/{changed_id}/void", send("Void INV")),
    Row("admin.void_invoice", "being paid", "sam", "/admin/invoices/{busy_id}/void"),
    Row("admin.customers", "all", "sam", "/admin/customers"),
    Row("admin.customers", "found nothing", "sam", "/admin/customers", search_in_vain),
    Row("admin.customer", "with invoices", "sam", "/admin/customers/{acme_id}"),
    Row("admin.customer", "without", "vic", "/admin/customers/{newcomer_id}"),
    Row("admin.new_customer", "empty", "sam", "/admin/customers/new"),
    Row("admin.new_customer", "refused", "sam", "/admin/customers/new", send("Save customer", name="")),
    Row("admin.edit_customer", "stored", "sam", "/admin/customers/{acme_id}/edit"),
    Row("admin.settings", "stored", "sam", "/admin/settings"),
    Row("admin.settings", "refused", "sam", "/admin/settings", send("Save settings", name="", country="")),
    Row("admin.settings", "to look at", "vic", "/admin/settings"),
    Row("portal.invoice", "a late fee", "alice", "/invoices/{fee}"),
    Row("portal.invoice", "in parts", "uma", "/invoices/{in_parts}"),
    Row("portal.invoice", "paying early saves", "uma", "/invoices/{early}"),
    Row("admin.invoice", "a late fee", "sam", "/admin/invoices/{fee_id}"),
    Row("admin.invoice", "overdue with a fee", "sam", "/admin/invoices/{charged_id}"),
    Row("admin.invoice", "in parts", "sam", "/admin/invoices/{in_parts_id}"),
    Row("admin.invoice", "a draft with a deposit", "sam", "/admin/invoices/{deposit_id}"),
    Row("admin.edit_invoice", "with a deposit", "sam", "/admin/invoices/{deposit_id}/edit"),
    Row(
        "admin.edit_invoice",
        "a schedule that does not add up",
        "sam",
        "/admin/invoices/{deposit_id}/edit",
        send("Save draft", **{"parts-0-amount": "10%", "early_rate": "x"}),
    ),
    Row("admin.waive_fee", "asked", "sam", "/admin/fees/{charge_id}/waive"),
    Row("admin.waive_fee", "refused", "sam", "/admin/fees/{charge_id}/waive", send("Waive")),
    Row("admin.refunds", "all", "sam", "/admin/refunds"),
    Row("admin.refund", "sent, to be looked at", "sam", "/admin/refunds/{refund_sent_id}"),
    Row("admin.refund", "to be decided", "sam", "/admin/refunds/{refund_waiting_id}"),
    Row("admin.refund", "to look at", "vic", "/admin/refunds/{refund_waiting_id}"),
    Row("admin.refund_payment", "asked", "sam", "/admin/payments/{refundable_id}/refund"),
    Row("admin.refund_payment", "refused", "sam", "/admin/payments/{refundable_id}/refund", send("back")),
    Row("admin.refund_payment", "nothing left", "sam", "/admin/payments/{spent_id}/refund"),
    Row("admin.refund_credit_note", "unknown", "sam", "/admin/credit-notes/999999/refund", status=404),
    Row("admin.chargebacks", "all", "sam", "/admin/chargebacks"),
    Row("admin.chargeback", "to be answered", "sam", "/admin/chargebacks/dp_stage_0"),
    Row("admin.chargeback", "lost", "vic", "/admin/chargebacks/dp_stage_1"),
    Row("admin.comparison", "unexplained", "sam", "/admin/comparison"),
    Row("admin.resolve_difference", "asked", "sam", "/admin/comparison/txn_stage_0"),
    Row("admin.resolve_difference", "refused", "sam", "/admin/comparison/txn_stage_0", send("Explained")),
    Row("admin.payment_settings", "stored", "sam", "/admin/settings/payments"),
    Row(
        "admin.payment_settings",
        "refused",
        "sam",
        "/admin/settings/payments",
        send("Save settings", early_rate="2", credit_prefix="", late_fee_grace="soon"),
    ),
    Row("admin.payment_settings", "to look at", "vic", "/admin/settings/payments"),
    Row("admin.credit_notes", "all", "sam", "/admin/credit-notes"),
    Row("admin.credit_notes", "found nothing", "sam", "/admin/credit-notes", search_in_vain),
    Row("admin.credit_note", "used", "sam", "/admin/credit-notes/{note_id}"),
    Row("admin.credit_note", "with credit left", "sam", "/admin/credit-notes/{kept_id}"),
    Row(
        "admin.credit_note",
        "refused to apply",
        "sam",
        "/admin/credit-notes/{kept_id}",
        send("Apply", **{"apply-amount": "9999"}),
    ),
    Row("admin.credit_note", "waits for approval", "sam", "/admin/credit-notes/{awaiting_id}"),
    Row("admin.credit_note_pdf", "not drawn yet", "sam", "/admin/credit-notes/{note_id}.pdf", status=503),
    Row("admin.credit_invoice", "in full", "sam", "/admin/invoices/{changed_id}/credit"),
    Row("admin.credit_invoice", "lines", "sam", "/admin/invoices/{credited_id}/credit?shape=lines"),
    Row(
        "admin.credit_invoice",
        "refused",
        "sam",
        "/admin/invoices/{paid_by_card_id}/credit?shape=amount",
        send("Issue credit note", amount="9999"),
    ),
    Row("admin.write_off_invoice", "asked", "sam", "/admin/invoices/{overdue_id}/write-off"),
    Row("admin.write_off_invoice", "refused", "sam", "/admin/invoices/{overdue_id}/write-off", send("Write off")),
    Row("admin.reverse_write_off", "asked", "sam", "/admin/invoices/{given_up_id}/write-off/reverse"),
    Row("admin.correct_invoice", "begun", "sam", "/admin/invoices/{wrong_id}/correct"),
    Row("admin.review_correction", "the effect", "sam", "/admin/invoices/{replacement_id}/correction"),
    Row(
        "admin.review_correction",
        "refused",
        "sam",
        "/admin/invoices/{replacement_id}/correction",
        send("Credit and replace"),
    ),
    Row("admin.invoice", "a replacement's draft", "sam", "/admin/invoices/{replacement_id}"),
    Row("admin.invoice", "credited in part", "sam", "/admin/invoices/{credited_id}"),
    Row("admin.invoice", "written off", "sam", "/admin/invoices/{given_up_id}"),
    Row("admin.void_invoice", "had an effect", "sam", "/admin/invoices/{credited_id}/void", status=409),
    Row("admin.approvals", "some wait", "sam", "/admin/approvals"),
    Row("admin.approvals", "to look at", "vic", "/admin/approvals"),
    Row("admin.payments", "all", "sam", "/admin/payments"),
    Row("admin.payments", "waiting", "vic", "/admin/payments?tab=waiting"),
    Row("admin.payments", "found nothing", "sam", "/admin/payments", search_in_vain),
    Row("admin.payment", "split, some waiting", "sam", "/admin/payments/{split_id}"),
    Row("admin.payment", "refused to take back", "sam", "/admin/payments/{split_id}", take_back_too_much),
    Row("admin.payment", "reversed", "sam", "/admin/payments/{bounced_id}"),
    Row("admin.payment", "of nobody known", "vic", "/admin/payments/{stranger_id}"),
    Row("admin.choose_payer", "asked", "sam", "/admin/payments/record/for"),
    Row("admin.record_payment", "empty", "sam", "/admin/payments/record?customer={stark_id}"),
    Row("admin.record_payment", "of nobody known", "sam", "/admin/payments/record"),
    Row(
        "admin.record_payment",
        "refused",
        "sam",
        "/admin/payments/record?customer={stark_id}",
        send("Record payment", amount="soon", received_on=""),
    ),
    Row("admin.reverse_payment", "asked", "sam", "/admin/payments/{split_id}/reverse"),
    Row("admin.reverse_payment", "refused", "sam", "/admin/payments/{split_id}/reverse", send("Reverse payment")),
    Row("admin.inbox", "with suggestions", "sam", "/admin/inbox"),
    Row("admin.inbox", "to look at", "vic", "/admin/inbox"),
    Row("admin.place_payment", "by hand", "sam", "/admin/payments/{waits_id}/place"),
    Row("admin.place_payment", "refused", "sam", "/admin/payments/{waits_id}/place", send("Apply")),
    Row("admin.place_payment", "whose is it", "sam", "/admin/payments/{stranger_id}/place"),
    Row("admin.place_payment", "perhaps theirs", "sam", "/admin/payments/{unknown_id}/place?customer={stark_id}"),
]
OTHER_ROWS = [
    Row("demo.mail", "caught", "nobody", "/demo/mail"),
    Row("demo.message", "one mail", "nobody", "/demo/mail/{mail}"),
    Row("", "an unreadable request", "nobody", "/login?next=%00", status=400),
    Row("", "no such page", "nobody", "/nowhere", status=404),
    Row("", "a wrong method", "nobody", "/logout", status=405),
]
ROWS = [*PORTAL_ROWS, *ADMIN_ROWS, *OTHER_ROWS]
