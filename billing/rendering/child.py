"""One document, drawn in a process of its own that may be killed at any moment.

xhtml2pdf and reportlab are imported here alone. `load` warms the parent up once; `draw` runs in its fork.
A document may reach the folder of assets (stylesheet, fonts) and nothing else: no network, no other file.
"""

from __future__ import annotations

import functools
import io
import itertools
import logging
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from reportlab import rl_config
from reportlab.graphics import shapes
from reportlab.graphics.barcode import qrencoder
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.lib.colors import HexColor, black
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import tables
from xhtml2pdf import pisa, xhtml2pdf_reportlab
from xhtml2pdf.config.resources import ResourceAccessPolicy

from billing.rendering.finish import finish

ASSETS = Path(__file__).resolve().parents[2] / "static" / "pdf"

# Where the page number stands: the free end of the footer frame of static/pdf/pdf.css, on its first line.
BODY_FONT, BODY_FONT_FILE = "Remit-Body", "fonts/NotoSans-Regular.ttf"
PAGE_NUMBER_RIGHT, PAGE_NUMBER_BASELINE = 16 * mm, 14.1 * mm
PAGE_NUMBER_SIZE, PAGE_NUMBER_COLOUR = 7.6, HexColor("#68645E")

WARM_UP = """<html><head><link rel="stylesheet" href="pdf.css"></head><body><p>Warm <b>up</b> \u2713</p>
<table repeat="1"><thead><tr><th>a</th></tr></thead><tr class="line"><td class="cell">1</td></tr></table>
<div class="due">x</div><pdf:barcode type="qr" value="a" barwidth="20mm" barheight="20mm"/>
<div id="footer">f</div></body></html>"""

MOST_WARNINGS, MOST_LETTERS = 20, 300  # a hostile document complains without end

# What a drawing process has no business doing, by the names of Python's audit events.
FORBIDDEN_EVENTS = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "urllib.")


class Forbidden(Exception):  # noqa: N818 - named for the fact, as refusals are
    """The document asked for the network or for another program."""


class NumberedCanvas(xhtml2pdf_reportlab.MarkedCanvas):  # type: ignore[misc]  # reportlab ships no types
    """Writes "Page x of y" in one layout: each page refers to a form, drawn once the last page is known.

    xhtml2pdf's own <pdf:pagecount> lays the whole document out twice.
    """

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """End a page."""
        self.doForm(f"page-{self.getPageNumber()}")
        super().showPage()

    def save(self) -> None:
        """Draw the page numbers, then write the document."""
        if self._code:
            self.showPage()
        pages = self.getPageNumber() - 1
        for page in range(1, pages + 1):
            self.beginForm(f"page-{page}")
            self.setFont(BODY_FONT, PAGE_NUMBER_SIZE)
            self.setFillColor(PAGE_NUMBER_COLOUR)
            right = self._pagesize[0] - PAGE_NUMBER_RIGHT
            self.drawRightString(right, PAGE_NUMBER_BASELINE, f"Page {page} of {pages}")
            self.endForm()
        super().save()


@functools.lru_cache(maxsize=8)
def _qr_group(value: str, size: float, border: int) -> shapes.Group:
    """A QR code as one filled path.

    reportlab draws one rectangle for each run of dark squares, some 200 of them, and works out the code three
    times: that was a quarter of the time of a short invoice, and left hairlines between rows on some screens.
    """
    code = qrencoder.QRCode(None, qrencoder.QRErrorCorrectLevel.M)
    code.addData(value)
    code.make()
    step = size / (code.getModuleCount() + 2 * border)
    path = shapes.Path(fillColor=black, strokeColor=None, strokeWidth=0)
    for number, row in enumerate(code.modules):
        top = size - (number + border) * step
        column = border
        for dark, squares in itertools.groupby(map(bool, row)):
            width = len(list(squares))
            if dark:
                left, right = column * step, (column + width) * step
                path.moveTo(left, top)
                path.lineTo(right, top)
                path.lineTo(right, top - step)
                path.lineTo(left, top - step)
                path.closePath()
            column += width
    frame = shapes.Rect(0, 0, size, size, fillColor=None, strokeColor=None, strokeWidth=0)
    return shapes.Group(frame, path)


def _draw_qr(widget: QrCodeWidget) -> shapes.Group:
    """In the place of QrCodeWidget.draw."""
    return _qr_group(widget.value, min(widget.barWidth, widget.barHeight), widget.barBorder)


class Warnings(logging.Handler):
    """Keeps what xhtml2pdf complains about: each distinct sentence once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one complaint."""
        sentence = f"{record.name}: {record.getMessage()}"[:MOST_LETTERS]
        if sentence not in self.sentences and len(self.sentences) < MOST_WARNINGS:
            self.sentences.append(sentence)


def load() -> None:
    """Load the libraries and the fonts, once for all documents; called in the warm parent."""
    rl_config.invariant = 1
    rl_config.useA85 = 0  # streams as bytes, not as letters: quicker, and a fifth smaller
    pdfmetrics.registerFont(TTFont(BODY_FONT, str(ASSETS / BODY_FONT_FILE)))
    # reportlab begins every page, table cell and drawing with Helvetica, which no document of ours carries.
    rl_config.canvas_basefontname = tables.CellStyle.fontname = shapes.STATE_DEFAULTS["fontName"] = BODY_FONT
    xhtml2pdf_reportlab.MarkedCanvas = NumberedCanvas
    QrCodeWidget.draw = _draw_qr
    _lay_out(WARM_UP, seconds=30)


def draw(request: dict[str, Any]) -> tuple[bytes, list[str]]:
    """The finished PDF of a request, and xhtml2pdf's warnings; called in a child whose limits are set."""
    sys.addaudithook(_forbid)
    warnings = Warnings()
    logging.getLogger().addHandler(warnings)
    drawn = _lay_out(request["html"], seconds=request["seconds"])
    at = datetime.fromisoformat(request["at"])
    return finish(drawn, title=request["title"], author=request["author"], at=at), warnings.sentences


def _lay_out(html: str, *, seconds: float) -> bytes:
    pdf = io.BytesIO()
    pisa.CreatePDF(
        html,
        dest=pdf,
        path=str(ASSETS / "document.html"),
        encoding="utf-8",
        resource_policy=ResourceAccessPolicy.server(ASSETS, allow_remote=False, max_render_seconds=seconds),
    )
    return pdf.getvalue()


def _forbid(event: str, _arguments: tuple[object, ...]) -> None:
    if event.startswith(FORBIDDEN_EVENTS):
        raise Forbidden(event)
