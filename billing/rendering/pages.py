"""The HTML of a document, from its frozen snapshot alone: the same snapshot gives the same page for ever.

The one Jinja environment of paper: autoescape always on, nothing undefined, `templates/pdf` only.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context

from billing import formatting

if TYPE_CHECKING:
    from jinja2.runtime import Context

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "pdf"

# A snapshot names the template it was issued with; a new look gets a new name, and old documents keep theirs.
DOCUMENT_TEMPLATES = {
    "invoice-1": "invoice.html",
    "receipt-1": "receipt.html",
    "credit-note-1": "credit_note.html",
}

# What documents did not say before there was anything to say about it.
UNSAID: dict[str, Any] = {"kind": "invoice", "about": None, "early": None, "schedule": []}

# What a tax category of EN 16931 (UNTDID 5305) is called beside its base, where its rate says nothing.
CATEGORY_WORDS = {
    "E": "VAT exempt",
    "AE": "VAT reverse charge",
    "K": "VAT intra-community supply",
    "G": "VAT export",
    "O": "Outside the scope of VAT",
}


def invoice_html(snapshot: dict[str, Any]) -> str:
    """The page of an issued document, ready for the renderer. The snapshot's days are ISO 8601 texts."""
    template = environment.get_template(DOCUMENT_TEMPLATES[snapshot["template"]])
    return template.render(UNSAID | snapshot, language=snapshot["locale"].replace("_", "-"))


@pass_context
def _money(page: Context, minor: int, currency: str) -> str:
    return formatting.money(minor, currency, locale=page["locale"])


@pass_context
def _unit_price(page: Context, text: str, currency: str) -> str:
    return formatting.unit_price(text, currency, locale=page["locale"])


@pass_context
def _quantity(page: Context, text: str) -> str:
    return formatting.quantity(text, locale=page["locale"])


@pass_context
def _day(page: Context, text: str) -> str:
    return formatting.day(date.fromisoformat(text), "long", locale=page["locale"])


@pass_context
def _rate(page: Context, ppm: int) -> str:
    return formatting.rate(ppm, locale=page["locale"])


@pass_context
def _tax_words(page: Context, tax: dict[str, Any]) -> str:
    return CATEGORY_WORDS.get(tax["category"]) or f"VAT at {_rate(page, tax['rate_ppm'])}"


def _initial(name: str) -> str:
    """The letter of the seller's mark."""
    return name.strip()[:1].upper()


def _shown(address: str) -> str:
    """A web address as people write it, without its scheme."""
    return address.partition("://")[2] or address


environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters |= {
    "money": _money,
    "unit_price": _unit_price,
    "quantity": _quantity,
    "day": _day,
    "rate": _rate,
    "tax_words": _tax_words,
    "initial": _initial,
    "shown": _shown,
}
