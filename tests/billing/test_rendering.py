"""Paper: every figure is on it, and equal input gives equal bytes."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from jinja2 import UndefinedError
from pypdf import PdfReader

from billing.rendering import Limits, Renderer, RenderRefused, invoice_html, limits_for
from tests.billing.paper import AT, ITEMS, MB, PATIENT, draw, snapshot, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer(limits=lambda _: PATIENT) as patient:
        yield patient


# What stands on the paper


def test_every_fact_of_the_snapshot_is_on_the_paper(renderer: Renderer) -> None:
    drawn = draw(renderer, snapshot())
    text = text_of(drawn.pdf)
    for fact in [
        "Alder & Finch Ltd", "Unit 4, The Old Brewery", "Bristol BS1 6QF", "VAT GB 318 4427 09",
        "Brightwater Caf\u00e9s Ltd", "12 Harbour Street", "VAT GB 999 0000 01",
        "INV-2026-0412", "17 October 2026", "16 November 2026", "88213", "October services",
        "Grinder lease, on-demand 1", "\u00a362.50", "\u00a3187.50", "2 hr", "\u00a3410.40", "20%",
        "Subtotal \u00a32,102.90", "Discount \u2212\u00a31.00", "Net total \u00a32,101.90",
        "VAT at 20% on \u00a32,101.90 \u00a3420.38", "Total \u00a32,522.28", "Amount due \u00a32,522.28",
        "pay.example/invoices/INV-2026-0412", "Sort code 20-45-77", "Reference INV-2026-0412",
        "Payment is due within 30 days.", "billing@alderfinch.example", "+44 117 496 0127",
        "First note.", "Second note.", "Registered in England and Wales 0918 2231", "Page 1 of 1",
    ]:  # fmt: skip
        assert fact in text, fact
    assert drawn.warnings == ()


def test_the_pay_link_and_the_title_and_the_date_of_issue_are_in_the_file(renderer: Renderer) -> None:
    reader = PdfReader(BytesIO(draw(renderer, snapshot()).pdf))
    annotations = reader.pages[0].annotations
    assert annotations is not None
    links = [note.get_object()["/A"]["/URI"] for note in annotations]
    assert links == ["https://pay.example/invoices/INV-2026-0412"]
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("Invoice INV-2026-0412", "Alder & Finch Ltd")
    assert reader.metadata.creation_date == reader.metadata.modification_date == AT
    assert str(reader.root_object["/Lang"]) == "en-GB"


@pytest.mark.parametrize(("lines", "pages"), [(1, 1), (5, 1), (45, 3), (100, 6)])
def test_pages_are_numbered_and_carry_the_table_head(renderer: Renderer, lines: int, pages: int) -> None:
    drawn = draw(renderer, snapshot(lines))
    texts = [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(drawn.pdf)).pages]
    assert len(texts) == pages
    for number, text in enumerate(texts, start=1):
        assert f"Page {number} of {pages}" in text
    with_lines = [text for text in texts if "hr \u00a395.00" in text]
    assert all("Item Qty Unit price VAT Net amount" in text for text in with_lines)
    everything = " ".join(texts)
    assert all(f"{ITEMS[n % 5][0]} {n} " in everything for n in range(1, lines + 1))
    assert drawn.warnings == ()


def test_five_hundred_lines_end_with_their_last_line_and_all_totals_on_one_page(renderer: Renderer) -> None:
    drawn = draw(renderer, snapshot(500))
    pages = PdfReader(BytesIO(drawn.pdf)).pages
    last_two = [" ".join(page.extract_text().split()) for page in pages[-2:]]
    assert f"{ITEMS[0][0]} 500 " in " ".join(last_two)
    assert [("Subtotal" in text, "Amount due \u00a3" in text) for text in last_two].count((True, True)) == 1
    assert f"Page {len(pages)} of {len(pages)}" in last_two[-1]
    assert len(pages) in range(20, 30)
    assert drawn.warnings == ()


def test_a_line_discount_exempt_and_reverse_charge_are_told_in_words(renderer: Renderer) -> None:
    frozen = snapshot(3)
    frozen["lines"][0] |= {"gross_minor": 20_000, "discount_minor": 1_250, "net_minor": 18_750}
    frozen["taxes"] = [
        {"category": "S", "rate_ppm": 55_000, "base_minor": 10_000, "tax_minor": 550, "reason": None},
        {
            "category": "AE",
            "rate_ppm": 0,
            "base_minor": 20_000,
            "tax_minor": 0,
            "reason": "Reverse charge, Article 196",
        },
        {"category": "E", "rate_ppm": 0, "base_minor": 30_000, "tax_minor": 0, "reason": "Insurance is exempt"},
    ]
    text = text_of(draw(renderer, frozen).pdf)
    for words in (
        "\u00a3200.00 less \u00a312.50 discount", "VAT at 5.5% on \u00a3100.00", "VAT reverse charge on \u00a3200.00",
        "Reverse charge, Article 196", "VAT exempt on \u00a3300.00", "Insurance is exempt",
    ):  # fmt: skip
        assert words in text


@pytest.mark.parametrize(
    ("currency", "minor", "shown"), [("JPY", 252_348, "\u00a5252,348"), ("KWD", 14_814_838_038, "KWD 14,814,838.038")]
)
def test_a_total_has_the_decimals_of_its_currency_and_is_never_broken(
    renderer: Renderer, currency: str, minor: int, shown: str
) -> None:
    frozen = snapshot(currency=currency, total_minor=minor)
    frozen["lines"] = [line | {"unit_price": "485"} for line in frozen["lines"]]
    drawn = draw(renderer, frozen)
    assert text_of(drawn.pdf).count(shown) == 3  # the band, the total, the amount due
    assert drawn.warnings == ()


def test_names_of_europe_and_signs_of_currencies_are_drawn(renderer: Renderer) -> None:
    frozen = snapshot(subject="\u017b\u00f3\u0142ta G\u0119\u015b \u2192 \u20b9 \u20ac \u20ba \u2713")
    frozen["seller"] |= {"legal_name": "\u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ae \u0391.\u0395."}
    frozen["buyer"] |= {"legal_name": "\u0421\u043e\u0444\u0438\u044f \u041e\u041e\u0414"}
    drawn = draw(renderer, frozen)
    text = text_of(drawn.pdf)
    assert all(name in text for name in (frozen["seller"]["legal_name"], frozen["buyer"]["legal_name"]))
    assert all(sign in text for sign in frozen["subject"].split())
    assert drawn.warnings == ()


def test_a_letter_no_font_has_is_reported(renderer: Renderer) -> None:
    assert any("U+6587" in warning for warning in draw(renderer, snapshot(subject="\u4e2d\u6587")).warnings)


@pytest.mark.parametrize("length", [200, 9_000])
def test_words_without_spaces_stay_on_the_paper(renderer: Renderer, length: int) -> None:
    frozen = snapshot(3, po="9" * 60)
    frozen["lines"][1] |= {"description": "W" * length, "detail": "d" * length, "unit": "u" * 30}
    drawn = draw(renderer, frozen)
    assert text_of(drawn.pdf).replace(" ", "").count("W") >= length
    assert drawn.warnings == ()


def test_what_is_absent_leaves_no_label_behind(renderer: Renderer) -> None:
    frozen = snapshot(po=None, subject=None, terms="", notes=None, discount_minor=0, address="")
    frozen["seller"] |= {"bank": [], "tax_id": None, "registration": None, "email": None, "phone": None}
    text = text_of(draw(renderer, frozen).pdf)
    for label in (
        "None",
        "Your PO",
        "Terms",
        "Notes",
        "Discount",
        "Subtotal",
        "bank transfer",
        "Questions",
        "Pay online",
    ):
        assert label not in text


def test_a_snapshot_that_lacks_a_fact_is_a_defect_not_a_gap() -> None:
    frozen = snapshot()
    del frozen["seller"]["legal_name"]
    with pytest.raises(UndefinedError):
        invoice_html(frozen)


# The same bytes


def test_equal_input_gives_equal_bytes_in_other_processes_and_hash_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = set()
    for seed in ("1", "77"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        with Renderer(limits=lambda _: PATIENT) as fresh:
            drawn |= {draw(fresh, snapshot(n)).pdf for n in (5, 30)} | {draw(fresh, snapshot(5)).pdf}
    assert len(drawn) == 2


def test_another_fact_or_another_instant_gives_other_bytes(renderer: Renderer) -> None:
    html = invoice_html(snapshot())
    later = renderer.render(html, title="a", author="b", at=AT.replace(minute=31), lines=5)
    assert later != renderer.render(html, title="a", author="b", at=AT, lines=5)


def test_a_font_left_to_the_reader_is_refused(renderer: Renderer) -> None:
    with pytest.raises(RenderRefused) as refused:
        renderer.render("<p>no stylesheet</p>", title="x", author="y", at=AT, lines=1)
    assert (refused.value.reason, "Helvetica" in refused.value.facts) == ("document", True)


# Limits


def test_limits_grow_with_the_lines() -> None:
    assert limits_for(1) == limits_for(200) == Limits(seconds=10, memory_bytes=512 * MB)
    assert limits_for(5_100) == Limits(seconds=65, memory_bytes=768 * MB)
    assert limits_for(10_000) == limits_for(50_000) == Limits(seconds=120, memory_bytes=1024 * MB)
