"""The words of a mail, made at delivery from its row: subject, text and HTML from templates/email/<event>/.

A row holds the event and its frozen context; amounts come from the issued invoice or the payment, which never
change. The one thing that may have changed meanwhile is what is left to pay, and that is said as it is now.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from billing import allocations, autopay, clock, formatting, links, outbox, seller
from billing.formatting import DEFAULT_LOCALE
from billing.tables import CreditNote, Document, Invoice, Mail, Payment
from web import letters_money_back, letters_staff

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "email"
UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}  # controls, marks of direction, line separators

KINDS = {"late_fee": "Late fee", "interest": "Interest"}

Facts = list[tuple[str, str]]


class NotNeeded(Exception):  # noqa: N818 - an answer, not a defect
    """The mail has nothing to say any more; the words are kept on its row."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Whose mail this is."""

    name: str
    legal_name: str
    address: str
    email: str
    phone: str
    time_zone: str

    @property
    def initial(self) -> str:
        """The letter in the mark beside the name."""
        return self.name[:1].upper()


@dataclass(frozen=True, slots=True)
class Attached:
    """A file beside the words."""

    name: str
    media_type: str
    content: bytes


Told = tuple[dict[str, Any], tuple[Attached, ...]]  # what the templates are told, and what goes with it


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready to be sent. Its header values are single lines without control characters."""

    subject: str
    text: str
    html: str
    sender_name: str
    reply_to: str
    attached: tuple[Attached, ...] = field(default=())


def write(mail: Mail) -> Letter:
    """The letter of a mail row. Raises NotNeeded where it is moot by now."""
    head = _letterhead()
    values, attached = _EVENTS[mail.event](mail, head)
    locale = _locale(mail)
    phone = f" or call us on {head.phone}" if head.phone else ""
    values |= {
        "head": head,
        "locale": locale,
        "fraud_line": f"We never send new bank details by email. Check them on the invoice page{phone}.",
    }
    subject = one_line(_template(mail.event, "subject.txt").render(values))
    values["subject"] = subject
    return Letter(
        subject=subject,
        text=_template(mail.event, "body.txt").render(values),
        html=_template(mail.event, "body.html").render(values),
        sender_name=one_line(head.name),
        reply_to=head.email,
        attached=attached,
    )


def one_line(text: str) -> str:
    """A header value: one line, without control characters or marks that turn the reading direction."""
    visible = "".join(" " if unicodedata.category(letter) in UNSEEN else letter for letter in text)
    return re.sub(" +", " ", visible).strip()


def file_name(text: str) -> str:
    """A name for an attachment: ASCII letters, digits, dots, dashes and underscores only."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "document"


def _invoice_issued(mail: Mail, _head: Letterhead) -> Told:
    invoice = Invoice.get_by_id(mail.context["invoice_id"])
    if invoice.status == "void":
        raise NotNeeded("Not sent: the invoice was cancelled first.")
    document = Document.get(Document.invoice == invoice.id)
    pdf = Attached(file_name(f"Invoice-{invoice.number}.pdf"), document.media_type, bytes(document.content))
    told = _about(invoice, mail)
    told["facts"] = [*_terms(invoice, _locale(mail)), *told["facts"]]
    return told | {"link": links.url(mail.context["link_id"])}, (pdf,)


def _invoice_link(mail: Mail, _head: Letterhead) -> Told:
    invoice = Invoice.get_by_id(mail.context["invoice_id"])
    return _about(invoice, mail) | {"link": links.url(mail.context["link_id"])}, ()


def _invoice_voided(mail: Mail, _head: Letterhead) -> Told:
    invoice = Invoice.get_by_id(mail.context["invoice_id"])
    values = _about(invoice, mail)
    values["facts"] = [("Reason", mail.context["reason"]), *_named(invoice)]
    return values, ()


def _credit_note_issued(mail: Mail, _head: Letterhead) -> Told:
    note = CreditNote.get_by_id(mail.context["credit_note_id"])
    invoice = Invoice.get_by_id(note.invoice_id)
    locale = _locale(mail)
    facts = [("Invoice total", formatting.money(invoice.total_minor, invoice.currency, locale=locale))]
    if invoice.balance_minor:
        facts.append(("Left to pay", formatting.money(invoice.balance_minor, invoice.currency, locale=locale)))
    if note.free_minor:
        facts.append(("Kept as your credit", formatting.money(note.free_minor, note.currency, locale=locale)))
    return {
        "number": note.number,
        "invoice_number": invoice.number,
        "total": note.total_minor,
        "currency": note.currency,
        "reason": note.reason,
        "facts": facts + _named(invoice),
        "link": links.url(mail.context["link_id"]),
    }, (_pdf(Document.credit_note == note.id, f"Credit-note-{note.number}.pdf"),)


def _invoice_corrected(mail: Mail, _head: Letterhead) -> Told:
    invoice = Invoice.get_by_id(mail.context["invoice_id"])
    if invoice.status == "void":
        raise NotNeeded("Not sent: the invoice was cancelled first.")
    note = CreditNote.get_by_id(mail.context["credit_note_id"])
    old = Invoice.get_by_id(note.invoice_id)
    locale = _locale(mail)

    def amount(minor: int) -> str:
        return formatting.money(minor, invoice.currency, locale=locale)

    facts = [
        (f"Invoice {old.number}, before", amount(old.total_minor)),
        (f"Credit note {note.number}", amount(-note.total_minor)),
        (f"Invoice {invoice.number}, now", amount(invoice.total_minor)),
    ]
    if invoice.balance_minor < invoice.total_minor:
        facts.append(("Already paid", amount(invoice.balance_minor - invoice.total_minor)))
    values = _about(invoice, mail) | {
        "old_number": old.number,
        "credit_number": note.number,
        "reason": note.reason,
        "facts": facts + _named(invoice),
        "link": links.url(mail.context["link_id"]),
    }
    return values, (
        _pdf(Document.invoice == invoice.id, f"Invoice-{invoice.number}.pdf"),
        _pdf(Document.credit_note == note.id, f"Credit-note-{note.number}.pdf"),
    )


def _pdf(is_it: Any, name: str) -> Attached:  # noqa: ANN401 - a Peewee expression
    """A stored PDF as an attachment; the outbox waits for it."""
    document = Document.get(is_it)
    return Attached(file_name(name), document.media_type, bytes(document.content))


def _receipt(mail: Mail, head: Letterhead) -> Told:
    payment = Payment.get_by_id(mail.context["payment_id"])
    locale = _locale(mail)

    def amount(minor: int) -> str:
        return formatting.money(minor, payment.currency, locale=locale)

    facts = [("Reference", payment.reference), ("Method", payment.method)]
    for invoice_id, minor in allocations.standing(payment).items():
        invoice = Invoice.get_by_id(invoice_id)
        left = invoice.balance_minor
        words = f"{amount(minor)}, {f'{amount(left)} left to pay' if left else 'paid in full'}"
        facts.append((f"Invoice {invoice.number}", words))
    if payment.free_minor:
        facts.append(("Kept as your credit", amount(payment.free_minor)))
    link_id = mail.context.get("link_id")
    return {
        "minor": payment.minor,
        "currency": payment.currency,
        "received_on": clock.day_of(payment.received_at, head.time_zone),
        "reference": payment.reference,
        "facts": facts,
        "link": links.url(link_id) if link_id else "",
    }, _receipts_pdf(mail, payment.reference)


def _receipts_pdf(mail: Mail, reference: str) -> tuple[Attached, ...]:
    """The stored receipt; none for a mail of before receipts were drawn."""
    if mail.payment_id is None:
        return ()
    document = Document.get(Document.payment == mail.payment_id)
    return (Attached(file_name(f"Receipt-{reference}.pdf"), document.media_type, bytes(document.content)),)


def _autopay_on(mail: Mail, _head: Letterhead) -> Told:
    return {name: mail.context[name] for name in ("card", "by", "consent")} | {"link": links.page_url("/cards")}, ()


def _autopay_ended(mail: Mail, _head: Letterhead) -> Told:
    return {"card": mail.context["card"], "why": mail.context["why"], "link": links.page_url("/cards")}, ()


def _autopay_upcoming(mail: Mail, head: Letterhead) -> Told:
    invoice = Invoice.get_by_id(mail.context["invoice_id"])
    if autopay.coming(invoice, clock.day_of(mail.queued_at, head.time_zone)) is None:
        raise NotNeeded("Not sent: it is not charged any more.")
    return _charged(invoice, mail) | {"on": date.fromisoformat(mail.context["on"])}, ()


def _autopay_failed(mail: Mail, _head: Letterhead) -> Told:
    invoice, outcome = Invoice.get_by_id(mail.context["invoice_id"]), mail.context["outcome"]
    if invoice.status != "issued" or not invoice.balance_minor:
        raise NotNeeded("Not sent: nothing is left to pay.")
    next_words = "We do not try again, so please pay it yourself."
    if mail.context["is_off"]:
        next_words = "Autopay is off now, so please pay it yourself and save another card."
    elif outcome == "needs_person":
        next_words = "Please pay it on the page below, where your bank can ask you."
    elif mail.context["next_on"]:
        again = formatting.day(date.fromisoformat(mail.context["next_on"]), "weekday", locale=_locale(mail))
        next_words = f"We try again on {again}. You can also pay it now."
    because = autopay.WHY.get(mail.context["why"], autopay.DECLINED)
    return _charged(invoice, mail) | {"outcome": outcome, "because": because, "next_words": next_words}, ()


def _charged(invoice: Invoice, mail: Mail) -> dict[str, Any]:
    """What autopay charges, or would have."""
    told = {"minor": mail.context["minor"], "card": mail.context["card"], "link": links.url(mail.context["link_id"])}
    return _about(invoice, mail) | told


def _refund(mail: Mail, _head: Letterhead) -> Told:
    return letters_money_back.refund(mail), ()


def _payment_bounced(mail: Mail, _head: Letterhead) -> Told:
    return letters_money_back.bounce(mail, locale=_locale(mail)), ()


def _chargeback_opened(mail: Mail, head: Letterhead) -> Told:
    return letters_money_back.chargeback(mail, time_zone=head.time_zone, locale=_locale(mail)), ()


def _sign_in_code(mail: Mail, _head: Letterhead) -> Told:
    code, minutes = str(mail.context["code"]), mail.context["minutes"]
    if clock.now() >= mail.queued_at + timedelta(minutes=minutes):
        raise NotNeeded("Not sent: the code was over first.")
    return {"code_words": f"{code[:3]} {code[3:]}", "minutes": minutes}, ()


_EVENTS: dict[str, Callable[[Mail, Letterhead], Told]] = {
    outbox.APPROVAL_LOOSENED: lambda mail, _head: (letters_staff.approval_loosened(mail, locale=_locale(mail)), ()),
    "autopay_ended": _autopay_ended,
    "autopay_failed": _autopay_failed,
    "autopay_on": _autopay_on,
    "autopay_upcoming": _autopay_upcoming,
    "chargeback_opened": _chargeback_opened,
    "credit_note_issued": _credit_note_issued,
    "invoice_corrected": _invoice_corrected,
    "invoice_issued": _invoice_issued,
    "invoice_link": _invoice_link,
    "invoice_voided": _invoice_voided,
    "payment_bounced": _payment_bounced,
    "receipt": _receipt,
    "refund_failed": _refund,
    "refund_sent": _refund,
    "sign_in_code": _sign_in_code,
}


def _about(invoice: Invoice, mail: Mail) -> dict[str, Any]:
    facts = _named(invoice)
    paid_minor = invoice.total_minor - invoice.balance_minor
    if paid_minor and invoice.status == "issued":
        locale = _locale(mail)
        facts.insert(0, ("Paid so far", formatting.money(paid_minor, invoice.currency, locale=locale)))
        facts.insert(0, ("Total", formatting.money(invoice.total_minor, invoice.currency, locale=locale)))
    return {
        "number": invoice.number,
        "kind": KINDS.get(invoice.kind, "Invoice"),
        "total": invoice.total_minor,
        "balance": invoice.balance_minor,
        "currency": invoice.currency,
        "due_on": invoice.next_due_on if invoice.balance_minor else invoice.due_on,
        "parts": invoice.parts,
        "facts": facts,
    }


def _terms(invoice: Invoice, locale: str) -> Facts:
    """What its frozen terms say besides the due date: paying early, paying in parts, or what a fee is about."""

    def amount(minor: int) -> str:
        return formatting.money(minor, invoice.currency, locale=locale)

    def day(text: str) -> str:
        return formatting.day(date.fromisoformat(text), "long", locale=locale)

    facts: Facts = []
    about, early = invoice.frozen.get("about"), invoice.frozen.get("early")
    if about:
        facts.append(("About", f"Invoice {about['number']}, which was due on {day(about['due_on'])}"))
        facts.append(("Worked out", invoice.frozen["lines"][0]["detail"]))
    if early:
        saved = amount(early["saved_minor"])
        facts.append(("Pay early", f"{amount(early['pay_minor'])} by {day(early['until'])}, and save {saved}"))
    for place, part in enumerate(invoice.frozen.get("schedule", []), start=1):
        facts.append((f"Part {place}", f"{amount(part['minor'])}, due {day(part['due_on'])}"))
    return facts


def _named(invoice: Invoice) -> Facts:
    """What the customer knows the invoice by."""
    rows = (("For", invoice.subject), ("Your PO", invoice.po))
    return [(label, one_line(value)) for label, value in rows if value.strip()]


def _letterhead() -> Letterhead:
    found = seller.find()
    if found is None:
        return Letterhead(name="Remit", legal_name="", address="", email="", phone="", time_zone="UTC")
    return Letterhead(
        name=found.name,
        legal_name=found.legal_name,
        address=", ".join(found.address),
        email=found.email,
        phone=found.phone,
        time_zone=found.time_zone,
    )


def _locale(mail: Mail) -> str:
    """The reader's: the customer's, else the seller's, else British English."""
    if mail.customer is not None:
        return mail.customer.locale
    found = seller.find()
    return found.locale if found else DEFAULT_LOCALE


def _template(event: str, part: str) -> jinja2.Template:
    return _environment().get_template(f"{event}/{part}")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = _money
    environment.filters["day"] = _day
    return environment


@jinja2.pass_context
def _money(context: jinja2.runtime.Context, minor: int, currency: str) -> str:
    return formatting.money(minor, currency, locale=context["locale"])


@jinja2.pass_context
def _day(context: jinja2.runtime.Context, on: date, style: formatting.DayStyle) -> str:
    return formatting.day(on, style, locale=context["locale"])
