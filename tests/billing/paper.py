"""Makers for tests of paper: a frozen invoice, its PDF, the text on it, and eyes on the processes that draw it."""

from __future__ import annotations

import select
import time
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pypdf import PdfReader

from billing.rendering import Limits, Rendered, Renderer, invoice_html

if TYPE_CHECKING:
    from collections.abc import Callable

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
