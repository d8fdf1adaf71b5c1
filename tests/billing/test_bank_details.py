"""Bank transfers: references by published examples, and codes read back from the very picture that is served."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
import resvg_py
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from billing import bank_details
from billing.bank_details import BankDetails, PaymentCode, payment_code

if TYPE_CHECKING:
    from tests.world import World

NUMBER = "INV-2026-0412"
IRISH = "IE29 AIBK 9311 5212 3456 78"
QR_IBAN = "CH44 3199 9123 0008 8901 2"  # of the SIX guidelines
SWISS_IBAN = "CH58 0079 1123 0008 8901 2"  # likewise

numbers = st.builds(
    "{}-{}-{:04d}".format,
    st.text(alphabet=bank_details.SYMBOLS, min_size=1, max_size=12),
    st.integers(2000, 2099),
    st.integers(1, 99_999),
)


def details(*rows: tuple[str, str], name: str = "Alder & Finch Ltd", country: str = "CH") -> BankDetails:
    """A seller in Biel, as its bank details are printed."""
    address = ("Rue du Lac 1268", "2501 Biel", "Switzerland")
    return BankDetails(name=name, address=address, country=country, rows=rows)


def code(of: BankDetails, minor: int, currency: str, number: str = NUMBER) -> PaymentCode:
    """The code of an invoice with the reference that its page quotes."""
    made = payment_code(of, minor, currency, bank_details.reference(of, number, currency))
    assert made
    return made


def scanned(svg: bytes) -> str:
    """What a scanner reads from the picture, drawn as a browser draws it; it must be a level M code."""
    pixels = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg.decode(), width=600)))).convert("L")
    found = [one for one in zxingcpp.read_barcodes(pixels) if one.format == zxingcpp.BarcodeFormat.QRCode]
    assert [one.ec_level for one in found] == ["M"]
    return found[0].bytes.decode()


# Rows

HOME = (("Bank", "Severn Commercial"), ("Sort code", "20-45-77"), ("Account", "6317 0942"))


@pytest.mark.parametrize(
    ("rows", "currency", "labels"),
    [
        ((*HOME, ("IBAN (EUR)", IRISH)), "GBP", ["Bank", "Sort code", "Account"]),
        ((*HOME, ("IBAN (EUR)", IRISH)), "EUR", ["Bank", "IBAN (EUR)"]),
        ((*HOME, ("IBAN (EUR)", IRISH)), "JPY", ["Bank", "Sort code", "Account"]),
        ((("Bank", "Severn"), ("IBAN (EUR)", IRISH)), "GBP", ["Bank", "IBAN (EUR)"]),
        ((("IBAN", IRISH), ("BIC", "AIBKIE2D")), "GBP", ["IBAN", "BIC"]),
    ],
)
def test_a_transfer_is_told_only_the_rows_of_its_currency(
    rows: tuple[tuple[str, str], ...], currency: str, labels: list[str]
) -> None:
    assert [label for label, _ in bank_details.rows_for(details(*rows), currency)] == labels


# References


def test_a_creditor_reference_is_as_iso_11649_gives_it() -> None:
    # The first is the example of EPC069-12; the others are widely published.
    for body, wanted in (
        ("539007547034", "RF18539007547034"),
        ("000000000539007547034", "RF18000000000539007547034"),
        ("2348231", "RF712348231"),
        ("1234567890", "RF471234567890"),
    ):
        assert bank_details.creditor_reference(body) == wanted


def test_a_reference_that_does_not_fit_is_none_rather_than_cut() -> None:
    assert bank_details.creditor_reference("INVOICES0000-2026-12345") == "RF33INVOICES0000202612345"
    assert bank_details.creditor_reference("INVOICES0000-2026-123456") is None
    assert bank_details.creditor_reference("RÉF-2026-0001") is None
    assert bank_details.qr_reference("ZZZZZZZZZZZZ-2026-12345") is None
    assert bank_details.qr_reference("a number of another shape") is None


def test_a_qr_reference_has_27_digits_and_shows_year_and_number() -> None:
    made = bank_details.qr_reference(NUMBER)
    assert made
    assert len(made) == 27
    assert made[-7:-1] == "260412"
    assert bank_details.in_groups("210000000003139471430009017") == "21 00000 00003 13947 14300 09017"


@given(numbers)
def test_the_check_digit_of_a_qr_reference_is_modulo_10_recursive(number: str) -> None:
    def check_digit(digits: str) -> int:
        carry = 0
        for digit in digits:
            carry = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)[(carry + int(digit)) % 10]
        return -carry % 10

    assert check_digit("21000000000313947143000901") == 7, "as SIX prints it"
    made = bank_details.qr_reference(number)
    assert made is None or int(made[-1]) == check_digit(made[:-1])


@given(numbers)
def test_every_number_comes_back_from_its_references(number: str) -> None:
    made = (bank_details.creditor_reference(number), bank_details.qr_reference(number))
    for reference in filter(None, made):
        grouped = bank_details.in_groups(reference)
        for text in (reference, grouped, grouped.lower(), f"Acme Ltd, {grouped}", f"/ROC/{reference}//2026"):
            assert number in bank_details.numbers_in(text), text


@given(numbers, st.integers(0, 40), st.sampled_from("0123456789"))
def test_a_mistyped_mark_is_never_another_invoice(number: str, at: int, mark: str) -> None:
    for reference in (bank_details.creditor_reference(number), bank_details.qr_reference(number)):
        if reference is None or at >= len(reference) or reference[at] == mark:
            continue
        if not (reference.isdigit() or reference[at].isdigit()):
            continue  # both check digits promise to find one wrong digit
        assert bank_details.numbers_in(reference[:at] + mark + reference[at + 1 :]) == ()


def test_a_bank_line_without_a_reference_of_ours_names_no_invoice() -> None:
    for text in (
        "",
        "INV-2026-0412",
        "RF18 5390 0754 7034",  # right, and another's
        "RF00 INV2 0260 412",
        "21 00000 00003 13947 14300 09017",
        "210000000003139471430009016",
        "9" * 300,
        "RF " * 200,
    ):
        assert bank_details.numbers_in(text) == (), text


def test_two_references_in_one_line_name_two_invoices() -> None:
    first, second = (bank_details.creditor_reference(f"INV-2026-{value}") for value in ("0412", "0413"))
    assert bank_details.numbers_in(f"{first} and {second}") == ("INV-2026-0412", "INV-2026-0413")


def test_the_quoted_reference_is_what_the_bank_knows() -> None:
    for rows, currency, wanted in (
        ((("IBAN", IRISH),), "EUR", "RF74 INV2 0260 412"),
        ((("IBAN", IRISH),), "GBP", NUMBER),
        ((("Sort code", "20-45-77"),), "GBP", NUMBER),
        ((("IBAN", SWISS_IBAN),), "CHF", "RF74 INV2 0260 412"),
        ((("UPI ID", "finch@okbank"),), "INR", NUMBER),
    ):
        assert bank_details.reference(details(*rows), NUMBER, currency) == wanted
    quoted = bank_details.reference(details(("QR-IBAN", QR_IBAN)), NUMBER, "CHF")
    assert quoted.replace(" ", "") == bank_details.qr_reference(NUMBER)


# Codes


def test_the_guidelines_euro_examples_are_met() -> None:
    # The two examples of EPC069-12, in version 002 and UTF-8, and with both decimals written out.
    made = bank_details.epc_payload(
        "Franz Mustermänn", "DE71110220330123456789", Decimal("12.3"), "RF18539007547034", bic="BHBLDEHHXXX"
    )
    assert made == (
        "BCD\n002\n1\nSCT\nBHBLDEHHXXX\nFranz Mustermänn\nDE71110220330123456789\nEUR12.30\n\nRF18539007547034"
    )
    made = bank_details.epc_payload(
        "François D'Alsace S.A.", "FR1420041010050500013M02606", Decimal("12.3"), "Client:Marie Louise La Lune"
    )
    assert made == (
        "BCD\n002\n1\nSCT\n\nFrançois D'Alsace S.A.\nFR1420041010050500013M02606\nEUR12.30"
        "\n\n\nClient:Marie Louise La Lune"
    )


def test_the_swiss_guidelines_example_is_met() -> None:
    # The payee, amount and reference of SIX's first example; the debtor is left for the payer's bank to fill in.
    of = details(("QR-IBAN", QR_IBAN), name="Robert Schneider AG")
    made = payment_code(of, 194975, "CHF", "21 00000 00003 13947 14300 09017", text="Order of 15.06.2020")
    assert made
    assert made.payload.split("\r\n") == [
        "SPC", "0200", "1", "CH4431999123000889012",
        "S", "Robert Schneider AG", "Rue du Lac", "1268", "2501", "Biel", "CH", *[""] * 7,
        "1949.75", "CHF", *[""] * 7,
        "QRR", "210000000003139471430009017", "Order of 15.06.2020", "EPD",
    ]  # fmt: skip
    assert scanned(made.svg) == made.payload


def test_an_indian_code_is_a_upi_address() -> None:
    made = code(details(("UPI ID", "finch.ltd@okbank"), name="Alder & Finch Pvt Ltd"), 1_234_50, "INR")
    assert made.payload == (
        "upi://pay?pa=finch.ltd@okbank&pn=Alder%20%26%20Finch%20Pvt%20Ltd"
        "&tr=INV20260412&tn=INV-2026-0412&am=1234.50&cu=INR"
    )
    assert (made.scheme, scanned(made.svg)) == ("upi", made.payload)


def test_each_scheme_is_chosen_by_bank_and_currency() -> None:
    for rows, currency, wanted in (
        ((("IBAN", IRISH),), "EUR", "epc"),
        ((("IBAN", SWISS_IBAN),), "CHF", "swiss"),
        ((("IBAN", SWISS_IBAN),), "EUR", "swiss"),
        ((("IBAN", QR_IBAN),), "CHF", "swiss"),
        ((("VPA", "finch@okbank"),), "INR", "upi"),
        ((("IBAN", "GB33 BUKB 2020 1555 5555 55"), ("BIC", "BUKBGB22XXX")), "EUR", "epc"),
        ((("IBAN", "GB33 BUKB 2020 1555 5555 55"), ("IBAN (EUR)", IRISH)), "EUR", "epc"),
    ):
        made = code(details(*rows), 1_00, currency)
        assert made.scheme == wanted
        assert scanned(made.svg) == made.payload
        if "IBAN (EUR)" in dict(rows):
            assert "IE29AIBK93115212345678" in made.payload


def test_there_is_no_code_where_no_standard_serves() -> None:
    for rows, minor, currency in (
        ((("IBAN", IRISH),), 100, "GBP"),
        ((("IBAN", IRISH),), 0, "EUR"),
        ((("IBAN", IRISH),), 100_000_000_000, "EUR"),
        ((("IBAN", "IE29 AIBK 9311 5212 3456 79"),), 100, "EUR"),  # a digit is wrong
        ((("IBAN", "SA03 8000 0000 6080 1016 7519"),), 100, "EUR"),  # not of SEPA
        ((("IBAN", "GB33 BUKB 2020 1555 5555 55"),), 100, "EUR"),  # outside the EEA the BIC is needed
        ((("Sort code", "20-45-77"), ("Account", "6317 0942")), 100, "GBP"),
        ((("UPI ID", "not an address"),), 100, "INR"),
        ((("UPI ID", "finch@okbank"),), 100, "EUR"),
        ((), 100, "JPY"),
    ):
        assert payment_code(details(*rows), minor, currency, NUMBER) is None, (rows, minor, currency)


def test_limits_are_kept_and_nothing_is_cut() -> None:
    irish = ("IBAN", IRISH)
    assert payment_code(details(irish, name="N" * 70), 99_999_999_999, "EUR", "T" * 140)
    assert payment_code(details(irish, name="N" * 71), 1, "EUR", NUMBER) is None
    assert payment_code(details(irish), 1, "EUR", "T" * 141) is None
    assert payment_code(details(irish, name="Ж" * 70), 1, "EUR", "Ж" * 140) is None  # 331 bytes, not letters
    swiss = ("IBAN", SWISS_IBAN)
    assert payment_code(details(swiss, name="N" * 70), 1, "CHF", "T" * 140)
    assert payment_code(details(swiss, name="N" * 71), 1, "CHF", NUMBER) is None
    assert payment_code(details(swiss), 1, "CHF", "T" * 141) is None
    assert payment_code(details(swiss, name="Жук АГ"), 1, "CHF", NUMBER) is None  # not of SIX's letters


def test_a_qr_iban_goes_with_its_own_reference_alone() -> None:
    own, other = details(("IBAN", QR_IBAN)), details(("IBAN", SWISS_IBAN))
    qrr = bank_details.qr_reference(NUMBER)
    assert qrr
    assert payment_code(own, 100, "CHF", "RF74INV20260412") is None
    assert payment_code(own, 100, "CHF", NUMBER) is None
    made = payment_code(other, 100, "CHF", qrr)
    assert made
    assert "NON" in made.payload.split("\r\n"), "elsewhere it is only text"


def test_a_swiss_bill_needs_a_postal_code_and_a_town() -> None:
    for address, wanted in (
        (("Musterstrasse 12a", "CH-8000 Zürich"), ["Musterstrasse", "12a", "8000", "Zürich"]),
        (("Postfach", "FL-9490 Vaduz", "Liechtenstein"), ["Postfach", "", "9490", "Vaduz"]),
        (("8000 Zürich",), ["", "", "8000", "Zürich"]),
        (("Unit 4", "Bristol BS1 6QF"), None),
        ((), None),
    ):
        of = BankDetails(name="Muster AG", address=address, country="CH", rows=(("IBAN", SWISS_IBAN),))
        made = payment_code(of, 100, "CHF", "")
        assert (made.payload.split("\r\n")[6:10] if made else None) == wanted


def test_hostile_text_adds_no_line_to_a_code() -> None:
    name = "Alder\nIE64IRCE92050112345678\r\n\u202e&\x00\x1b Finch"
    euro = payment_code(details(("IBAN", IRISH), name=name), 100, "EUR", "a\nb\r\n\u2028c")
    swiss = payment_code(details(("IBAN", SWISS_IBAN), name=name), 100, "CHF", "a\nb\r\n\u2028c")
    upi = payment_code(details(("UPI", "finch@okbank"), name="A&am=1&pa=x@y"), 100, "INR", "t&cu=USD")
    assert euro
    assert swiss
    assert upi
    assert (len(euro.payload.split("\n")), len(swiss.payload.splitlines())) == (11, 31)
    assert [part.split("=")[0] for part in upi.payload.split("&")] == ["upi://pay?pa", "pn", "tr", "tn", "am", "cu"]


@settings(max_examples=25, deadline=None)  # each is drawn and scanned three times
@given(
    st.text(alphabet=st.characters(codec="latin-1", exclude_categories=["C"]), min_size=1, max_size=70),
    st.integers(1, 99_999_999_999),
    numbers,
)
def test_every_code_scans_as_what_it_says(name: str, minor: int, number: str) -> None:
    for rows, currency in (((("IBAN", IRISH),), "EUR"), ((("IBAN", QR_IBAN),), "CHF"), ((("UPI", "a.b@upi"),), "INR")):
        of = details(*rows, name=name)
        made = payment_code(of, minor, currency, bank_details.reference(of, number, currency))
        if made is None:
            assert not name.strip() or (currency == "CHF" and bank_details.qr_reference(number) is None)
            continue
        assert scanned(made.svg) == made.payload
        major = f"{minor // 100}.{minor % 100:02d}"
        assert {"EUR": f"EUR{major}", "CHF": f"\r\n{major}\r\n", "INR": f"am={major}&"}[currency] in made.payload


def test_the_picture_needs_no_style_and_no_script() -> None:
    for rows, currency in (((("IBAN", IRISH),), "EUR"), ((("IBAN", QR_IBAN),), "CHF")):
        root = ET.fromstring(code(details(*rows), 100, currency).svg)  # noqa: S314 - our own picture
        marks = {element.tag.rpartition("}")[2] for element in root.iter()}
        attributes = {name for element in root.iter() for name in element.attrib}
        assert (marks, attributes) == ({"svg", "path"}, {"viewBox", "fill", "stroke", "d"})


# Where they come from


def test_the_details_are_those_the_invoice_was_issued_with(world: World) -> None:
    frozen = world.issued().frozen["seller"]
    of = bank_details.of_seller(frozen, country="GB")
    assert (of.name, of.rows[0], of.address[-1]) == ("Alder & Finch Ltd", ("Sort code", "20-45-77"), "United Kingdom")
    assert bank_details.reference(of, NUMBER, "GBP") == NUMBER


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("IBAN", IRISH), None),
        (("iban (eur)", IRISH), None),
        (("IBAN", "IE29 AIBK 9311 5212 3456 79"), "Check the IBAN: IE29 AIBK 9311 5212 3456 79 is not one"),
        (("BIC", "AIBKIE2D"), None),
        (("SWIFT/BIC", "AIBK"), "Check the BIC: AIBK is not one"),
        (("UPI ID", "finch@okbank"), None),
        (("UPI ID", "finch"), "Check the UPI ID: finch is not one"),
        (("Sort code", "anything"), None),
    ],
)
def test_a_wrong_row_is_told_before_anybody_pays_to_it(row: tuple[str, str], said: str | None) -> None:
    assert bank_details.problem([row]) == said
