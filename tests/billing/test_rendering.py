"""Paper: every figure is on it, equal input gives equal bytes, and no document can hurt the one who draws it."""

from __future__ import annotations

import base64
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from jinja2 import UndefinedError
from pypdf import PdfReader

from billing.rendering import Limits, Rendered, Renderer, RenderRefused, invoice_html, limits_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Found = TypeVar("Found")

ROOT = Path(__file__).resolve().parents[2]
AT = datetime(2026, 10, 17, 9, 30, tzinfo=UTC)
MB = 1024 * 1024
# Long enough for a machine that does ten other things; the limits themselves are tested by name below.
PATIENT = Limits(seconds=60, memory_bytes=512 * MB)
SHORT = Limits(seconds=1.5, memory_bytes=512 * MB)
ENDLESS = '<table><tr><td colspan="100000000">x</td></tr></table>'

ITEMS = [
    ("Espresso machine lease, 2-group", "Harbour St and Dock Rd \u00b7 1\u201330 Nov 2026", "2", "485.00"),
    ("Grinder lease, on-demand", "3 units \u00b7 1\u201330 Nov 2026", "3", "62.50"),
    ("Planned maintenance visit", "14 Oct 2026 \u00b7 Harbour St", "1", "345.00"),
    ("Water filter cartridge", None, "12", "34.20"),
    ("Out-of-hours call-out", "19 Oct 2026 \u00b7 Dock Rd", "2", "95.00"),
]


def snapshot(lines: int = 5, **changes: Any) -> dict[str, Any]:
    """A frozen invoice of so many lines at 20% VAT, with a document discount of 1.00."""
    rows: list[dict[str, Any]] = []
    for position in range(1, lines + 1):
        description, detail, quantity, price = ITEMS[position % len(ITEMS)]
        net_minor = int(quantity) * int(price.replace(".", ""))
        rows.append({
            "position": position,
            "description": f"{description} {position}",
            "detail": detail,
            "quantity": quantity,
            "unit": "hr" if position % 5 == 4 else None,
            "unit_price": price,
            "gross_minor": net_minor,
            "discount_minor": 0,
            "net_minor": net_minor,
            "tax_category": "S",
            "tax_rate_ppm": 200_000,
        })  # fmt: skip
    lines_minor = sum(row["net_minor"] for row in rows)
    net_minor = lines_minor - 100
    tax_minor = net_minor // 5
    frozen = {
        "template": "invoice-1",
        "number": "INV-2026-0412",
        "issue_on": "2026-10-17",
        "due_on": "2026-11-16",
        "po": "88213",
        "subject": "October services",
        "locale": "en_GB",
        "currency": "GBP",
        "seller": {
            "name": "Alder & Finch",
            "legal_name": "Alder & Finch Ltd",
            "address": ["Unit 4, The Old Brewery", "Bristol BS1 6QF"],
            "tax_id": "GB 318 4427 09",
            "registration": "Registered in England and Wales 0918 2231",
            "email": "billing@alderfinch.example",
            "phone": "+44 117 496 0127",
            "bank": [["Sort code", "20-45-77"], ["Account number", "6317 0942"]],
        },
        "buyer": {
            "name": "Brightwater",
            "legal_name": "Brightwater Caf\u00e9s Ltd",
            "address": ["12 Harbour Street", "Falmouth TR11 3XA"],
            "tax_id": "GB 999 0000 01",
        },
        "lines": rows,
        "taxes": [
            {"category": "S", "rate_ppm": 200_000, "base_minor": net_minor, "tax_minor": tax_minor, "reason": None}
        ],
        "lines_minor": lines_minor,
        "discount_minor": 100,
        "net_minor": net_minor,
        "tax_minor": tax_minor,
        "total_minor": net_minor + tax_minor,
        "rounding_rule": "group",
        "terms": "Payment is due within 30 days.",
        "notes": "First note.\nSecond note.",
        "address": "https://pay.example/invoices/INV-2026-0412",
    }
    return {**frozen, **changes}


def draw(renderer: Renderer, frozen: dict[str, Any]) -> Rendered:
    return renderer.draw(
        invoice_html(frozen),
        title="Invoice INV-2026-0412",
        author="Alder & Finch Ltd",
        at=AT,
        lines=len(frozen["lines"]),
    )


def draw_raw(renderer: Renderer, body: str) -> Rendered:
    """HTML that no template of ours would ever write."""
    page = f'<html><head><link rel="stylesheet" href="pdf.css"></head><body>{body}<div id="footer">f</div></body>'
    return renderer.draw(page, title="raw", author="nobody", at=AT, lines=1)


def text_of(pdf: bytes) -> str:
    """What a reader can copy from the document, with every kind of white space made one space."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages).split())


def images_in(pdf: bytes) -> int:
    return sum(len(page.images) for page in PdfReader(BytesIO(pdf)).pages)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer(limits=lambda _: PATIENT) as patient:
        yield patient


@pytest.fixture
def short() -> Iterator[Renderer]:
    with Renderer(limits=lambda _: SHORT) as hasty:
        yield hasty


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


# Hostile documents


@pytest.mark.parametrize("attribute", ["colspan", "rowspan"])
def test_a_table_without_end_is_refused_within_its_limits(short: Renderer, attribute: str) -> None:
    draw_raw(short, "warm")
    began = time.monotonic()
    with pytest.raises(RenderRefused) as refused:
        draw_raw(short, f'<table><tr><td {attribute}="100000000">x</td></tr></table>')
    assert time.monotonic() - began < SHORT.seconds + 4
    assert refused.value.reason in {"time", "memory"}
    assert refused.value.message == "The PDF is not available. Please try again, or contact us."
    assert draw_raw(short, "next").pdf


def test_memory_has_its_own_limit() -> None:
    with Renderer(limits=lambda _: Limits(seconds=60, memory_bytes=200 * MB)) as narrow:
        with pytest.raises(RenderRefused) as refused:
            draw_raw(narrow, '<table><tr><td rowspan="100000000">x</td></tr></table>')
        assert refused.value.reason == "memory"
        assert draw(narrow, snapshot(5)).warnings == ()


def test_nesting_without_end_is_refused(short: Renderer) -> None:
    with pytest.raises(RenderRefused):
        draw_raw(short, "<div>" * 3_000 + "x" + "</div>" * 3_000)


def test_a_huge_image_is_left_out(renderer: Renderer) -> None:
    small, huge = (_image(size) for size in (8, 12_000))
    assert images_in(draw_raw(renderer, small).pdf) == 1
    drawn = draw_raw(renderer, huge)
    assert images_in(drawn.pdf) == 0
    assert any("Blocked" in warning for warning in drawn.warnings)


def _image(size: int) -> str:
    """A square, one bit for a pixel, as a data address of about size * size / 8000 bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(bytes(((size + 7) // 8 + 1) * size), 9)
    head = struct.pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return f'<p><img src="data:image/png;base64,{base64.b64encode(png).decode()}"/></p>'


def _every_way_to_load(address: str) -> list[str]:
    """Pages that ask for an address, each in one of the ways the library knows."""
    styles = [
        f'@import url("{address}");',
        f'@font-face {{ font-family: Stolen; src: url("{address}.ttf"); }}',
        f'@page {{ background-image: url("{address}"); }}',
        f'@page {{ background-image: url("{address}.pdf"); }}',
        f'p {{ background-image: url("{address}"); }}',
    ]
    bodies = [
        f'<link rel="stylesheet" href="{address}">',
        f'<img src="{address}"/><img src="{address}.svg"/>',
        f'<pdf:insertpdf src="{address}.pdf"/>',
        f'<pdf:font name="S" src="{address}.ttf"/>',
        f'<object data="{address}"></object><iframe src="{address}"></iframe><embed src="{address}"/>',
        f'<input type="image" src="{address}"/><svg><image href="{address}"/></svg>',
        f'<table background="{address}"><tr><td style="background: url({address})">x</td></tr></table>',
    ]
    return [f"<style>{style}</style><p>x</p>" for style in styles] + bodies


def _drawn_or_refused(renderer: Renderer, body: str) -> bytes:
    """A page that asks for too much is drawn without it, or not drawn at all: b""."""
    try:
        return draw_raw(renderer, body).pdf
    except RenderRefused:
        return b""


def test_no_address_is_fetched_from_raw_html_or_from_any_field(renderer: Renderer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/canary"
        ways = _every_way_to_load(address)
        for way in ways:
            pdf = _drawn_or_refused(renderer, way)
            assert not pdf or images_in(pdf) == 0
        drawn = draw(renderer, _with_every_text(snapshot(2), '">' + ways[6] + ways[7]))
        assert text_of(drawn.pdf).replace(" ", "").count("<imgsrc=") > 10  # it is told, not obeyed
        assert images_in(drawn.pdf) == 0
        assert select.select([listener], [], [], 0) == ([], [], []), "somebody called"


def _with_every_text(value: Any, text: str, name: str = "") -> Any:
    """The snapshot with hostile words in every free text; days, figures and codes keep their form."""
    if isinstance(value, dict):
        return {key: _with_every_text(inner, text, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_every_text(inner, text, name) for inner in value]
    fixed = {
        "template",
        "issue_on",
        "due_on",
        "locale",
        "currency",
        "quantity",
        "unit_price",
        "category",
        "tax_category",
    }
    return value if name in fixed or isinstance(value, int) else text


def test_no_file_beside_the_assets_is_read(renderer: Renderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = base64.b64decode(_image(8).partition("base64,")[2].partition('"')[0])
    secret = draw_raw(renderer, "CANARY").pdf
    assert "CANARY" in text_of(secret)
    for name, content in {"canary": picture, "canary.svg": picture, "canary.pdf": secret, "canary.ttf": b""}.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    below_assets = os.path.relpath(tmp_path / "canary", ROOT / "static" / "pdf")
    with Renderer(limits=lambda _: PATIENT) as here:
        addresses = ("canary", str(tmp_path / "canary"), (tmp_path / "canary").as_uri(), below_assets)
        for ways in zip(*(_every_way_to_load(address) for address in addresses), strict=True):
            for body in ["".join(ways), *ways]:
                pdf = _drawn_or_refused(here, body)
                if pdf:  # all four at once, unless one of them was refused
                    assert (images_in(pdf), "CANARY" in text_of(pdf)) == (0, False)
                    break


def test_the_drawing_process_is_given_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMIT_SECRET_KEY", "not for paper")
    with Renderer(limits=lambda _: PATIENT) as fresh:
        draw_raw(fresh, "x")
        assert b"not for paper" not in Path(f"/proc/{warm_of(fresh)}/environ").read_bytes()


# Deaths


def test_a_killed_child_is_a_refusal_and_the_next_document_is_drawn(renderer: Renderer) -> None:
    draw_raw(renderer, "warm")
    refusals: list[RenderRefused] = []
    thread = threading.Thread(target=_collect_refusal, args=(renderer, refusals))
    thread.start()
    os.kill(eventually(lambda: children_of(warm_of(renderer)))[0], signal.SIGKILL)
    thread.join(10)
    assert [refusal.reason for refusal in refusals] == ["crash"]
    assert draw_raw(renderer, "next").pdf


def _collect_refusal(renderer: Renderer, refusals: list[RenderRefused]) -> None:
    try:
        draw_raw(renderer, ENDLESS)
    except RenderRefused as refusal:
        refusals.append(refusal)


def test_a_dead_warm_process_is_replaced(renderer: Renderer) -> None:
    draw_raw(renderer, "warm")
    first = warm_of(renderer)
    os.kill(first, signal.SIGKILL)
    assert draw_raw(renderer, "again").pdf
    assert warm_of(renderer) != first


def test_a_warm_process_killed_in_the_middle_takes_its_child_along_and_keeps_nobody_waiting(short: Renderer) -> None:
    draw_raw(short, "warm")
    refusals: list[RenderRefused] = []
    thread = threading.Thread(target=_collect_refusal, args=(short, refusals))
    thread.start()
    warm = warm_of(short)
    child = eventually(lambda: children_of(warm))[0]
    os.kill(warm, signal.SIGKILL)
    eventually(lambda: gone(child))
    thread.join(20)  # a successor tried once more, and hit the limit
    assert [refusal.reason for refusal in refusals] == ["time"]
    assert draw_raw(short, "next").pdf


def test_threads_take_turns(renderer: Renderer) -> None:
    drawn: list[bytes] = []
    html = invoice_html(snapshot(2))
    threads = [
        threading.Thread(target=lambda: drawn.append(renderer.render(html, title="t", author="a", at=AT, lines=2)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(drawn) == 4
    assert len(set(drawn)) == 1


def test_closing_ends_the_warm_process_and_a_later_document_starts_another() -> None:
    renderer = Renderer(limits=lambda _: PATIENT)
    draw_raw(renderer, "x")
    warm = warm_of(renderer)
    renderer.close()
    renderer.close()
    assert gone(warm)
    assert draw_raw(renderer, "again").pdf
    renderer.close()


USER = """
import sys
from tests.billing.test_rendering import *
renderer = Renderer(limits=lambda _: PATIENT)
draw_raw(renderer, "warm")
print(warm_of(renderer), renderer._scratch, flush=True)
draw_raw(renderer, ENDLESS) if sys.argv[1] == "drawing" else sys.stdin.read()
"""


@pytest.mark.parametrize("at_death", ["idle", "drawing"])
def test_kill_9_of_the_user_leaves_no_process_behind(at_death: str) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", USER, at_death], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with user:
        assert user.stdout is not None
        pid, scratch = user.stdout.readline().decode().split()
        warm = int(pid)
        left = [warm]
        if at_death == "drawing":
            left += eventually(lambda: children_of(warm))
        user.kill()
        user.wait()
        eventually(lambda: all(gone(pid) for pid in left))
    assert not Path(scratch).exists()


def test_a_forked_copy_of_the_user_starts_a_process_of_its_own(renderer: Renderer) -> None:
    draw_raw(renderer, "warm")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            mine = draw_raw(renderer, "copy").pdf
            os.write(writing, b"%d %d" % (warm_of(renderer), len(mine)))
            renderer.close()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(writing)
    warm, size = os.read(reading, 100).split()
    os.close(reading)
    assert (int(warm) != warm_of(renderer), int(size) > 1_000) == (True, True)
    assert draw_raw(renderer, "original").pdf


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Renderer(limits=lambda _: SHORT) as renderer:
        draw_raw(renderer, "x")
        os.kill(warm_of(renderer), signal.SIGKILL)
        with pytest.raises(RenderRefused):
            draw_raw(renderer, ENDLESS)
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def warm_of(renderer: Renderer) -> int:
    assert renderer._warm is not None
    return renderer._warm.pid


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def gone(pid: int) -> bool:
    """No such process, or one that only waits to be counted by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def eventually(look: Callable[[], Found], seconds: float = 10) -> Found:
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "it did not happen in time"
        select.select([], [], [], 0.01)
    return found


# Limits


def test_limits_grow_with_the_lines() -> None:
    assert limits_for(1) == limits_for(200) == Limits(seconds=10, memory_bytes=512 * MB)
    assert limits_for(5_100) == Limits(seconds=65, memory_bytes=768 * MB)
    assert limits_for(10_000) == limits_for(50_000) == Limits(seconds=120, memory_bytes=1024 * MB)
