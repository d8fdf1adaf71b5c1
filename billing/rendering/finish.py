"""The last step of a PDF: who wrote it and when, and the same bytes for the same document, always.

reportlab in its invariant mode dates every document to the year 2000; the instant of issue is written here.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pikepdf

if TYPE_CHECKING:
    from collections.abc import Iterator

CREATOR = "Remit"


class UnembeddedFont(Exception):  # noqa: N818 - named for the fact, as refusals are
    """The document draws with a font it does not carry: it would look different on another machine."""


def finish(drawn: bytes, *, title: str, author: str, at: datetime) -> bytes:
    """The drawn PDF with its title, author and date: equal bytes for equal arguments, on every machine.

    Raises UnembeddedFont where a font would be left to the reader's machine.
    """
    assert at.tzinfo is not None, "an instant is aware"
    instant = at.astimezone(UTC).strftime("D:%Y%m%d%H%M%S+00'00'")
    with pikepdf.open(io.BytesIO(drawn)) as pdf:
        for name in _fonts_left_out(pdf):
            raise UnembeddedFont(name)
        for key in list(pdf.docinfo.keys()):
            del pdf.docinfo[key]
        facts = {"Title": title, "Author": author, "Creator": CREATOR}
        for name, value in {**facts, "CreationDate": instant, "ModDate": instant}.items():
            pdf.docinfo[pikepdf.Name(f"/{name}")] = pikepdf.String(value)
        pdf.Root.ViewerPreferences = pikepdf.Dictionary(DisplayDocTitle=True)
        finished = io.BytesIO()
        pdf.save(finished, force_version="1.7", deterministic_id=True, compress_streams=True)
    return finished.getvalue()


def _fonts_left_out(pdf: pikepdf.Pdf) -> Iterator[str]:
    """The names of the fonts that the file uses and does not hold."""
    for found in pdf.objects:
        if not isinstance(found, pikepdf.Dictionary) or found.get("/Type") != pikepdf.Name.Font:
            continue
        descriptor = found.get("/FontDescriptor")
        if not isinstance(descriptor, pikepdf.Dictionary) or not any(
            key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3")
        ):
            yield str(found.get("/BaseFont"))
