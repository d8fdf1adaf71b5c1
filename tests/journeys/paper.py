"""The figures of a document, as its page and as its PDF tell them."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, NamedTuple

from pypdf import PdfReader

if TYPE_CHECKING:
    from playwright.sync_api import Page

MONEY = re.compile(r"[−-]?£[\d,]+\.\d{2}")
ROWS = """(article) => [...article.querySelectorAll("table.lines tbody tr")].map((row) =>
  [...row.querySelectorAll(".d, .sub:not(.phone-only), td.num")].map((cell) => cell.textContent))"""
SUMS = """(article) => [...article.querySelectorAll("dl.totals > div")].map((row) =>
  [row.querySelector("dt").textContent, row.querySelector("dd").textContent])"""


class Told(NamedTuple):
    """A document's text as one line, and every sum of money in it."""

    text: str
    sums: set[str]


def plain(text: str) -> str:
    """The text in one line with plain spaces: no-break and line breaks are a matter of layout."""
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


def rows_of(page: Page) -> list[list[str]]:
    """The page's document: its lines and then its sums, each with the figures of its row."""
    article = page.get_by_role("article", name="Invoice details")
    rows: list[list[str]] = [*article.evaluate(ROWS), *article.evaluate(SUMS)]
    return [[plain(cell) for cell in row if cell.strip()] for row in rows]


def told_by_page(page: Page) -> Told:
    """What the page's document tells."""
    text = plain(page.get_by_role("article", name="Invoice details").evaluate("(article) => article.textContent"))
    return Told(text, set(MONEY.findall(text)))


def told_by_pdf(pdf: bytes) -> Told:
    """What the PDF tells."""
    text = plain(" ".join(part.extract_text() for part in PdfReader(io.BytesIO(pdf)).pages))
    return Told(text, set(MONEY.findall(text)))
