"""Paying by bank transfer: the reference a bank carries back to us, and the code a banking app scans.

Pure functions of the seller's bank details and an invoice's number; nothing here is stored. What a standard does
not allow is left out rather than bent: a code that a bank would refuse is worse than none.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import segno
from stdnum import iban as ibans
from stdnum import iso11649
from stdnum.ch import esr
from stdnum.iso7064 import mod_97_10

from billing import money

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Scheme = Literal["epc", "swiss", "upi"]

NAMES = {
    "iban": frozenset({"iban", "qriban"}),
    "bic": frozenset({"bic", "swift", "bicswift", "swiftbic", "swiftcode", "biccode", "bicswiftcode"}),
    "upi": frozenset({"upi", "upiid", "vpa", "upivpa", "upiaddress"}),
}
HOME_NUMBERS = frozenset(
    {"sortcode", "account", "accountnumber", "accountno", "routingnumber", "bsb", "ifsc", "ifsccode"}
)
SWISS = frozenset({"CH", "LI"})

# Countries whose banks take SEPA credit transfers, EPC409-09. Outside the EEA the code must name the BIC.
EEA = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
    "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip
SEPA = EEA | {"AD", "AL", "CH", "GB", "GI", "MC", "MD", "ME", "MK", "RS", "SM", "VA"}

MAX_NAME = 70
MAX_TEXT = 140
MAX_EPC_BYTES = 331
MAX_UPI_TEXT = 50
LEAST = Decimal("0.01")
MOST = Decimal("999999999.99")  # EPC069-12 and SIX alike

BIC = re.compile(r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")  # ISO 9362
VPA = re.compile(r"[A-Za-z0-9._-]{2,255}@[A-Za-z][A-Za-z0-9]{1,63}")  # NPCI: name@handle
NUMBER = re.compile(r"([A-Z0-9]{1,12})-(20[0-9]{2})-([0-9]{4,9})")
TOWN = re.compile(r"(?:[A-Z]{1,2}[- ])?([0-9]{4,5}) +(\S.{0,34})")
HOUSE = re.compile(r"(.*\S) +([0-9]\S{0,15})")

# SIX, Implementation Guidelines QR-bill 2.3: Basic Latin, Latin-1 Supplement, Latin Extended-A, and these.
SWISS_MORE = frozenset("ȘșȚț€")

RF_BODY = 21  # ISO 11649: "RF", two check digits, at most 21 letters and digits
QRR_BODY = 26  # SIX: 26 digits and a check digit
SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class BankDetails:
    """Where a transfer goes. `rows` are (label, value) as the seller wrote them and the invoice prints them."""

    name: str
    address: tuple[str, ...]
    country: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A reference whose check digits are right, without its spaces, and the invoice numbers it may stand for."""

    text: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCode:
    """What a banking app scans: the text inside, and its picture with the quiet zone around it."""

    scheme: Scheme
    payload: str
    svg: bytes


def of_seller(seller: Mapping[str, object], *, country: str) -> BankDetails:
    """The bank details that a frozen document carries under "seller"; its country code is not frozen."""
    rows, address = seller["bank"], seller["address"]
    assert isinstance(rows, list), "bank rows are a list of label and value"
    assert isinstance(address, list), "an address is a list of lines"
    return BankDetails(
        name=str(seller["legal_name"]),
        address=tuple(address),
        country=country,
        rows=tuple((label, value) for label, value in rows),
    )


def rows_for(details: BankDetails, currency: str) -> tuple[tuple[str, str], ...]:
    """The rows that serve a transfer in `currency`: none that names another, and where one names this, no home numbers.

    All of them where nothing to pay to would be left.
    """
    said = [(row, *_kind(row[0])) for row in details.rows]
    has_own = any(named == currency for _, _, named in said)
    fitting = [
        row for row, _, named in said if named == currency or (not named and not (has_own and _is_number(row[0])))
    ]
    return tuple(fitting) if any(_is_number(label) for label, _ in fitting) else details.rows


def _is_number(label: str) -> bool:
    """Whether a row is what a transfer is sent to, rather than whose or which bank it is."""
    kind, named = _kind(label)
    bare = "".join(word for word in re.findall(r"[^\W_]+", label.upper()) if word != named).casefold()
    return kind in {"iban", "upi"} or bare in HOME_NUMBERS


def problem(rows: Sequence[tuple[str, str]]) -> str | None:
    """What is wrong with an IBAN, BIC or UPI ID among the rows, in words for the settings page; None if nothing."""
    for label, value in rows:
        kind, _ = _kind(label)
        if kind == "iban" and not ibans.is_valid(value):
            return f"Check the IBAN: {value} is not one"
        if kind == "bic" and not BIC.fullmatch(_compact(value)):
            return f"Check the BIC: {value} is not one"
        if kind == "upi" and not VPA.fullmatch(value.strip()):
            return f"Check the UPI ID: {value} is not one"
    return None


def reference(details: BankDetails, number: str, currency: str) -> str:
    """What the payer is to quote for an invoice, in print's groups: QRR for a QR-IBAN, RF for another IBAN of SEPA.

    The invoice's own number where neither the bank nor the currency knows structured references.
    """
    iban = _iban(details, currency)
    made = None
    if iban and is_qr_iban(iban):
        made = qr_reference(number)
    elif iban[:2] in SEPA and currency in {"EUR", "CHF"}:
        made = creditor_reference(number)
    return in_groups(made) if made else number


def creditor_reference(number: str) -> str | None:
    """The ISO 11649 reference of an invoice number: RF, two check digits by ISO 7064 MOD 97-10, the number's marks.

    None where the number has more than 21 letters and digits, or others than A to Z and 0 to 9.
    """
    body = _compact(number).replace("-", "")
    if not (1 <= len(body) <= RF_BODY and body.isascii() and body.isalnum()):
        return None
    return f"RF{mod_97_10.calc_check_digits(f'{body}RF')}{body}"


def qr_reference(number: str) -> str | None:
    """The QRR reference of an invoice number: 26 digits and a check digit, modulo 10 recursive (SIX, QR-bill 2.3).

    From the left: how many digits the running number has, the prefix as a number of base 37, the year's last two
    digits, the running number. None for a number of another shape, or one that does not fit.
    """
    found = NUMBER.fullmatch(number.upper())
    if found is None:
        return None
    prefix, year, running = found.groups()
    code = 0
    for mark in prefix:
        code = code * (len(SYMBOLS) + 1) + SYMBOLS.index(mark) + 1
    room = QRR_BODY - 3 - len(running)
    if len(str(code)) > room:
        return None
    body = f"{len(running)}{code:0{room}d}{year[2:]}{running}"
    return body + esr.calc_check_digit(body)


def is_qr_iban(iban: str) -> bool:
    """Whether an IBAN takes QRR references: of Switzerland or Liechtenstein, institution 30000 to 31999 (SIX)."""
    compact = _compact(iban)
    return compact[:2] in SWISS and compact[4:9].isdigit() and 30000 <= int(compact[4:9]) <= 31999


def in_groups(text: str) -> str:
    """A reference or IBAN as print shows it: groups of four, for QRR two and then fives."""
    if text.isdigit() and len(text) == QRR_BODY + 1:
        return str(esr.format(text))
    return str(iso11649.format(text))


def numbers_in(text: str) -> tuple[str, ...]:
    """Every invoice number that a structured reference in a bank line may stand for, in order.

    Mostly one; where marks run together more are possible, and the caller takes the one that exists.
    """
    return tuple(dict.fromkeys(number for found in _references(text) for number in found.numbers))


def payment_code(
    details: BankDetails, minor: int, currency: str, reference: str, *, text: str = ""
) -> PaymentCode | None:
    """The code with which `minor` is paid to these bank details, or None where no standard serves them.

    Swiss QR-bill for an IBAN of Switzerland or Liechtenstein in CHF or EUR; EPC069-12 for euros to an IBAN of
    SEPA; UPI for rupees to a UPI ID. `reference` is as reference() makes it; `text` is for people to read.
    """
    amount = money.to_decimal(minor, currency)
    if not LEAST <= amount <= MOST:
        return None
    iban = _iban(details, currency)
    payload: str | None = None
    scheme: Scheme = "epc"
    if iban[:2] in SWISS and currency in {"CHF", "EUR"}:
        scheme, payload = "swiss", swiss_payload(details, iban, amount, currency, reference, text=text)
    elif iban[:2] in SEPA and currency == "EUR":
        bic = _compact(_row(details, "bic", currency))
        payload = epc_payload(details.name, iban, amount, reference, bic=bic, text=text)
    elif currency == "INR":
        scheme, payload = "upi", upi_payload(details.name, _row(details, "upi", currency), amount, reference)
    if payload is None:
        return None
    return PaymentCode(scheme=scheme, payload=payload, svg=_drawn(payload, cross=scheme == "swiss"))


def epc_payload(name: str, iban: str, amount: Decimal, reference: str, *, bic: str = "", text: str = "") -> str | None:
    """The lines of a SEPA credit transfer's code, EPC069-12 version 002 in UTF-8; None where it is not allowed.

    Name 1 to 70 characters, amount EUR0.01 to EUR999999999.99 with a point; a creditor reference of ISO 11649 (at
    most 35) or free text (at most 140), never both; BIC needed outside the EEA; at most 331 bytes. A name is
    never shortened: banks compare it with the holder's.
    """
    name, free = _one_line(name), _one_line(text or reference)
    structured = _compact(reference) if iso11649.is_valid(reference) else ""
    if not 1 <= len(name) <= MAX_NAME or len(free) > MAX_TEXT or (iban[:2] not in EEA and not bic):
        return None
    lines = ["BCD", "002", "1", "SCT", bic, name, iban, f"EUR{amount:.2f}", "", structured, "" if structured else free]
    payload = "\n".join(lines).rstrip("\n")  # nothing follows the last element that is used
    return payload if len(payload.encode()) <= MAX_EPC_BYTES else None


def swiss_payload(
    details: BankDetails, iban: str, amount: Decimal, currency: str, reference: str, *, text: str = ""
) -> str | None:
    """The lines of a Swiss QR Code, SIX Implementation Guidelines QR-bill 2.3; None where it is not allowed.

    A QR-IBAN goes with QRR and with nothing else; other IBANs with RF, or with free text of at most 140. The
    address is structured (type S, alone allowed since November 2025): postal code and town are needed. Amount 0.01
    to 999999999.99. Only Latin letters: see SWISS_MORE.
    """
    from qrbill import QRBill

    creditor = _structured(details)
    compact = _compact(reference)
    structured = iso11649.is_valid(compact) or (is_qr_iban(iban) and compact.isdigit() and esr.is_valid(compact))
    free = _one_line(text if structured else text or reference)
    if creditor is None or not _is_swiss_text(free) or not all(map(_is_swiss_text, creditor.values())):
        return None
    try:
        bill = QRBill(
            account=iban,
            creditor=creditor,
            amount=f"{amount:.2f}",
            currency=currency,
            reference_number=compact if structured else None,
            additional_information=free,
        )
    except ValueError:  # the library says of each rule above which one is broken
        return None
    return str(bill.qr_data())


def upi_payload(name: str, vpa: str, amount: Decimal, reference: str) -> str | None:
    """The address of a UPI payment, NPCI UPI Linking Specifications 1.6: payee, name, reference, note, amount, INR.

    Every value is percent-encoded with %20 for a space. `tr` is letters and digits, at most 35.
    """
    name, note = _one_line(name), _one_line(reference)[:MAX_UPI_TEXT]
    if not VPA.fullmatch(vpa) or not name:
        return None
    values = {
        "pa": vpa,
        "pn": name,
        "tr": re.sub(r"[^A-Za-z0-9]", "", reference)[:35],
        "tn": note,
        "am": f"{amount:.2f}",
        "cu": "INR",
    }
    return "upi://pay?" + "&".join(f"{key}={quote(value, safe='@')}" for key, value in values.items() if value)


def _references(text: str) -> Iterator[Reference]:
    """Runs of words that read as one reference. A reference begins a word and ends one; longest first."""
    words = re.findall(r"[A-Z0-9]+", unicodedata.normalize("NFKC", text).upper().replace("’", ""))
    for first in range(len(words)):
        run, made = "", []
        for word in words[first:]:
            run += word
            if len(run) > QRR_BODY + 1:
                break
            made.append(run)
        readings = [(run, numbers) for run in reversed(made) if (numbers := _numbers_of(run))]
        if readings:
            every = dict.fromkeys(number for _, numbers in readings for number in numbers)
            yield Reference(text=readings[0][0], numbers=tuple(every))


def _numbers_of(compact: str) -> tuple[str, ...]:
    """The invoice numbers a reference without spaces may stand for; none where its check digits are wrong."""
    if compact.startswith("RF"):
        return tuple(_readings(compact[4:])) if iso11649.is_valid(compact) else ()
    if len(compact) == QRR_BODY + 1 and compact.isdigit() and esr.is_valid(compact):
        return tuple(_unpacked(compact[:-1]))
    return ()


def _readings(body: str) -> Iterator[str]:
    """PREFIX, year and running number out of the marks that have run together, shortest running number first."""
    for digits in range(4, 10):
        found = NUMBER.fullmatch(f"{body[: -digits - 4]}-{body[-digits - 4 : -digits]}-{body[-digits:]}")
        if found and (digits == 4 or body[-digits] != "0"):
            yield found[0]


def _unpacked(body: str) -> Iterator[str]:
    """The number inside a QRR reference of ours; those of others do not unpack."""
    digits = int(body[0])
    code, prefix = int(body[1 : -digits - 2] or 0), ""
    while code:
        code, mark = divmod(code, len(SYMBOLS) + 1)
        if not mark:
            return
        prefix = SYMBOLS[mark - 1] + prefix
    number = f"{prefix}-20{body[-digits - 2 : -digits]}-{body[-digits:]}"
    if NUMBER.fullmatch(number) and qr_reference(number) == body + esr.calc_check_digit(body):
        yield number


def _row(details: BankDetails, wanted: str, currency: str) -> str:
    """The value of a row by its label, the one that names the currency first: IBAN, or IBAN (EUR)."""
    plain = ""
    for label, value in details.rows:
        kind, said = _kind(label)
        if kind == wanted and said == currency:
            return value.strip()
        if kind == wanted and not said and not plain:
            plain = value.strip()
    return plain


def _kind(label: str) -> tuple[str, str]:
    """Which known row a label means, and the currency it names: "IBAN (EUR)" is iban and EUR; else both empty."""
    words = re.findall(r"[^\W_]+", label.upper())
    said = next((word for word in words if word in money.EXPONENTS), "")
    bare = "".join(word for word in words if word != said).casefold()
    return next((kind for kind, names in NAMES.items() if bare in names), ""), said


def _iban(details: BankDetails, currency: str) -> str:
    iban = _row(details, "iban", currency)
    return ibans.compact(iban) if ibans.is_valid(iban) else ""


def _structured(details: BankDetails) -> dict[str, str] | None:
    """The seller's printed address by its parts; None where no line is a postal code and a town."""
    lines = [_one_line(line) for line in details.address]
    place = next((at for at in range(len(lines) - 1, -1, -1) if TOWN.fullmatch(lines[at])), None)
    if place is None:
        return None
    town = TOWN.fullmatch(lines[place])
    assert town, "the line was just found to be one"
    parts = {"name": _one_line(details.name), "pcode": town[1], "city": town[2], "country": details.country}
    street = lines[place - 1] if place else ""
    house = HOUSE.fullmatch(street)
    return parts | ({"street": house[1], "house_num": house[2]} if house else {"street": street})


def _is_swiss_text(text: str) -> bool:
    return all(" " <= mark <= "~" or "\u00a0" <= mark <= "\u017f" or mark in SWISS_MORE for mark in text)


def _one_line(text: str) -> str:
    """Composed letters, one space for any run of spaces or line ends, nothing that is not printed."""
    plain = " ".join(unicodedata.normalize("NFC", text).replace("’", "'").split())
    return "".join(mark for mark in plain if unicodedata.category(mark)[0] != "C")


def _compact(text: str) -> str:
    return re.sub(r"\s", "", text).upper()


def _drawn(payload: str, *, cross: bool) -> bytes:
    """The payload as an SVG with no style and no script in it: level M (EPC069-12 and SIX), bytes, quiet zone.

    The Swiss code is 46 mm wide with 5 mm around it and the cross of 7 mm in its middle (SIX, QR-bill 2.3).
    """
    code = segno.make_qr(payload, error="m", boost_error=False, mode="byte", encoding="utf-8")
    modules = code.symbol_size(border=0)[0]
    border = max(4, ceil(modules * 5 / 46))
    drawn = BytesIO()
    code.save(
        drawn, kind="svg", border=border, xmldecl=False, svgclass=None, lineclass=None, omitsize=True, light="#fff"
    )
    svg = drawn.getvalue().strip()
    if not cross:
        return svg
    unit, middle = modules / 46, border + modules / 2

    def box(width: float, height: float, colour: str) -> str:
        wide, high = width * unit, height * unit
        start = f"M{middle - wide / 2:.3f} {middle - high / 2:.3f}"
        return f'<path fill="{colour}" d="{start}h{wide:.3f}v{high:.3f}h-{wide:.3f}z"/>'

    mark = box(7, 7, "#fff") + box(6, 6, "#000") + box(3.9, 1.2, "#fff") + box(1.2, 3.9, "#fff")
    return svg.replace(b"</svg>", mark.encode() + b"</svg>")
